# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
# A private stack for one integration test: sourced.
#
#	. "$top_srcdir/tests/it/lib.sh"
#	stack_up [stack options]           everything in DIR/env is set
#	sale_new SLUG STOCK [create options]
#	get PATH / post PATH [curl options] status, then headers and body in files
. "$top_srcdir/tests/tap.sh"
. "$top_srcdir/scripts/servers.sh"
: "${NGINX_BIN:=$(PATH=$PATH:/usr/sbin command -v nginx || true)}"

for it_server in "$REDIS_SERVER" "$MARIADBD" "$NGINX_BIN"; do
	[ -n "$it_server" ] || skip_all "redis-server, mariadbd and nginx are needed"
done
for it_tool in curl jq; do
	command -v $it_tool >/dev/null || skip_all "no $it_tool"
done

it_dir=$(mktemp -d "${TMPDIR:-/tmp}/fg-it.XXXXXX") || exit 99
body=$it_dir/body
head=$it_dir/head
it_cleanup() {
	it_code=$?
	trap '' TERM INT HUP
	if [ $it_code != 0 ] && [ -f "$it_dir/flashgate.log" ]; then
		diag "$(tail -30 "$it_dir/flashgate.log")"
	fi
	it_on_exit
	"$top_srcdir/scripts/stack" "$it_dir" down
	rm -rf "$it_dir"
}
it_on_exit() { # to be redefined by a test
	:
}
trap it_cleanup EXIT
trap 'exit 143' TERM INT HUP

stack_up() {
	if ! "$top_srcdir/scripts/stack" "$it_dir" up --build "$top_builddir" \
	    "$@" >"$it_dir/up.out" 2>&1; then
		diag "$(tail -20 "$it_dir/up.out")"
		echo "Bail out! the stack does not start"
		exit 99
	fi
	. "$it_dir/env"
}

ctl() {
	"$FLASHGATECTL" -y "$CONF" "$@"
}

sql() { # STATEMENT
	mariadb_sql "$it_dir" "$MYSQL_DB" -e "$1"
}

redis() {
	"$REDIS_CLI" -s "$REDIS_SOCK" "$@"
}

token() { # CUSTOMER
	ctl token "$1"
}

# Asks; prints the status.  Body and headers are in $body and $head.
ask() { # CURL-OPTIONS
	curl -sS --noproxy '*' -m 20 -o "$body" -D "$head" -w '%{http_code}' "$@"
}

get() { # PATH [CURL-OPTIONS]
	it_path=$1
	shift
	ask "$@" "$URL$it_path"
}

# A purchase: as CUSTOMER, of SALE.
buy() { # CUSTOMER SALE [CURL-OPTIONS]
	it_customer=$1 it_sale=$2
	shift 2
	ask -X POST -H "Authorization: Bearer $(token "$it_customer")" "$@" \
	    "$URL/v1/sales/$it_sale/orders"
}

code() {
	jq -r '.code // empty' "$body"
}

header() { # NAME
	tr -d '\r' <"$head" | sed -n "s/^$1: //Ip" | tail -1
}

sale_state_is() { # SLUG STATE
	get "/v1/sales/$1" >/dev/null && [ "$(jq -r .state "$body")" = "$2" ]
}

# Created, opened, and known to the workers.
sale_new() { # SLUG STOCK [CREATE-OPTIONS]
	it_slug=$1 it_stock=$2
	shift 2
	ctl sale create "$it_slug" --title "Sale $it_slug" --stock "$it_stock" \
	    --price 1999 --currency EUR "$@" >/dev/null &&
		ctl sale open "$it_slug" >/dev/null &&
		wait_for 20 sale_state_is "$it_slug" open
}

# Descriptors that a program which a process of ours executes would see: 3 and
# above without close-on-exec, or a socket on 0 to 2.  Whom we may not look at
# (process.dumpable = no) is no proof.
leaks_of() { # PID...
	[ $# -gt 0 ] || echo "nobody"
	for pid in "$@"; do
		readlink "/proc/$pid/fd/0" >/dev/null 2>&1 || echo "$pid may not be looked at"
		for fd in /proc/"$pid"/fdinfo/*; do
			number=${fd##*/}
			flags=$(sed -n 's/^flags:[[:space:]]*//p' "$fd" 2>/dev/null)
			to=$(readlink "/proc/$pid/fd/$number")
			case $number:$to in
			[012]:socket:*) echo "$pid $number $to" ;;
			[012]:*) ;;
			*) [ -z "$flags" ] || [ $((flags & 02000000)) != 0 ] ||
				echo "$pid $number $to" ;;
			esac
		done
	done
}

rush() {
	"$RUSH" --url "$URL" --token-key "$TOKEN_KEY" --token-kid stack --quiet "$@"
}
