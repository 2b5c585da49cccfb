dnl SPDX-License-Identifier: Apache-2.0
# FG_MYSQL: finds a client library that speaks MySQL's protocol.
#
# MySQL's own libmysqlclient and MariaDB's Connector/C are both welcome.  Debian
# and Fedora ship the second under the first's pkg-config name as well, so which
# one it is, is asked of the header, not of the name.
#
# Sets MYSQL_CFLAGS, MYSQL_LIBS; defines HAVE_MARIADB_CONNECTOR and HAVE_MY_BOOL.
AC_DEFUN([FG_MYSQL], [
AC_ARG_WITH([mysql],
	[AS_HELP_STRING([--with-mysql=NAME], [pkg-config name of the client
		library: mysqlclient or libmariadb @<:@either@:>@])],
	[], [with_mysql=either])
AS_CASE([$with_mysql],
	[either], [PKG_CHECK_MODULES([MYSQL], [mysqlclient], [],
		[PKG_CHECK_MODULES([MYSQL], [libmariadb], [],
			[AC_MSG_ERROR([no MySQL client library found: install
			libmariadb-dev (Debian), mariadb-connector-c-devel (Fedora) or
			libmysqlclient-dev])])])],
	[PKG_CHECK_MODULES([MYSQL], [$with_mysql])])
fg_save_CPPFLAGS=$CPPFLAGS
CPPFLAGS="$CPPFLAGS $MYSQL_CFLAGS"
AC_CHECK_HEADER([mysql.h], [],
	[AC_MSG_ERROR([mysql.h does not compile with $MYSQL_CFLAGS])])
AC_CHECK_DECL([MARIADB_PACKAGE_VERSION],
	[AC_DEFINE([HAVE_MARIADB_CONNECTOR], [1],
		[The client library is MariaDB Connector/C.])
	fg_mysql_is="MariaDB Connector/C"], [fg_mysql_is="MySQL libmysqlclient"],
	[[#include <mysql.h>]])
AC_CHECK_TYPE([my_bool],
	[AC_DEFINE([HAVE_MY_BOOL], [1],
		[mysql.h has my_bool (MariaDB, MySQL before 8).])], [],
	[[#include <mysql.h>]])
CPPFLAGS=$fg_save_CPPFLAGS
])
