#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The systemd units are what systemd takes, and as tight as they claim.  Offline:
# no systemd runs here.
set -u
. "$top_srcdir/tests/tap.sh"
command -v systemd-analyze >/dev/null || skip_all "no systemd-analyze"
work=$(mktemp -d) || exit 99
trap 'rm -rf "$work"' EXIT

# The program and its user need not be installed to judge the rest.
for unit in flashgate.service flashgate.socket flashgate-sweep.service \
    flashgate-sweep.timer; do
	sed -e 's#^\(ExecStart\|ExecReload\)=[^ ]*#\1=/bin/true#' \
	    -e 's/^\(User\|SocketUser\)=.*/\1=daemon/' \
	    -e 's/^\(Group\|SocketGroup\)=.*/\1=daemon/' \
	    "$top_srcdir/conf/systemd/$unit" >"$work/$unit"
done
is "$(systemd-analyze verify --man=no "$work/flashgate.service" \
    "$work/flashgate.socket" "$work/flashgate-sweep.service" \
    "$work/flashgate-sweep.timer" 2>&1)" "" "systemd has nothing to say about the units"
for unit in flashgate.service flashgate-sweep.service; do
	ok "$unit is hardened: exposure 2.0 of 10 at most" \
	    systemd-analyze security --offline=yes --threshold=20 "$work/$unit"
done
ok "the timer is at full minutes, as sweep_interval's default is" \
    systemd-analyze calendar --iterations=2 \
    "$(sed -n 's/^OnCalendar=//p' "$top_srcdir/conf/systemd/flashgate-sweep.timer")"

# What the units name is what the program and its settings understand.
like "$(cat "$top_srcdir/conf/systemd/flashgate.service")" '^Type=notify$' "Type=notify"
name=$(sed -n 's/^FileDescriptorName=//p' "$top_srcdir/conf/systemd/flashgate.socket")
like "$(cat "$top_srcdir/conf/systemd/flashgate.service")" "listen = systemd:$name\$" \
    "the name of the socket is the one to write into the settings"
tap_done
