#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Memory that runs out: the first, second, third .. allocation of a program fails,
# until a run has none left to fail.  Whatever it was, the program says what is
# wrong and ends in order, or gets by; it never dies of a signal.
set -u
. "$top_srcdir/tests/tap.sh"
lib=$top_builddir/tests/chaos/libflaky.so
work=$(mktemp -d) || exit 99
trap 'rm -rf "$work"' EXIT
LD_PRELOAD=$lib "$top_builddir/flashgate" -v >/dev/null 2>&1 || {
	echo "1..0 # SKIP libflaky cannot be preloaded into this build (sanitizers)"
	exit 0
}
# A sanitizer that is linked in has the allocator: ours is never asked.
if grep -q __asan_init "$top_builddir/flashgate"; then
	echo "1..0 # SKIP libflaky has no allocations in this build (sanitizers)"
	exit 0
fi
cat >"$work/conf" <<-CONF
	[www]
	listen = $work/sock
	[identity]
	remote_user = yes
	token_keys = one:HS256:$work/key
CONF
chmod 600 "$work/conf"
(umask 077; echo 00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff >"$work/key")

# Where there are many: its libraries' own are not ours to survive (FLAKY_OWN).
alloc_loop() { # COMMAND...; how many failed to $work/n, bad endings to $work/bad
	n=1
	while :; do
		rm -f "$work/log"
		env LD_PRELOAD="$lib" FLAKY_ALLOC=$n FLAKY_LOG="$work/log" $own "$@" \
		    >"$work/out" 2>&1 </dev/null
		code=$?
		grep -q . "$work/log" 2>/dev/null || break
		# 0, or an exit code of sysexits with a text.
		if [ $code -gt 78 ] || { [ $code != 0 ] && [ ! -s "$work/out" ]; }; then
			echo "allocation $n: exit $code $(head -c 200 "$work/out")" >>"$work/bad"
		fi
		n=$((n + 1))
	done
	echo $((n - 1)) >"$work/n"
}
survives() { # NAME COMMAND...
	survives_name=$1
	shift
	: >"$work/bad"
	alloc_loop "$@"
	is "$(head -5 "$work/bad")" "" "$survives_name: every failing allocation is survived or told"
	diag "$(cat "$work/n") allocations failed in turn"
	ok "$survives_name: there were allocations to fail" test "$(cat "$work/n")" -ge 1
}
own=
survives "flashgate -t" "$top_builddir/flashgate" -t -y "$work/conf"
survives "flashgate -tt" "$top_builddir/flashgate" -tt -y "$work/conf"
own=FLAKY_OWN=1
survives "flashgatectl sale list" "$top_builddir/flashgatectl" -y "$work/conf" sale list
survives "flashgate-rush" "$top_builddir/flashgate-rush" --url http://127.0.0.1:1 \
    --sale none --requests 3 --settle-seconds 0 --retries 0 --json --quiet \
    --history "$work/history" --token-key "$work/key" --token-kid one
tap_done
