/* SPDX-License-Identifier: Apache-2.0 */
/*
 * MySQL's libmysqlclient and MariaDB's Connector/C behind one set of names.
 * The only place of this folder that includes their headers.  Any process.
 */
#ifndef LEDGER_COMPAT_H
#define LEDGER_COMPAT_H

#include <mysql.h>
#include <errmsg.h>
#include <mysqld_error.h>

#include <stdbool.h>

#ifdef HAVE_MY_BOOL
typedef my_bool sql_bool;
#else
typedef bool sql_bool; /* MySQL 8 has done away with my_bool */
#endif

/* The descriptor of a standing connection. */
static inline int sql_socket(MYSQL *mysql)
{
#ifdef HAVE_MARIADB_CONNECTOR
	return (int)mysql_get_socket(mysql);
#else
	return (int)mysql->net.fd;
#endif
}

#endif
