#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What it costs to make sure of a row before it is told: bench/replay on a private
# MariaDB, without a binary log and with one, alone and in company.
#
#	ROWS=500 READERS="1 16" ROUNDS=3
set -eu
: "${ROWS:=500}" "${READERS:=1 16}" "${ROUNDS:=3}"
export ROWS READERS ROUNDS
if [ "${1:-}" != on-server ]; then
	for more in --skip-log-bin "--log-bin=binlog --sync-binlog=1"; do
		echo "$more"
		MARIADB_MORE=$more "$top_srcdir/tests/with-servers" mariadb -- \
		    sh "$0" on-server
	done
	exit
fi

. "$top_srcdir/scripts/servers.sh"
mariadb_sql "$FG_DIR" -e "CREATE DATABASE flashgate"
cat "$top_srcdir"/sql/[0-9]*.sql | mariadb_sql "$FG_DIR" flashgate
mariadb_sql "$FG_DIR" <"$top_srcdir/sql/users.sql.example"
sale=0
for round in $(seq "$ROUNDS"); do
	for readers in $READERS; do
		sale=$((sale + 1))
		mariadb_sql "$FG_DIR" flashgate <<-SQL
			INSERT INTO sales (id, slug, title, price_minor, currency, stock,
			  per_customer, mode, state, epoch, claim_key)
			VALUES ($sale, 's$sale', 'A thing', 1, 'EUR', 100000, 1, 'direct',
			  'open', 1, REPEAT('k', 32));
		SQL
		"$top_builddir/bench/replay" "$MYSQL_SOCK" "$sale" "$readers" "$ROWS"
	done
done
