#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Orders a second by the size of the batch, on a private MariaDB that flushes at
# every commit: `make bench-batch`.
#
#	ROWS=2048 ROUNDS=7
set -u
exec "$top_srcdir/tests/with-servers" mariadb -- sh -euc '
	. "$top_srcdir/scripts/servers.sh"
	mariadb_sql "$FG_DIR" -e "CREATE DATABASE flashgate"
	cat "$top_srcdir"/sql/[0-9]*.sql | mariadb_sql "$FG_DIR" flashgate
	exec "$top_builddir/bench/ledger-batch" "${ROWS:-2048}" "${ROUNDS:-7}"'
