# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
# Web servers before flashgate: sourced by scripts/stack and by the tests.
#
#	front_have NAME             is it installed?
#	front_up NAME               picks a port of the loopback, sets $port
#	front_down                  whichever runs
#
# NAME is nginx, apache (mod_proxy_fcgi), fcgid (Apache mod_fcgid), lighttpd,
# caddy or h2o.  Each runs the example that is shipped under conf/, with paths
# and port put in, inside the few lines that make a server of its own.  Uses
# $dir, $here, $keep and, for fcgid, $flashgate; FRONT_READ_TIMEOUT is how long
# nginx waits for an answer, where a busy machine is not what is tested.

# Not NGINX: a variable of that name tells nginx to inherit sockets and to stay in
# the foreground.
: "${NGINX_BIN:=$(PATH=$PATH:/usr/sbin command -v nginx || true)}"
: "${APACHE_BIN:=$(PATH=$PATH:/usr/sbin command -v apache2 || true)}"
: "${APACHE_MODULES:=/usr/lib/apache2/modules}"
: "${LIGHTTPD_BIN:=$(PATH=$PATH:/usr/sbin command -v lighttpd || true)}"
: "${CADDY_BIN:=$(command -v caddy || true)}"
: "${H2O_BIN:=$(command -v h2o || true)}"

front_have() { # NAME
	case $1 in
	nginx) [ -n "$NGINX_BIN" ] ;;
	apache) [ -n "$APACHE_BIN" ] && [ -f "$APACHE_MODULES/mod_proxy_fcgi.so" ] ;;
	fcgid) [ -n "$APACHE_BIN" ] && [ -f "$APACHE_MODULES/mod_fcgid.so" ] ;;
	lighttpd) [ -n "$LIGHTTPD_BIN" ] ;;
	caddy) [ -n "$CADDY_BIN" ] ;;
	h2o) [ -n "$H2O_BIN" ] ;;
	*) return 1 ;;
	esac
}

# ---- one configuration each -------------------------------------------------------

front_is_root() {
	[ "$(id -u)" = 0 ]
}

front_conf_nginx() {
	mkdir -p "$dir/nginx"
	if front_is_root; then echo "user root;"; fi
	echo "daemon on; pid $dir/nginx.pid;"
	echo "error_log $dir/nginx.log warn; worker_processes 2;"
	echo "worker_rlimit_nofile 8192; events { worker_connections 4096; }"
	echo "http { access_log off; server_tokens off; tcp_nopush on;"
	echo "keepalive_requests 1000000;"
	for kind in client_body fastcgi proxy scgi uwsgi; do
		echo "${kind}_temp_path $dir/nginx/$kind;"
	done
	sed -e "s|unix:/run/flashgate/flashgate.sock|unix:$dir/flashgate.sock|" \
	    -e "s|unix:/run/flashgate/status.sock|unix:$dir/status.sock|" \
	    -e "s|listen 80;|listen 127.0.0.1:$port backlog=4096;|" \
	    -e "s|fastcgi_keep_conn on|fastcgi_keep_conn $keep|" \
	    -e "s|fastcgi_read_timeout 5s|fastcgi_read_timeout ${FRONT_READ_TIMEOUT:-5s}|" \
	    "$here/conf/nginx.conf" |
	if [ "$keep" = on ]; then cat; else sed '/keepalive 64;/d'; fi
	echo "}"
}

front_conf_apache_common() { # MODULE...
	for module in mpm_event authz_core alias env headers reqtimeout setenvif \
	    "$@"; do
		echo "LoadModule ${module}_module $APACHE_MODULES/mod_$module.so"
	done
	# Apache refuses to serve as root.
	if front_is_root; then
		echo "User www-data"
		echo "Group www-data"
	fi
	echo "ServerRoot $dir"
	echo "DefaultRuntimeDir $dir/apache"
	echo "PidFile $dir/apache.pid"
	echo "ErrorLog $dir/apache.log"
	echo "ServerName localhost"
	echo "DocumentRoot $dir/apache"
	echo "Listen 127.0.0.1:$port"
}

front_conf_apache() {
	front_conf_apache_common proxy proxy_fcgi
	echo "<VirtualHost *:$port>"
	sed -e "s|/run/flashgate/flashgate.sock|$dir/flashgate.sock|" \
	    -e "s|/usr/share/doc/flashgate/examples/|$dir/apache/|" \
	    -e "s|enablereuse=on|enablereuse=$keep|" "$here/conf/apache.conf"
	echo "</VirtualHost>"
}

front_conf_fcgid() {
	front_conf_apache_common fcgid
	echo "FcgidIPCDir $dir/apache/fcgid"
	echo "FcgidProcessTableFile $dir/apache/fcgid.shm"
	sed -e "s|/usr/sbin/flashgate |$flashgate |" \
	    -e "s|/etc/flashgate/flashgate.conf|$dir/flashgate.conf|" \
	    "$here/conf/apache-fcgid.conf"
}

front_conf_lighttpd() {
	echo "server.port = $port"
	echo "server.bind = \"127.0.0.1\""
	echo "server.document-root = \"$dir/lighttpd\""
	echo "server.pid-file = \"$dir/lighttpd.pid\""
	echo "server.errorlog = \"$dir/lighttpd.log\""
	echo "server.upload-dirs = ( \"$dir/lighttpd\" )"
	sed -e "s|/run/flashgate/flashgate.sock|$dir/flashgate.sock|" \
	    "$here/conf/lighttpd.conf"
}

front_conf_caddy() {
	sed -e "s|/run/flashgate/flashgate.sock|$dir/flashgate.sock|" \
	    -e "s|^:80 {|http://127.0.0.1:$port {|" "$here/conf/Caddyfile"
}

front_conf_h2o() {
	echo "pid-file: $dir/h2o.pid"
	echo "error-log: $dir/h2o.log"
	if front_is_root; then echo "user: root"; fi
	sed -e "s|/run/flashgate/flashgate.sock|$dir/flashgate.sock|" \
	    -e "s|port: 80\$|host: 127.0.0.1\n      port: $port|" "$here/conf/h2o.conf"
}

# ---- starting ---------------------------------------------------------------------

# Those that go to the background themselves fail at once where the port is
# taken; the others are waited for.
front_start_nginx() {
	"$NGINX_BIN" -e "$dir/nginx.log" -c "$dir/nginx.conf" 2>>"$dir/front.start"
}

front_start_apache() {
	"$APACHE_BIN" -f "$dir/$front.conf" -k start >>"$dir/front.start" 2>&1
}

front_start_fcgid() {
	front_start_apache
}

front_start_lighttpd() {
	"$LIGHTTPD_BIN" -f "$dir/lighttpd.conf" >>"$dir/front.start" 2>&1
}

front_port_answers() {
	curl -sS --noproxy '*' -m 2 -o /dev/null "http://127.0.0.1:$port/"
}

front_settled() { # PIDFILE
	front_port_answers || ! server_alive "$1"
}

front_start_caddy() {
	XDG_DATA_HOME=$dir/caddy XDG_CONFIG_HOME=$dir/caddy HOME=$dir/caddy \
	    "$CADDY_BIN" run --config "$dir/caddy.conf" --adapter caddyfile \
	    >>"$dir/caddy.log" 2>&1 </dev/null &
	echo $! >"$dir/caddy.pid"
	server_wait "$dir/caddy.log" front_settled "$dir/caddy.pid" &&
		server_alive "$dir/caddy.pid"
}

front_start_h2o() {
	"$H2O_BIN" -m worker -c "$dir/h2o.conf" >>"$dir/front.start" 2>&1 </dev/null &
	echo $! >"$dir/h2o.pid"
	server_wait "$dir/front.start" front_settled "$dir/h2o.pid" &&
		server_alive "$dir/h2o.pid"
}

# What Apache's own user has to reach.
front_prepare() {
	case $front in
	apache | fcgid)
		mkdir -p "$dir/apache"
		cp "$here/conf/try-again.json" "$dir/apache/"
		;;
	*) mkdir -p "$dir/$front" ;;
	esac
	if [ $front = fcgid ] && front_is_root; then
		chgrp www-data "$dir/flashgate.conf" "$dir/token.key"
		chmod 640 "$dir/flashgate.conf" "$dir/token.key"
		: >>"$dir/flashgate.log"
		chmod 666 "$dir/flashgate.log"
	fi
}

# The port is free when the server could bind it.
front_up() { # NAME
	front=$1
	front_tries=0
	front_prepare
	while :; do
		port=$((20000 + ($(od -An -N2 -tu2 /dev/urandom) % 40000)))
		"front_conf_$front" >"$dir/$front.conf"
		if "front_start_$front"; then
			return
		fi
		front_tries=$((front_tries + 1))
		[ $front_tries -lt 20 ] || {
			echo "$front does not start: $(tail -3 "$dir/front.start")" >&2
			return 1
		}
	done
}

front_down() {
	for front in nginx apache lighttpd caddy h2o; do
		server_stop "$dir/$front.pid" || true
	done
}
