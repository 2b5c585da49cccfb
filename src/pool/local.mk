# pool: master and children.  Knows nothing of FastCGI, HTTP or sales.
noinst_LIBRARIES += libpool.a
libpool_a_SOURCES = \
	%reldir%/pool.h
EXTRA_DIST += %reldir%/.may_include
