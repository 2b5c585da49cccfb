# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
# The nemesis: everything that may go wrong with a stack, one function a fault:
# sourced by tests/chaos/run.  Needs $dir (a stack that talks to its stores
# through faultd), its env, $slug, $FAULTD, and in $sec the second Redis' folder.
#
#	nemesis_kinds             the names of all faults that can be made here
#	nemesis_play KIND         makes it, waits a moment, undoes it, logs it
#	nemesis_quiet             waits for what is still under way
#
# Each fault is undone by the function that made it: what it leaves behind is
# the damage, not the cause.  The log, $dir/faults.ndjson, has a line a fault:
# kind, and from when to when, in seconds since 1970; how often each kind was
# skipped, and why, is in $dir/skipped.  Chance comes from $seed alone.

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
	return 1
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
root_sql() {
	mariadb_sql "$dir" "$@" 2>/dev/null
}
children() { # NAME
	ps -o pid=,comm= --ppid "$(cat "$dir/flashgate.start.pid")" |
	    awk -v name="fg:$1" '$2 == name { print $1 }'
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
within() { # SECONDS COMMAND...
	within_until=$(($(date +%s) + $1))
	shift
	until "$@" >/dev/null 2>&1; do
		[ "$(date +%s)" -lt "$within_until" ] || return 1
		sleep 0.05
	done
}

# ---- Redis, with what it had or with less -------------------------------------------

redis_up() { # DIR
	if [ "$persist" = yes ]; then
		redis_start "$1" --appendonly yes --appendfsync everysec
	else
		redis_start "$1"
	fi
}
gate_known() {
	"$FLASHGATECTL" -y "$CONF" --json sale show "$slug" |
	    jq -e '.gate.known and .gate.epoch == .epoch and .state == "open"'
}
# Redis lost something.  The keeper has HEAL_WAIT seconds to see and mend it;
# then the operator's hand does, and that is counted.
gate_back() {
	echo "$1" >>"$dir/lost"
	within "$HEAL_WAIT" gate_known && return
	echo "$1" >>"$dir/mended"
	within 20 "$FLASHGATECTL" -y "$CONF" sale open "$slug"
}

# ---- processes ------------------------------------------------------------------------

f_child_kill() { # NAME
	child "$1" || return 0
	kill -KILL "$C"
}
# Stopped while the next faults happen: long enough for a lease to run out.
f_child_stop() { # KIND NAME
	child "$2" || return 0
	rnd 3
	(
		stop_begun=$(now)
		kill -STOP "$C"
		sleep $((R + 4))
		kill -CONT "$C" 2>/dev/null
		fault_log "$1" "$stop_begun" "$(now)"
	) &
}
f_worker_kill() {
	f_child_kill worker
}
f_workers_kill() {
	# shellcheck disable=SC2046
	kill -KILL $(children worker)
}
f_keeper_kill() {
	f_child_kill keeper
}
f_monitor_kill() {
	f_child_kill monitor
}
f_worker_stop() {
	f_child_stop worker-stop worker
	hold 100 200
	unlogged=yes
}
f_keeper_stop() {
	f_child_stop keeper-stop keeper
	hold 100 200
	unlogged=yes
}
flashgate_start() {
	"$FLASHGATE" -y "$CONF" >>"$dir/flashgate.out" 2>&1 </dev/null &
	echo $! >"$dir/flashgate.start.pid"
	within 5 serves
}
f_master_kill() {
	kill -KILL "$(cat "$dir/flashgate.start.pid")"
	hold 50 300
	within 30 flashgate_start
}
f_reload() {
	kill -HUP "$(cat "$dir/flashgate.start.pid")"
	hold 100 300
}

# ---- Redis -------------------------------------------------------------------------------

f_redis_kill() {
	kill -KILL "$(cat "$(rdir)/redis.pid")"
	hold 100 500
	redis_up "$(rdir)"
	after='gate_back redis-kill'
}
f_redis_stop() {
	kill -STOP "$(cat "$(rdir)/redis.pid")"
	hold 300 1500
	kill -CONT "$(cat "$(rdir)/redis.pid")"
}
f_redis_flushall() {
	rcli FLUSHALL
	after='gate_back redis-flushall'
}
f_redis_functions() {
	rcli FUNCTION FLUSH
	hold 100 300
}
aof_last() { # DIR; the file that is appended to
	ls -t "$1"/redis/appendonlydir/*.incr.aof 2>/dev/null | head -1
}
f_redis_cut_aof() {
	[ "$persist" = yes ] || skip redis-cut-aof "this run's Redis keeps nothing" || return 1
	kill -KILL "$(cat "$(rdir)/redis.pid")"
	server_wait /dev/null server_gone "$(rdir)/redis.pid"
	rnd 4000
	cut_file=$(aof_last "$(rdir)")
	cut_size=$(stat -c %s "$cut_file")
	[ "$cut_size" -le $((R + 1)) ] || truncate -s $((cut_size - R - 1)) "$cut_file"
	redis_up "$(rdir)"
	after='gate_back redis-cut-aof'
}
# Some seconds are lost, whole and clean.
f_redis_older_copy() {
	[ "$persist" = yes ] || skip redis-older-copy "this run's Redis keeps nothing" || return 1
	rm -rf "$dir/older"
	cp -a "$(rdir)/redis" "$dir/older"
	hold 500 1500
	kill -KILL "$(cat "$(rdir)/redis.pid")"
	server_wait /dev/null server_gone "$(rdir)/redis.pid"
	rm -rf "$(rdir)/redis"
	mv "$dir/older" "$(rdir)/redis"
	redis_up "$(rdir)"
	after='gate_back redis-older-copy'
}
# What a failover to a replica that lags looks like from outside: another
# server answers at the same address, and it has seen a little less.  (A real
# replica cannot be had over a Unix socket.)
f_redis_swap() {
	swap_from=$(rdir)
	swap_to=$dir
	[ "$swap_from" != "$dir" ] || swap_to=$sec
	rm -rf "$swap_to/redis"
	mkdir -p "$swap_to"
	if [ "$persist" = yes ]; then
		cp -a "$swap_from/redis" "$swap_to/redis"
	fi
	hold 100 600
	redis_up "$swap_to"
	tell redis swap
	echo "$swap_to" >"$dir/redis.dir"
	redis_stop "$swap_from"
	after='gate_back redis-swap'
}
f_redis_oom() {
	rcli CONFIG SET maxmemory 1
	hold 300 1000
	rcli CONFIG SET maxmemory 0
}
f_redis_noreplicas() {
	rcli CONFIG SET min-replicas-to-write 1
	hold 300 1000
	rcli CONFIG SET min-replicas-to-write 0
}
# Its master does not exist: it refuses to write, and is empty if it ever syncs.
f_redis_readonly() {
	rcli REPLICAOF 127.0.0.1 1
	hold 300 1000
	rcli REPLICAOF NO ONE
	after='gate_back redis-readonly'
}
f_redis_pause() {
	rcli CLIENT PAUSE 1500 WRITE
	hold 300 1000
	rcli CLIENT UNPAUSE
}
f_redis_kill_clients() {
	rcli CLIENT KILL TYPE normal
}

# ---- MariaDB -------------------------------------------------------------------------------

f_mysql_kill() {
	server_kill "$dir" mysql
	hold 100 300
	mariadb_start "$dir"
}
f_mysql_stop() {
	kill -STOP "$(cat "$dir/mysql.pid")"
	hold 300 2000
	kill -CONT "$(cat "$dir/mysql.pid")"
}
f_mysql_readonly() {
	root_sql -e 'SET GLOBAL read_only=1'
	hold 300 1000
	root_sql -e 'SET GLOBAL read_only=0'
}
users_kill() {
	root_sql -e "SELECT CONCAT('KILL ', id, ';') FROM information_schema.processlist
	    WHERE user LIKE 'flashgate%'" | root_sql --force
}
f_mysql_kill_clients() {
	users_kill
}
f_mysql_connections() {
	root_sql -e 'SET GLOBAL max_connections=10'
	users_kill
	hold 300 1000
	within 20 root_sql -e 'SET GLOBAL max_connections=300'
}
# Every insert and every change of epoch waits for this row.
f_mysql_lock() {
	rnd 3
	root_sql "$MYSQL_DB" -e "BEGIN;
	    SELECT id FROM sales WHERE slug='$slug' FOR UPDATE; DO SLEEP(1.$R); COMMIT" >/dev/null
}
f_mysql_full() {
	[ "$small_disk" = yes ] || skip mysql-full "the data folder is no small tmpfs (root only, some seeds)" || return 1
	dd if=/dev/zero of="$dir/mysql/ballast" bs=1M count=4096 >/dev/null 2>&1
	hold 500 1500
	rm -f "$dir/mysql/ballast"
}

# ---- the wires to both ------------------------------------------------------------------------

net() { # redis|mysql COMMAND...; for a while
	tell "$@"
	hold 300 1200
	tell "$1" pass
}
f_net_latency() {
	rnd 60
	net "$1" latency $((R + 5)) 40
}
f_net_slice() {
	net "$1" slice 1
}
f_net_blackhole() {
	net "$1" blackhole
}
f_net_reset() {
	tell "$1" reset
}
f_net_refuse() {
	net "$1" refuse
}
f_net_cut_up() {
	rnd 1500
	net "$1" cut up $((R + 1))
}
f_net_cut_down() {
	rnd 1500
	net "$1" cut down $((R + 1))
}
# The request that matters: Redis' claim, MySQL's insert.
net_match() { # redis|mysql
	if [ "$1" = redis ]; then echo FCALL; else echo @insert; fi
}
f_net_swallow() {
	net "$1" swallow 1 10 "$(net_match "$1")"
}
# Delivered when the lease is long over and the claim void.
f_net_hold() {
	hold_begun=$(now)
	tell "$1" hold 1 4 6000 "$(net_match "$1")"
	hold 300 600
	tell "$1" pass
	(
		sleep 6
		fault_log "$1-hold" "$hold_begun" "$(now)"
	) &
	unlogged=yes
}

# ---- the operator -------------------------------------------------------------------------------

f_sale_pause() {
	"$FLASHGATECTL" -y "$CONF" sale pause "$slug"
	hold 200 800
	within 20 "$FLASHGATECTL" -y "$CONF" sale resume "$slug"
}

# ---- the table ------------------------------------------------------------------------------------

nemesis_kinds() {
	cat <<-KINDS
		worker-kill workers-kill worker-stop keeper-kill keeper-stop
		monitor-kill master-kill reload
		redis-kill redis-stop redis-flushall redis-functions redis-cut-aof
		redis-older-copy redis-swap redis-oom redis-noreplicas
		redis-readonly redis-pause redis-kill-clients
		mysql-kill mysql-stop mysql-readonly mysql-kill-clients
		mysql-connections mysql-lock mysql-full
		redis-latency redis-slice redis-blackhole redis-reset redis-refuse
		redis-cut-up redis-cut-down redis-swallow redis-hold
		mysql-latency mysql-slice mysql-blackhole mysql-reset mysql-refuse
		mysql-cut-up mysql-cut-down mysql-swallow mysql-hold
		sale-pause
	KINDS
}

nemesis_call() { # KIND
	case $1 in
	redis-latency | redis-slice | redis-blackhole | redis-reset | redis-refuse | \
	    redis-cut-up | redis-cut-down | redis-swallow | redis-hold | \
	    mysql-latency | mysql-slice | mysql-blackhole | mysql-reset | \
	    mysql-refuse | mysql-cut-up | mysql-cut-down | mysql-swallow | mysql-hold)
		call_what=${1#*-}
		"f_net_$(echo "$call_what" | tr - _)" "${1%%-*}" ;;
	*) "f_$(echo "$1" | tr - _)" ;;
	esac
}

nemesis_play() { # KIND
	play_begun=$(now)
	unlogged=no
	after=:
	nemesis_call "$1" >>"$dir/nemesis.out" 2>&1 || return 0
	[ "$unlogged" = yes ] || fault_log "$1" "$play_begun" "$(now)"
	$after >>"$dir/nemesis.out" 2>&1
}

nothing_held() {
	! "$FAULTD" tell "$dir/faultd.sock" all stats | grep -q '"holding":[1-9]'
}
nemesis_quiet() {
	tell all pass
	# What comes late must have come before anybody judges.
	within 20 nothing_held
	wait_stopped=$(ps -o pid=,stat= --ppid "$(cat "$dir/flashgate.start.pid")" |
	    awk '$2 ~ /^T/ { print $1 }')
	for stopped_one in $wait_stopped; do
		within 10 sh -c "! grep -q '^State:.T' /proc/$stopped_one/status" || true
	done
}
