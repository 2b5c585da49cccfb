# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
# TAP for shell tests: sourced.  A test is a row of `ok`/`is`/`like` calls and
# ends with `tap_done`.
#
#	. "$top_srcdir/tests/tap.sh"
#	is "$(cmd)" "expected" "what it shows"
#	tap_done

tap_n=0
tap_failed=0

tap_report() { # STATUS NAME
	tap_n=$((tap_n + 1))
	if [ "$1" -eq 0 ]; then
		printf 'ok %d - %s\n' "$tap_n" "$2"
	else
		printf 'not ok %d - %s\n' "$tap_n" "$2"
		tap_failed=$((tap_failed + 1))
	fi
}

diag() {
	printf '%s\n' "$*" | sed 's/^/# /' | tr -d '\000'
}

pass() {
	tap_report 0 "$1"
}

fail() { # NAME [DETAIL...]
	tap_report 1 "$1"
	shift
	[ $# -eq 0 ] || diag "$@"
}

ok() { # NAME COMMAND...
	tap_name=$1
	shift
	if "$@" >"${TMPDIR:-/tmp}/tap.$$" 2>&1; then
		tap_report 0 "$tap_name"
	else
		tap_status=$?
		tap_report 1 "$tap_name"
		diag "exit $tap_status of: $*"
		diag "$(tail -20 "${TMPDIR:-/tmp}/tap.$$")"
	fi
	rm -f "${TMPDIR:-/tmp}/tap.$$"
}

is() { # GOT EXPECTED NAME
	if [ "$1" = "$2" ]; then
		tap_report 0 "$3"
	else
		tap_report 1 "$3"
		diag "     got: $1"
		diag "expected: $2"
	fi
}

like() { # GOT ERE NAME
	if printf '%s\n' "$1" | grep -Eq -- "$2"; then
		tap_report 0 "$3"
	else
		tap_report 1 "$3"
		diag "     got: $1"
		diag "expected: /$2/"
	fi
}

# Waits until COMMAND succeeds, at most SECONDS; a condition, never a sleep.
wait_for() { # SECONDS COMMAND...
	tap_until=$(($(date +%s) + $1))
	shift
	until "$@" >/dev/null 2>&1; do
		[ "$(date +%s)" -lt "$tap_until" ] || return 1
		sleep 0.05
	done
}

# A missing server is a skip for a packager and a failure in CI.
skip_all() { # REASON
	if [ -n "${FG_REQUIRE_SERVERS:-}" ]; then
		echo "Bail out! $1 (and FG_REQUIRE_SERVERS is set)"
		exit 99
	fi
	echo "1..0 # SKIP $1"
	exit 0
}

tap_done() {
	printf '1..%d\n' "$tap_n"
	[ "$tap_failed" -eq 0 ]
}
