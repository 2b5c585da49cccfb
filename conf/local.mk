# Example configuration, installed beside the documentation.  flashgate.conf is
# made from the table of settings (make regenerate).
exampledir = $(docdir)/examples
dist_example_DATA = \
	%reldir%/apache.conf \
	%reldir%/flashgate.conf \
	%reldir%/my.cnf \
	%reldir%/nginx.conf \
	%reldir%/redis.conf
