#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# 256 kept connections on 16 workers beside a connection a request, in turns on
# the same stack: `make bench-kept`, or by hand as CONTRIBUTING.md says of tests.
#
#	RATE=1000 SECONDS_EACH=10 ROUNDS=3 CONNS=256 WORKERS=16
set -u
. "$top_srcdir/tests/it/lib.sh"
: "${RATE:=1000}" "${SECONDS_EACH:=10}" "${ROUNDS:=3}" "${CONNS:=256}" "${WORKERS:=16}"
load=$top_builddir/bench/fcgi-load
stack_up --workers "$WORKERS" --set identity.remote_user=yes
sale_new drop 1000000 --per-customer 1 || diag "sale_new failed"

once() { # [-u] WHAT
	"$load" "$@" -c "$CONNS" -s "$SECONDS_EACH" -p HTTP_HOST=localhost "$FCGI_SOCK"
}
fair=0
run=0
for round in $(seq "$ROUNDS"); do
	for kind in "" -u; do
		run=$((run + 1))
		# Purchases: each waits for Redis and MySQL, as they do in a sale.
		once $kind -r "$RATE" -p REQUEST_METHOD=POST \
		    -p REQUEST_URI=/v1/sales/drop/orders -p CONTENT_LENGTH= \
		    -p "REMOTE_USER=c$run-%" -p "HTTP_IDEMPOTENCY_KEY=k%" \
		    >"$it_dir/line" || fair=1
		echo "purchases: $(cat "$it_dir/line")"
		once $kind -r "$RATE" -p REQUEST_METHOD=GET \
		    -p REQUEST_URI=/v1/sales/drop >"$it_dir/line" || fair=1
		echo "looks:     $(cat "$it_dir/line")"
	done
done
exit $fair
