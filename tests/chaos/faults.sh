# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
# The faults of the nemesis, one function each: sourced by nemesis.sh, whose
# rules are told there.  f_KIND makes and undoes the fault and succeeds if it was
# made; f_net_KIND takes the front.

# ---- Redis, with what it had or with less -------------------------------------------

redis_up() { # DIR
	if [ "$persist" = yes ]; then
		redis_start "$1" --appendonly yes --appendfsync $fsync
	else
		redis_start "$1"
	fi
}
gate_known() {
	"$FLASHGATECTL" -y "$CONF" --json sale show "$slug" |
	    jq -e '.gate.epoch == .epoch and .state == "open"' && gate_of_this_run
}
# A copy that has come back looks whole, until the keeper sees that it is one.
gate_of_this_run() {
	run_sale=$(root_sql "$MYSQL_DB" -e "SELECT id FROM sales WHERE slug='$slug'")
	run_made=$(rcli HGET "{fg:$run_sale}:meta" run_id)
	run_here=$(rcli INFO server | tr -d '\r' | sed -n 's/^run_id://p')
	[ -z "$run_made" ] || [ -z "$run_here" ] || [ "$run_made" = "$run_here" ]
}
# Redis lost something.  The keeper has HEAL_WAIT seconds to see and mend it;
# then the operator's hand does, and that is counted.
gate_back() {
	within "$HEAL_WAIT" gate_known && return
	echo "$1" >>"$dir/mended"
	within 20 "$FLASHGATECTL" -y "$CONF" sale open "$slug" ||
		broken "$1: no gate again"
}
loses() { # KIND: from here on Redis may have lost something
	echo "$1" >>"$dir/lost"
	after="gate_back $1"
	case $persist-$fsync-$1 in
	# What it has answered it has stored.
	yes-always-redis-kill | yes-always-redis-readonly) ;;
	*) forgets=yes ;;
	esac
}

# ---- processes ------------------------------------------------------------------------

f_child_kill() { # NAME
	child "$1" && kill -KILL "$C"
}
# Stopped while the next faults happen: long enough for a lease to run out.
f_child_stop() { # KIND NAME
	rnd 3
	child "$2" && kill -STOP "$C" || return 1
	stop_begun=$(now)
	(
		sleep $((LEASE_MS / 1000 + R + 1))
		kill -CONT "$C" 2>/dev/null
		fault_log "$1" "$stop_begun" "$(now)"
	) &
	under_way="$under_way $!"
	unlogged=yes
	hold 100 200
}
f_worker_kill() {
	f_child_kill worker
}
f_settler_kill() {
	f_child_kill settler
}
f_settlers_kill() {
	# shellcheck disable=SC2046
	kill -KILL $(children settler)
}
# Longer than settler.idle: another takes over what it holds.
f_settler_stop() {
	f_child_stop settler-stop settler
}
# It ends by itself when nothing waits: it must have been there to be killed.
f_sweep_dies() {
	for sweep_try in 1 2 3 4 5; do
		"$FLASHGATECTL" -y "$CONF" sweep "$slug" &
		sweeper=$!
		hold 5 40
		kill -KILL $sweeper 2>/dev/null
		wait $sweeper
		[ $? != 137 ] || return 0
	done
	return 1
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
}
f_keeper_stop() {
	f_child_stop keeper-stop keeper
}
# It refuses while a child of the dead one, stopped just now, has its socket.
flashgate_start() {
	"$FLASHGATE" -y "$CONF" >>"$dir/flashgate.out" 2>&1 </dev/null &
	echo $! >"$dir/flashgate.start.pid"
	within 10 serves_or_died
	serves
}
serves_or_died() {
	serves || ! server_alive "$dir/flashgate.start.pid"
}
# The counters die with the master: they are read before, or C10 would judge
# only what came after the last kill.
metrics_keep() {
	"$top_builddir/tests/lib/fcgi-get" "$STATUS_SOCK" GET /metrics \
	    >"$dir/metrics.new" 2>/dev/null &&
		grep -q '^flashgate_leaks_found_total ' "$dir/metrics.new"
}
f_master_kill() {
	within 5 metrics_keep || return 1
	mv "$dir/metrics.new" "$dir/metrics.$(cat "$dir/flashgate.start.pid")"
	kill -KILL "$(cat "$dir/flashgate.start.pid")" || return 1
	hold 50 300
	within 30 flashgate_start || broken "master-kill: it does not start again"
}
f_reload() {
	kill -HUP "$(cat "$dir/flashgate.start.pid")" || return 1
	hold 100 300
}

# ---- Redis -------------------------------------------------------------------------------

redis_up_again() { # KIND DIR
	redis_up "$2" || broken "$1: Redis does not start again"
}
f_redis_kill() {
	kill -KILL "$(cat "$(rdir)/redis.pid")" || return 1
	loses redis-kill
	hold 100 500
	redis_up_again redis-kill "$(rdir)"
}
f_redis_stop() {
	kill -STOP "$(cat "$(rdir)/redis.pid")" || return 1
	hold 300 1500
	kill -CONT "$(cat "$(rdir)/redis.pid")" || broken "redis-stop: not undone"
}
f_redis_flushall() {
	rcli_ok FLUSHALL || return 1
	loses redis-flushall
}
f_redis_functions() {
	rcli_ok FUNCTION FLUSH || return 1
	hold 100 300
}
aof_last() { # DIR; the file that is appended to
	ls -t "$1"/redis/appendonlydir/*.incr.aof 2>/dev/null | head -1
}
f_redis_cut_aof() {
	[ "$persist" = yes ] || skip redis-cut-aof "this run's Redis keeps nothing" || return 1
	kill -KILL "$(cat "$(rdir)/redis.pid")" || return 1
	loses redis-cut-aof
	server_wait /dev/null server_gone "$(rdir)/redis.pid"
	rnd 4000
	cut_file=$(aof_last "$(rdir)")
	cut_size=$(stat -c %s "$cut_file")
	# All of it, when it is shorter.
	truncate -s $((cut_size > R + 1 ? cut_size - R - 1 : 0)) "$cut_file"
	cut_done=$?
	redis_up_again redis-cut-aof "$(rdir)"
	return $cut_done
}
# Some seconds are lost, whole and clean.
f_redis_older_copy() {
	[ "$persist" = yes ] || skip redis-older-copy "this run's Redis keeps nothing" || return 1
	rm -rf "$dir/older"
	cp -a "$(rdir)/redis" "$dir/older" || return 1
	hold 500 1500
	kill -KILL "$(cat "$(rdir)/redis.pid")" || return 1
	loses redis-older-copy
	server_wait /dev/null server_gone "$(rdir)/redis.pid"
	rm -rf "$(rdir)/redis"
	mv "$dir/older" "$(rdir)/redis"
	redis_up_again redis-older-copy "$(rdir)"
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
	redis_up "$swap_to" && tell redis swap || return 1
	loses redis-swap
	echo "$swap_to" >"$dir/redis.dir"
	redis_stop "$swap_from"
}
redis_set() { # KIND SETTING BAD GOOD; for a while
	rcli_ok CONFIG SET "$2" "$3" || return 1
	hold 300 1000
	rcli_ok CONFIG SET "$2" "$4" || broken "$1: not undone"
}
f_redis_oom() {
	redis_set redis-oom maxmemory 1 0
}
f_redis_noreplicas() {
	redis_set redis-noreplicas min-replicas-to-write 1 0
}
# Its master does not exist: it refuses to write, and is empty if it ever syncs.
f_redis_readonly() {
	rcli_ok REPLICAOF 127.0.0.1 1 || return 1
	loses redis-readonly
	hold 300 1000
	rcli_ok REPLICAOF NO ONE || broken "redis-readonly: not undone"
}
f_redis_pause() {
	rcli_ok CLIENT PAUSE 1500 WRITE || return 1
	hold 300 1000
	rcli_ok CLIENT UNPAUSE || broken "redis-pause: not undone"
}
f_redis_kill_clients() {
	[ "$(rcli CLIENT KILL TYPE normal)" -gt 0 ]
}
# It forgets a sale that is long confirmed (a settler has told it so), and goes on
# as if nothing had been: nothing about it says that it is to be made anew.  The
# unit is the next to go.
f_gate_forgets() {
	forget_id=$(root_sql "$MYSQL_DB" -e "SELECT id FROM sales WHERE slug='$slug'")
	forget_row=$(root_sql "$MYSQL_DB" -e "SELECT LOWER(HEX(claim)), unit_no
	    FROM orders WHERE sale_id=$forget_id AND status='sold'
	    AND created < UTC_TIMESTAMP(6) - INTERVAL 1 SECOND ORDER BY RAND($R) LIMIT 1")
	[ "$(rcli EVAL '
		local tag = "{fg:" .. ARGV[1] .. "}:"
		local e = redis.call("HGET", tag .. "meta", "epoch")
		if not e then return 0 end
		local t, s = tag .. e .. ":", {}
		if redis.call("LLEN", t .. "free") == 0 then return 0 end
		s = redis.call("HGETALL", t .. "slot")
		for i = 1, #s, 2 do
			local hex = s[i + 1]:gsub(".", function(c) return string.format("%02x", c:byte()) end)
			if hex == ARGV[2] and not redis.call("ZSCORE", t .. "lease", s[i + 1])
			    and redis.call("HEXISTS", t .. "rec", s[i + 1]) == 0 then
				redis.call("HDEL", t .. "slot", s[i])
				redis.call("LPUSH", t .. "free", ARGV[3])
				return 1
			end
		end
		return 0' 0 "$forget_id" $forget_row)" = 1 ] || return 1
	loses gate-forgets
	after=gate_reminded
}
# Whoever is offered the unit next tells the gate.
unit_taken() { # SALE UNIT
	unit_key="{fg:$1}:$(rcli HGET "{fg:$1}:meta" epoch):free"
	[ -z "$(rcli LPOS "$unit_key" "$2")" ]
}
# Whom it has forgotten it knows again: an order that was accepted for his unit, or
# in his place, has met his row.
owner_known() {
	[ "$(rcli EVAL '
		local tag = "{fg:" .. ARGV[1] .. "}:"
		local e = redis.call("HGET", tag .. "meta", "epoch")
		for _, c in ipairs(e and redis.call("HVALS", tag .. e .. ":slot") or {}) do
			local hex = c:gsub(".", function(b) return string.format("%02x", b:byte()) end)
			if hex == ARGV[2] then return 1 end
		end
		return 0' 0 "$forget_id" "${forget_row%%	*}")" = 1 ]
}
gate_reminded() {
	within "$HEAL_WAIT" unit_taken "$forget_id" "${forget_row##*	}" &&
		within "$HEAL_WAIT" owner_known || echo gate-forgets >>"$dir/mended"
	gate_back gate-forgets
}

# ---- MariaDB -------------------------------------------------------------------------------

f_mysql_kill() {
	server_alive "$dir/mysql.pid" || return 1
	server_kill "$dir" mysql
	hold 100 300
	mariadb_start "$dir" || broken "mysql-kill: it does not start again"
}
f_mysql_stop() {
	kill -STOP "$(cat "$dir/mysql.pid")" || return 1
	hold 300 2000
	kill -CONT "$(cat "$dir/mysql.pid")" || broken "mysql-stop: not undone"
}
f_mysql_readonly() {
	root_sql -e 'SET GLOBAL read_only=1' || return 1
	hold 300 1000
	root_sql -e 'SET GLOBAL read_only=0' || broken "mysql-readonly: not undone"
}
users_list() {
	root_sql -e "SELECT CONCAT('KILL ', id, ';') FROM information_schema.processlist
	    WHERE user LIKE 'flashgate%'" >"$dir/users" && [ -s "$dir/users" ]
}
f_mysql_kill_clients() {
	users_list && root_sql --force <"$dir/users"
}
# In one session: there is no place for another while all are taken.
f_mysql_connections() {
	users_list || return 1
	rnd 1000
	{
		echo 'SET GLOBAL max_connections=10;'
		cat "$dir/users"
		echo "DO SLEEP($(((R + 300) / 1000)).$(((R + 300) % 1000 / 100)));"
		echo 'SET GLOBAL max_connections=300; SELECT @@max_connections;'
	} | root_sql --force | grep -qx 300 || broken "mysql-connections: not undone"
}
# Every insert and every change of epoch waits for this row; voids do not.
sale_lock() { # SECONDS
	root_sql "$MYSQL_DB" -e "BEGIN;
	    SELECT id FROM sales WHERE slug='$slug' FOR UPDATE; DO SLEEP($1); COMMIT" >/dev/null
}
f_mysql_lock() {
	rnd 3
	sale_lock 1.$R
}
# Who waits from the beginning is void by the end.
f_mysql_lock_long() {
	sale_lock $((LEASE_MS / 1000 + 2))
}
f_mysql_full() {
	[ "$small_disk" = yes ] || skip mysql-full "the data folder is no small tmpfs (root only, some seeds)" || return 1
	dd if=/dev/zero of="$dir/mysql/ballast" bs=1M count=4096 >/dev/null 2>&1
	# That it broke off is the point.
	full_left=$(df --output=avail "$dir/mysql" | tail -1)
	hold 500 1500
	rm -f "$dir/mysql/ballast" || broken "mysql-full: not undone"
	[ "$full_left" -lt 1024 ]
}
# Somebody who makes the gate anew dies at once after he began.
f_rebuilder_dies() {
	[ "$(root_sql "$MYSQL_DB" -e "UPDATE sales SET epoch=epoch+1, state='rebuild'
	    WHERE slug='$slug' AND state='open'; SELECT ROW_COUNT()")" = 1 ] || return 1
	after='gate_back rebuilder-dies'
}

# ---- the wires to both ------------------------------------------------------------------------

# For a while; made if COUNT has grown by then.
net() { # redis|mysql COUNT COMMAND...
	net_front=$1 net_what=$2
	shift 2
	net_before=$(net_count "$net_front" "$net_what") || return 1
	tell "$net_front" "$@" || return 1
	hold 300 1200
	net_after=$(net_count "$net_front" "$net_what")
	tell "$net_front" pass || broken "$net_front $*: not undone"
	[ "${net_after:-0}" -gt "$net_before" ]
}
f_net_latency() {
	rnd 60
	net "$1" requests latency $((R + 5)) 40
}
f_net_slice() {
	net "$1" requests slice 1
}
# Nothing moves, so nothing is counted: somebody must be there.
f_net_blackhole() {
	[ "$(net_count "$1" open)" -gt 0 ] && tell "$1" blackhole || return 1
	hold 300 1200
	tell "$1" pass || broken "$1-blackhole: not undone"
}
f_net_reset() {
	[ "$(net_count "$1" open)" -gt 0 ] && tell "$1" reset
}
f_net_refuse() {
	[ "$(net_count "$1" open)" -gt 0 ] && tell "$1" refuse || return 1
	hold 300 1200
	tell "$1" pass || broken "$1-refuse: not undone"
}
f_net_cut_up() {
	rnd 1500
	net "$1" cuts cut up $((R + 1))
}
f_net_cut_down() {
	rnd 1500
	net "$1" cuts cut down $((R + 1))
}
# The request that matters: Redis' claim, MySQL's insert.
net_match() { # redis|mysql
	if [ "$1" = redis ]; then echo FCALL; else echo @insert; fi
}
f_net_swallow() {
	net "$1" swallowed swallow 1 10 "$(net_match "$1")"
}
# As above, and it was not done.
f_net_lose() {
	net "$1" lost lose 1 10 "$(net_match "$1")"
}
# Delivered when the lease is long over and the claim void.  A worker's second try
# too, when there are so many.
f_net_hold() {
	hold_begun=$(now)
	rnd 40
	net "$1" held hold 1 $((R + 4)) $((LEASE_MS + 2000)) "$(net_match "$1")" || return 1
	(
		sleep $((LEASE_MS / 1000 + 2))
		fault_log "$1-hold" "$hold_begun" "$(now)"
	) &
	under_way="$under_way $!"
	unlogged=yes
}

# ---- the operator -------------------------------------------------------------------------------

f_sale_pause() {
	"$FLASHGATECTL" -y "$CONF" sale pause "$slug" || return 1
	hold 200 800
	within 20 "$FLASHGATECTL" -y "$CONF" sale resume "$slug" ||
		broken "sale-pause: not undone"
}
# To another one than it is.
f_mode_switch() {
	rnd 2
	case $mode in
	direct) set -- queue sweep ;;
	queue) set -- sweep direct ;;
	*) set -- direct queue ;;
	esac
	shift "$R"
	within 5 "$FLASHGATECTL" -y "$CONF" sale mode "$slug" "$1" --no-wait || return 1
	mode=$1
}
