# gate: Redis behind the sale's gate port.  The only folder that sees hiredis.
noinst_LIBRARIES += libgate.a
libgate_a_CPPFLAGS = $(AM_CPPFLAGS) $(HIREDIS_CFLAGS)
libgate_a_CFLAGS = $(AM_CFLAGS) $(FG_STRICT_CFLAGS)
libgate_a_SOURCES = \
	%reldir%/address.c %reldir%/address.h \
	%reldir%/build.c \
	%reldir%/claim.c \
	%reldir%/command.c %reldir%/command.h \
	%reldir%/conn.c %reldir%/conn.h \
	%reldir%/durable.c \
	%reldir%/entry.c %reldir%/entry.h \
	%reldir%/errors.c %reldir%/errors.h \
	%reldir%/gate.c %reldir%/gate.h %reldir%/gate_priv.h \
	%reldir%/info.c %reldir%/info.h \
	%reldir%/keep.c \
	%reldir%/open.c %reldir%/open.h \
	%reldir%/queue.c \
	%reldir%/reply.c %reldir%/reply.h \
	%reldir%/wire.c %reldir%/wire.h
nodist_libgate_a_SOURCES = %reldir%/gate_lua.c

# The functions, one library in five parts.
GATE_LUA = %reldir%/gate.lua %reldir%/build.lua %reldir%/queue.lua \
	%reldir%/keep.lua %reldir%/library.lua

# They as a C string, a line a line.  Made in the build folder, and renamed into
# place, so that an interrupted make leaves no half file.
%reldir%/gate_lua.c: $(GATE_LUA)
	$(AM_V_GEN)$(MKDIR_P) %reldir% && { \
	    echo '/* Made by %reldir%/local.mk of the Lua beside it. */' && \
	    echo '#include "config.h"' && echo && \
	    echo '#include "gate/gate_priv.h"' && echo && \
	    echo 'const char gate_lua[] =' && \
	    for part in $(GATE_LUA); do \
		$(SED) -e 's/\\/\\\\/g' -e 's/"/\\"/g' -e 's/^/    "/' \
		    -e 's/$$/\\n"/' "$(srcdir)/$$part" || exit 1; \
	    done && \
	    echo '    ;' && \
	    echo 'const size_t gate_lua_bytes = sizeof(gate_lua) - 1;'; \
	} >$@-t && mv $@-t $@
CLEANFILES += %reldir%/gate_lua.c %reldir%/gate_lua.c-t
EXTRA_DIST += %reldir%/.may_include $(GATE_LUA)
