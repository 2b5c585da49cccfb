dnl SPDX-License-Identifier: Apache-2.0
dnl Builds for tests only: failpoints (src/base/failpoint.h) and planted bugs
dnl (src/base/mutant.h).  Neither is in a normal build, not by name either.

AC_DEFUN([FG_FAULTS], [
AC_ARG_ENABLE([failpoints],
	[AS_HELP_STRING([--enable-failpoints],
		[tests only: places at which the programs can be killed])],
	[], [enable_failpoints=no])
AS_IF([test "x$enable_failpoints" != xno],
	[AC_DEFINE([FG_FAILPOINTS], [1], [Built with failpoints.])])
AM_CONDITIONAL([FG_FAILPOINTS], [test "x$enable_failpoints" != xno])
AC_SUBST([FAILPOINTS], [$enable_failpoints])
AC_ARG_ENABLE([mutant],
	[AS_HELP_STRING([--enable-mutant=NAME],
		[tests only: plant a bug of src/base/mutant.h])],
	[], [enable_mutant=no])
AS_CASE([$enable_mutant],
	[no], [],
	[yes], [AC_MSG_ERROR([--enable-mutant=NAME: src/base/mutant.h has the names])],
	[AS_IF([grep "X($enable_mutant," "$srcdir/src/base/mutant.h" >/dev/null], [],
		[AC_MSG_ERROR([--enable-mutant=$enable_mutant: no such mutant])])
	AC_DEFINE_UNQUOTED([FG_MUTANT], [MUTANT_$enable_mutant],
		[The bug that is planted.])])
])
