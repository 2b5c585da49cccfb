dnl SPDX-License-Identifier: Apache-2.0
dnl Compiler and linker flags of the project.  They go to FG_CFLAGS,
dnl FG_CPPFLAGS and FG_LDFLAGS only: CFLAGS and its friends are the user's,
dnl come last on the command line, and so win.

# FG_WARNINGS: always on; --enable-werror makes them fatal (developers, CI).
AC_DEFUN([FG_WARNINGS], [
AC_ARG_ENABLE([werror],
	[AS_HELP_STRING([--enable-werror], [treat warnings as errors])],
	[], [enable_werror=no])
AX_APPEND_COMPILE_FLAGS([-Wall -Wextra -Wformat=2 -Wshadow dnl
	-Wstrict-prototypes -Wmissing-prototypes -Wold-style-definition dnl
	-Wpointer-arith -Wcast-qual -Wwrite-strings -Wundef -Wvla -Walloca dnl
	-Wimplicit-fallthrough -Wswitch-enum -Wdouble-promotion -fno-common dnl
	-Wlogical-op -Wduplicated-cond -Wduplicated-branches dnl
	-Wjump-misses-init], [FG_CFLAGS], [-Werror])
AS_IF([test "x$enable_werror" = xyes], [AX_APPEND_FLAG([-Werror], [FG_CFLAGS])])
dnl Layers that count bytes and money also refuse silent conversions.
AX_APPEND_COMPILE_FLAGS([-Wconversion -Wsign-conversion],
	[FG_STRICT_CFLAGS], [-Werror])
AC_SUBST([FG_STRICT_CFLAGS])
])

# FG_SANITIZERS: --enable-sanitizers[=LIST], default address,undefined.
AC_DEFUN([FG_SANITIZERS], [
AC_ARG_ENABLE([sanitizers],
	[AS_HELP_STRING([--enable-sanitizers@<:@=LIST@:>@],
		[build with sanitizers @<:@address,undefined@:>@])],
	[], [enable_sanitizers=no])
AS_CASE([$enable_sanitizers],
	[no], [],
	[yes], [fg_sanitizers=address,undefined],
	[fg_sanitizers=$enable_sanitizers])
AS_IF([test "x$enable_sanitizers" != xno], [
	AX_CHECK_LINK_FLAG([-fsanitize=$fg_sanitizers], [],
		[AC_MSG_ERROR([the compiler cannot do -fsanitize=$fg_sanitizers])])
	AX_APPEND_FLAG([-fsanitize=$fg_sanitizers], [FG_CFLAGS])
	AX_APPEND_FLAG([-fno-sanitize-recover=all], [FG_CFLAGS])
	AX_APPEND_FLAG([-fno-omit-frame-pointer], [FG_CFLAGS])
	AX_APPEND_FLAG([-fsanitize=$fg_sanitizers], [FG_LDFLAGS])
	AC_DEFINE([FG_SANITIZED], [1], [Built with sanitizers: the arena gives
		every piece its own malloc, so that they can see it.])
])
])

# FG_HARDENING: on by default, steps back for sanitizers and for a user who
# has already chosen.
AC_DEFUN([FG_HARDENING], [
AC_ARG_ENABLE([hardening],
	[AS_HELP_STRING([--disable-hardening],
		[do not add hardening flags])],
	[], [enable_hardening=yes])
AS_IF([test "x$enable_hardening" = xyes], [
	AX_APPEND_COMPILE_FLAGS([-fstack-protector-strong dnl
		-fstack-clash-protection -fcf-protection=full dnl
		-ftrivial-auto-var-init=zero -fPIE], [FG_CFLAGS], [-Werror])
	AX_APPEND_LINK_FLAGS([-pie -Wl,-z,relro -Wl,-z,now dnl
		-Wl,-z,noexecstack], [FG_LDFLAGS])
	AS_CASE([" $CPPFLAGS $CFLAGS "],
		[*_FORTIFY_SOURCE*|*" -O0 "*|*-fsanitize*], [],
		[AS_IF([test "x$enable_sanitizers" = xno],
			[FG_CPPFLAGS="$FG_CPPFLAGS -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2"])])
])
])

# FG_COVERAGE: gcov counters; `make coverage` reads them.
AC_DEFUN([FG_COVERAGE], [
AC_ARG_ENABLE([coverage],
	[AS_HELP_STRING([--enable-coverage], [count executed lines (gcov)])],
	[], [enable_coverage=no])
AS_IF([test "x$enable_coverage" = xyes], [
	AX_APPEND_FLAG([--coverage], [FG_CFLAGS])
	AX_APPEND_FLAG([--coverage], [FG_LDFLAGS])
])
AM_CONDITIONAL([FG_COVERAGE], [test "x$enable_coverage" = xyes])
])
