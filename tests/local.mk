# Tests.  Unit tests (Check) link only the layers that they may see.  *.it are
# integration tests against private servers; without the servers they are
# skipped, unless FG_REQUIRE_SERVERS is set (./check sets it).
TEST_EXTENSIONS = .sh .it
TAP_ENV = AM_TAP_AWK='$(AWK)' $(SHELL) $(top_srcdir)/build-aux/tap-driver.sh
LOG_DRIVER = env $(TAP_ENV)
SH_LOG_DRIVER = env $(TAP_ENV)
IT_LOG_DRIVER = env $(TAP_ENV)
AM_TESTS_ENVIRONMENT = \
	top_srcdir='$(abs_top_srcdir)' top_builddir='$(abs_top_builddir)' \
	REDIS_SERVER='$(REDIS_SERVER)' MARIADBD='$(MARIADBD)' NGINX_BIN='$(NGINX)' \
	MANDOC='$(MANDOC)' SPIN='$(SPIN)' CC='$(CC)' FAILPOINTS='$(FAILPOINTS)' \
	CK_TAP_LOG_FILE_NAME=- CK_VERBOSITY=silent CK_TIMEOUT_MULTIPLIER=5; \
	export top_srcdir top_builddir REDIS_SERVER MARIADBD NGINX_BIN MANDOC SPIN CC FAILPOINTS \
	CK_TAP_LOG_FILE_NAME CK_VERBOSITY CK_TIMEOUT_MULTIPLIER;

TEST_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/tests $(CHECK_CFLAGS)
# Unit tests: run by check-unit and check-valgrind as well.
unit_tests =
# Their bounds of time are part of what they show: not for valgrind.
timed_tests =

dist_check_SCRIPTS += %reldir%/layers.sh %reldir%/listed.sh
TESTS += %reldir%/layers.sh %reldir%/listed.sh
EXTRA_DIST += %reldir%/unit.h %reldir%/tap.sh
dist_check_SCRIPTS += %reldir%/with-servers
EXTRA_DIST += scripts/servers.sh

# Preloaded into mariadbd, so linked to nothing and without sanitizers.
libheld = tests/lib/libheld.so
$(libheld): %reldir%/lib/held.c
	@$(MKDIR_P) tests/lib
	$(AM_V_CC)$(CC) -O2 -g -Wall -Wextra -fPIC -shared -o $@ \
	    $(srcdir)/%reldir%/lib/held.c -ldl
CLEANFILES += $(libheld)
EXTRA_DIST += %reldir%/lib/held.c

if HAVE_CHECK
include tests/base/local.mk
include tests/pool/local.mk
include tests/fcgi/local.mk
include tests/sale/local.mk
include tests/gate/local.mk
include tests/ledger/local.mk
include tests/web/local.mk
include tests/prog/local.mk
endif
include tests/rush/local.mk
include tests/model/local.mk
include tests/chaos/local.mk
include tests/it/local.mk

check_PROGRAMS += $(unit_tests) $(timed_tests)
TESTS += $(unit_tests) $(timed_tests)

check-unit: $(unit_tests) $(timed_tests)
	$(MAKE) $(AM_MAKEFLAGS) check TESTS='$(unit_tests) $(timed_tests)'

# Every unit test once under memcheck, without fork, so that a leak is one.  As
# many at a time as there are processors.
check-valgrind: $(unit_tests)
	@test -n '$(VALGRIND)' || { echo 'valgrind is not installed' >&2; exit 1; }
	@printf '%s\n' $(unit_tests) | CK_FORK=no CK_VERBOSITY=normal \
	    CK_TIMEOUT_MULTIPLIER=50 xargs -P "$$(nproc)" -I TEST sh -c ' \
	    "$(VALGRIND)" -q --error-exitcode=1 --leak-check=full \
	    --show-leak-kinds=definite,possible \
	    --errors-for-leak-kinds=definite --trace-children=no \
	    --suppressions="$(top_srcdir)/tests/valgrind.supp" ./TEST >TEST.vg 2>&1 \
	    && echo "ok TEST" || { echo "not ok TEST"; cat TEST.vg; exit 1; }'
CLEANFILES += $(unit_tests:=.vg)
EXTRA_DIST += %reldir%/valgrind.supp
