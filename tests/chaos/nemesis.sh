# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
# The nemesis: everything that may go wrong with a stack, one function a fault:
# sourced by tests/chaos/run.  Needs $dir (a stack that talks to its stores
# through faultd), its env, $slug, $MODE, $mode, $FAULTD, and in $sec the second
# Redis' folder.
#
#	nemesis_kinds             the names of all faults that can be made here
#	nemesis_kinds_sparing     those of them that cost Redis nothing
#	nemesis_kinds_storing     and those that cost it nothing that it had stored
#	                          ($persist, $fsync)
#	nemesis_play KIND         makes it, waits a moment, undoes it, logs it
#	nemesis_quiet             waits for what is still under way
#
# Each fault is undone by the function that made it: what it leaves behind is
# the damage, not the cause.  The log, $dir/faults.ndjson, has a line a fault:
# kind, and from when to when, in seconds since 1970.  Chance comes from $seed.
#
# A fault that nobody felt is none: a function fails unless its fault was made
# (the reply was read, the process was there, faultd counts a request that it
# held ..).  $dir/made has a line for each that was, $dir/missed for each that
# was not, $dir/skipped, with the reason, for each that this run cannot have.
# What could not be undone goes to $dir/broken: such a run shows nothing.
# $dir/losses.ndjson has what cost Redis something that it had stored, from the
# beginning to when the gate was whole again.

rnd() { # N; a number below N in $R
	seed=$(((seed * 1103515245 + 12345) & 0x7fffffff))
	R=$(((seed >> 8) % $1))
}

now() {
	date +%s.%N
}

fault_log() { # KIND BEGIN END
	printf '{"fault":"%s","begin":%s,"end":%s}\n' "$1" "$2" "$3" \
	    >>"$dir/faults.ndjson"
}

skip() { # KIND REASON
	echo "$1: $2" >>"$dir/skipped"
	skipped=yes
	return 1
}
broken() { # WHAT
	echo "$*" >>"$dir/broken"
}

# Between MIN and MIN + SPAN milliseconds: how long a fault lasts.
hold() { # MIN SPAN
	rnd "$2"
	sleep "$(awk -v ms=$(($1 + R)) 'BEGIN { print ms / 1000 }')"
}

tell() {
	"$FAULTD" tell "$dir/faultd.sock" "$@" >/dev/null
}
rdir() {
	cat "$dir/redis.dir"
}
rcli() {
	"$REDIS_CLI" -s "$(rdir)/redis.sock" "$@" 2>&1
}
# For those who change something: the reply must say so.
rcli_ok() {
	[ "$(rcli "$@")" = OK ]
}
root_sql() {
	mariadb_sql "$dir" "$@" 2>/dev/null
}
# What faultd has counted: of a front, or of both.
net_count() { # redis|mysql|all COUNT
	"$FAULTD" tell "$dir/faultd.sock" "$1" stats |
	    jq -es "map(.$2) | add" 2>/dev/null
}
children() { # NAME
	ps -o pid=,comm= --ppid "$(cat "$dir/flashgate.start.pid")" |
	    awk -v name="fg:$1" '$2 == name { print $1 }'
}
aof_ready() {
	rcli INFO persistence | grep -q 'aof_rewrite_in_progress:0'
}
child() { # NAME; one of them in $C
	set -- $(children "$1")
	[ $# -gt 0 ] || return 1
	rnd $#
	shift "$R"
	C=$1
}
serves() {
	curl -fsS --noproxy '*' -m 2 "$URL/v1/time"
}
# One may be within another: nothing is kept in variables.
within() { # SECONDS COMMAND...
	set -- $(($(date +%s) + $1)) "$@"
	until within_try "$@" >/dev/null 2>&1; do
		[ "$(date +%s)" -lt "$1" ] || return 1
		sleep 0.05
	done
}
within_try() { # UNTIL SECONDS COMMAND...
	shift 2
	"$@"
}

. "$top_srcdir/tests/chaos/faults.sh"

# ---- the table ------------------------------------------------------------------------------------

# Of modes: who writes what was accepted dies or sleeps, and the mode changes.
mode_kinds() {
	[ "$MODE" = direct ] ||
		echo settler-kill settlers-kill settler-stop sweep-dies
	[ "$MODE" != mixed ] || echo mode-switch
}
nemesis_kinds_sparing() {
	mode_kinds
	cat <<-KINDS
		worker-kill workers-kill worker-stop keeper-kill keeper-stop
		monitor-kill master-kill reload rebuilder-dies
		redis-stop redis-functions redis-oom redis-noreplicas redis-pause
		redis-kill-clients
		mysql-kill mysql-stop mysql-readonly mysql-kill-clients
		mysql-connections mysql-lock mysql-lock-long mysql-full
		redis-latency redis-slice redis-blackhole redis-reset redis-refuse
		redis-cut-up redis-cut-down redis-swallow redis-lose redis-hold
		mysql-latency mysql-slice mysql-blackhole mysql-reset mysql-refuse
		mysql-cut-up mysql-cut-down mysql-swallow mysql-lose mysql-hold
		sale-pause
	KINDS
}
nemesis_kinds_storing() {
	nemesis_kinds_sparing
	echo redis-kill redis-readonly
}
nemesis_kinds() {
	nemesis_kinds_storing
	echo redis-flushall redis-cut-aof redis-older-copy redis-swap gate-forgets
}

# A function of its own, or that of the wires for one of them.
nemesis_call() { # KIND
	call_name=$(echo "$1" | tr - _)
	if command -v "f_$call_name" >/dev/null; then
		"f_$call_name"
	else
		"f_net_${call_name#*_}" "${1%%-*}"
	fi
}

under_way=
nemesis_play() { # KIND
	play_begun=$(now)
	unlogged=no skipped=no forgets=no
	after=:
	if nemesis_call "$1" >>"$dir/nemesis.out" 2>&1; then
		echo "$1" >>"$dir/made"
		[ "$unlogged" = yes ] || fault_log "$1" "$play_begun" "$(now)"
	elif [ $skipped = no ]; then
		echo "$1" >>"$dir/missed"
	fi
	$after >>"$dir/nemesis.out" 2>&1
	[ $forgets = no ] || printf '{"loss":"%s","begin":%s,"end":%s}\n' "$1" \
	    "$play_begun" "$(now)" >>"$dir/losses.ndjson"
}

nothing_held() {
	[ "$(net_count all holding)" = 0 ]
}
# What comes late must have come before anybody judges.
nemesis_quiet() {
	tell all pass || broken "faultd does not answer"
	within 20 nothing_held || broken "faultd still holds something"
	for pid in $under_way; do
		wait "$pid"
	done
	under_way=
	for pid in $(ps -o pid=,stat= --ppid "$(cat "$dir/flashgate.start.pid")" |
	    awk '$2 ~ /^T/ { print $1 }'); do
		broken "process $pid of flashgate's is still stopped"
	done
}
