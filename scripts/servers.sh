# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
# Private Redis and MariaDB under a folder, on Unix sockets only: sourced by
# scripts/stack and by the tests.  Each start waits until the server answers,
# each stop until it is gone.
#
#	redis_start DIR [redis-server arguments]    DIR/redis.sock  DIR/redis.pid
#	mariadb_start DIR [mariadbd arguments]      DIR/mysql.sock  DIR/mysql.pid
#	redis_stop DIR    mariadb_stop DIR    server_kill DIR redis|mysql
#
# Redis runs with appendonly no and noeviction, MariaDB with the durability that
# flashgate asks for (conf/my.cnf); arguments given override.

: "${REDIS_SERVER:=$(command -v redis-server || command -v valkey-server || true)}"
: "${REDIS_CLI:=$(command -v redis-cli || command -v valkey-cli || true)}"
: "${MARIADBD:=$(PATH=$PATH:/usr/sbin:/usr/libexec command -v mariadbd || true)}"
: "${MARIADB:=$(command -v mariadb || command -v mysql || true)}"
: "${MARIADB_INSTALL_DB:=$(command -v mariadb-install-db || true)}"
: "${SERVER_START_SECONDS:=60}"
# More arguments for every mariadbd, before those of mariadb_start.
: "${MARIADB_MORE:=}"

# Is the process of this pid file alive?  A zombie that nobody has reaped yet
# (containers without a real init) is not.
server_alive() { # PIDFILE
	[ -s "$1" ] && pid_alive "$(cat "$1")"
}
pid_alive() { # PID
	kill -0 "$1" 2>/dev/null &&
		! grep -q '^State:[[:space:]]*Z' "/proc/$1/status" 2>/dev/null
}
pid_gone() { # PID
	! pid_alive "$1"
}

# Waits for a condition; says which log to read when it does not come true.
server_wait() { # LOG COMMAND...
	server_log=$1
	shift
	server_until=$(($(date +%s) + SERVER_START_SECONDS))
	until "$@" >/dev/null 2>&1; do
		if [ "$(date +%s)" -ge "$server_until" ]; then
			echo "servers: gave up waiting for: $*" >&2
			tail -20 "$server_log" >&2 || true
			return 1
		fi
		sleep 0.05
	done
}

server_gone() { # PIDFILE
	! server_alive "$1"
}

# TERM, then wait; KILL after SERVER_START_SECONDS.  For the process: Apache takes
# its pid file away before it ends.
server_stop() { # PIDFILE
	server_alive "$1" || return 0
	server_pid=$(cat "$1")
	kill -TERM "$server_pid" 2>/dev/null || true
	server_wait /dev/null pid_gone "$server_pid" 2>/dev/null ||
		kill -KILL "$server_pid" 2>/dev/null || true
	server_wait /dev/null pid_gone "$server_pid"
	rm -f "$1"
}

# kill -9 and wait until it is gone.
server_kill() { # DIR redis|mysql
	kill -KILL "$(cat "$1/$2.pid")" 2>/dev/null || true
	server_wait /dev/null server_gone "$1/$2.pid"
}

redis_answers() { # DIR
	[ "$("$REDIS_CLI" -s "$1/redis.sock" ping 2>/dev/null)" = PONG ]
}

redis_start() { # DIR [ARGUMENTS]
	redis_dir=$1
	shift
	mkdir -p "$redis_dir/redis"
	rm -f "$redis_dir/redis.sock" "$redis_dir/redis.pid"
	"$REDIS_SERVER" --port 0 --unixsocket "$redis_dir/redis.sock" \
	    --unixsocketperm 777 --dir "$redis_dir/redis" --save '' \
	    --appendonly no --maxmemory 1gb --maxmemory-policy noeviction --daemonize yes \
	    --pidfile "$redis_dir/redis.pid" --logfile "$redis_dir/redis.log" \
	    --loglevel warning --slowlog-log-slower-than 1000 "$@" >/dev/null
	server_wait "$redis_dir/redis.log" redis_answers "$redis_dir"
}

redis_stop() { # DIR
	server_stop "$1/redis.pid"
}

mariadb_answers() { # DIR
	"$MARIADB" --no-defaults --socket="$1/mysql.sock" -uroot -e 'SELECT 1'
}

# As root, MariaDB runs as the user mysql, who must be able to reach DIR.
mariadb_start() { # DIR [ARGUMENTS]
	mariadb_dir=$1
	shift
	mariadb_user=
	mkdir -p "$mariadb_dir"
	if [ "$(id -u)" = 0 ]; then
		mariadb_user=--user=mysql
		chmod a+rx "$mariadb_dir"
	fi
	# A starting server deletes every temporary table that lies in its tmpdir:
	# in a shared /tmp that would be another server's, in the middle of its
	# installation.
	mkdir -p "$mariadb_dir/mysql-tmp"
	[ -z "$mariadb_user" ] || chown mysql "$mariadb_dir/mysql-tmp"
	if [ ! -d "$mariadb_dir/mysql/mysql" ]; then
		mkdir -p "$mariadb_dir/mysql"
		[ -z "$mariadb_user" ] || chown mysql "$mariadb_dir/mysql"
		TMPDIR="$mariadb_dir/mysql-tmp" \
		    "$MARIADB_INSTALL_DB" --no-defaults $mariadb_user \
		    --datadir="$mariadb_dir/mysql" \
		    --auth-root-authentication-method=normal --skip-test-db \
		    >"$mariadb_dir/mysql-install.log" 2>&1 || {
			tail -20 "$mariadb_dir/mysql-install.log" >&2
			return 1
		}
	fi
	[ -z "$mariadb_user" ] || {
		: >>"$mariadb_dir/mysql.log"
		chown mysql "$mariadb_dir/mysql.log"
	}
	# Socket and pid file are made inside the data folder, which belongs to
	# mysql, and linked to where everybody looks for them.
	rm -f "$mariadb_dir/mysql/mysqld.sock" "$mariadb_dir/mysql.pid"
	ln -sfn mysql/mysqld.sock "$mariadb_dir/mysql.sock"
	"$MARIADBD" --no-defaults $mariadb_user --datadir="$mariadb_dir/mysql" \
	    --socket="$mariadb_dir/mysql/mysqld.sock" --skip-networking \
	    --tmpdir="$mariadb_dir/mysql-tmp" \
	    --pid-file="$mariadb_dir/mysql/mysqld.pid" \
	    --log-error="$mariadb_dir/mysql.log" --skip-log-bin \
	    --innodb-buffer-pool-size=64M --innodb-log-file-size=64M \
	    --innodb-flush-log-at-trx-commit=1 --innodb-doublewrite=1 \
	    --performance-schema=OFF --skip-name-resolve --local-infile=0 \
	    --max-connections=300 --table-open-cache=200 $MARIADB_MORE "$@" \
	    >/dev/null 2>&1 </dev/null &
	echo $! >"$mariadb_dir/mysql.pid"
	server_wait "$mariadb_dir/mysql.log" mariadb_answers "$mariadb_dir"
}

mariadb_stop() { # DIR
	server_stop "$1/mysql.pid"
}

mariadb_sql() { # DIR [mariadb arguments]; SQL on standard input or -e
	mariadb_sql_dir=$1
	shift
	"$MARIADB" --no-defaults --socket="$mariadb_sql_dir/mysql.sock" -uroot \
	    --batch --skip-column-names "$@"
}
