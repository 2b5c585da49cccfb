#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# fcgi-get against fcgi-echo: two processes, the real thing between them, and
# what a kept request costs in system calls.
set -u
. "$top_srcdir/tests/tap.sh"

get=$top_builddir/tests/lib/fcgi-get
dir=$(mktemp -d "${TMPDIR:-/tmp}/fg.XXXXXX") || exit 99
sock=$dir/echo.sock
pid=
job=
cleanup() {
	for p in $pid $job; do
		kill -KILL "$p" 2>/dev/null
	done
	rm -rf "$dir"
}
trap cleanup EXIT
trap 'exit 143' TERM INT HUP

echo_start() { # COMMAND-PREFIX...
	rm -f "$sock" "$dir/out"
	"$@" "$top_builddir/tests/fcgi/fcgi-echo" "$sock" >"$dir/out" &
	job=$!
	wait_for 20 grep -q ready "$dir/out"
	# Not the job's: strace lets no signal through to what it runs.
	pid=$(sed -n 's/^ready //p' "$dir/out")
}

echo_stop() {
	kill -TERM "$pid"
	wait "$job" 2>/dev/null
	pid=
	job=
}

# ---- one request -------------------------------------------------------------

echo_start env
answer=$("$get" "$sock" GET '/v1/time?x=1')
is "$?" 0 "a whole answer is exit 0"
is "$answer" "Status: 200
X-Read: request
X-Uri: /v1/time?x=1" "status and headers are printed"
is "$("$get" -d 'hello world' "$sock" POST / | tail -1)" "hello world" \
    "the body is printed"
is "$("$get" -p REQUEST_URI=/other "$sock" GET / | grep X-Uri)" \
    "X-Uri: /other" "-p replaces a parameter"
is "$("$get" -d hello -p CONTENT_LENGTH=7 "$sock" POST / | head -2)" \
    "Status: 400
X-Read: bad-length" "-p may lie about the length"
is "$("$get" -k 30 "$sock" GET / | grep -c 'X-Read: request')" 30 \
    "-k sends many on one connection"

# ---- what is no answer --------------------------------------------------------

"$get" "$dir/nobody" GET / 2>"$dir/err"
is "$?" 1 "nobody listens: exit 1"
like "$(cat "$dir/err")" "nobody: No such file" "and it says where"
"$get" "$sock" GET 2>/dev/null
is "$?" 64 "wrong usage: exit 64"
"$get" -k 0 "$sock" GET / 2>/dev/null
is "$?" 64 "a count of 0: exit 64"
kill -STOP "$pid"
"$get" -t 1 "$sock" GET / 2>"$dir/err"
is "$?" 1 "no answer in time: exit 1"
like "$(cat "$dir/err")" "within 1 s" "and it says so"
kill -CONT "$pid"
"$get" "$sock" GET / >/dev/null
is "$?" 0 "and the next is served"
"$get" -k 2 -p ANSWER_KEEP=0 "$sock" GET / >"$dir/out" 2>"$dir/err"
is "$?" 1 "the connection ends before the second answer: exit 1"
is "$(grep -c X-Read "$dir/out")" 1 "the first is printed"
echo_stop

# ---- system calls ---------------------------------------------------------------

# What fcgi-echo called from its first accept4 on, but for its waiting and for
# memory, which a sanitizer takes by itself.
since_accept() {
	sed -n '/^accept4/,$p' "$dir/trace"
}

calls() {
	since_accept | sed -n 's/^\([a-z0-9]*\)(.*/\1/p' |
	    grep -Ev '^(ppoll|mmap|munmap|madvise|brk)$' | sort | uniq -c |
	    awk '{ printf "%s%s %d", sep, $2, $1; sep = ", " }'
}

connection_closed() {
	since_accept | grep -q '^close'
}

if strace -o "$dir/trace" true 2>/dev/null; then
	echo_start strace -qq -o "$dir/trace"
	"$get" -k 100 "$sock" GET / >/dev/null
	# recvfrom looks before libfcgi reads; the last two find the end of the
	# connection.
	wait_for 20 connection_closed
	is "$(calls)" \
	    "accept4 1, close 1, getsockopt 1, read 100, recvfrom 102, setsockopt 2, write 100" \
	    "a kept request is a look, one read and one write"
	echo_stop

	echo_start strace -qq -o "$dir/trace"
	"$get" "$sock" GET / >/dev/null
	wait_for 20 connection_closed
	is "$(calls)" "accept4 1, close 1, read 1, recvfrom 1, setsockopt 2, write 1" \
	    "one that is not kept: accept, a look, read, write, close"
	echo_stop
else
	echo "ok $((tap_n += 1)) - system calls # SKIP strace cannot trace here"
fi
tap_done
