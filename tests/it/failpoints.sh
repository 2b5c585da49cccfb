# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
# Failpoints of a running stack: sourced, before the stack is up.
#
#	fp arm after_claim=kill@1x1     for every process of the stack, from now on
#	fp off; fp show
#	fired PLACE / hits PLACE        how often, since the stack is up
. "$top_srcdir/tests/it/lib.sh"
if ! "$top_builddir/flashgate" -i | grep -q '^failpoints '; then
	echo "Bail out! not a build with failpoints: configure --enable-failpoints"
	exit 99
fi
FLASHGATE_FAILPOINT_FILE=$it_dir/failpoints
FLASHGATE_FAILPOINT_SEED=${SEED:-1}
export FLASHGATE_FAILPOINT_FILE FLASHGATE_FAILPOINT_SEED

fp() {
	"$top_builddir/tests/lib/failpoint" "$FLASHGATE_FAILPOINT_FILE" "$@"
}

fired() { # PLACE
	fp show | awk -v place="$1" '$1 == place { print $3 }'
}

hits() { # PLACE
	fp show | awk -v place="$1" '$1 == place { print $2 }'
}

has_fired() { # PLACE [BEFORE]
	[ "$(fired "$1")" -gt "${2:-0}" ]
}

# Children of the master; all of them, or those of a name.
children() { # [NAME]
	ps -o pid=,comm= --ppid "$PID" | awk -v name="${1:-}" \
	    'name == "" || $2 == "fg:" name { print $1 }'
}

stopped() { # pids of stopped workers
	ps -o pid=,stat= --ppid "$PID" | awk '$2 ~ /^T/ { print $1 }'
}

stopped_are() { # N
	[ "$(stopped | wc -l)" -ge "$1" ]
}

continue_all() {
	for pid in $(stopped); do
		kill -CONT "$pid" 2>/dev/null
	done
}

sold() { # [SLUG]
	sql "SELECT COUNT(*) FROM orders o JOIN sales s ON s.id = o.sale_id
	    WHERE o.status = 'sold' AND s.slug = '${1:-drop}'"
}

leases_gone() { # SLUG
	ctl --json sale show "$1" | jq -e '.gate.leased == 0' >/dev/null
}

gate_is_current() { # SLUG
	ctl --json sale show "$1" | jq -e '.gate.epoch == .epoch and .state != "rebuild"'
}
# Each unit has one home.  Where damage was seen the keeper makes the gate anew, and
# may be about to: it is counted once more in the gate that follows.
sound() { # SLUG
	for sound_try in 1 2 3; do
		wait_for 20 gate_is_current "$1"
		sound_epoch=$(sql "SELECT epoch FROM sales WHERE slug = '$1'")
		ctl reconcile "$1" --settle 1 && return 0
		[ "$(sql "SELECT epoch FROM sales WHERE slug = '$1'")" != "$sound_epoch" ] ||
			return 1
	done
	return 1
}
