#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Who may include whom: each src/<layer>/.may_include against every #include in
# the folder, quotes and angle brackets alike.  And config.h comes first.
set -u
. "$top_srcdir/tests/tap.sh"

libc='assert.h ctype.h dirent.h errno.h fcntl.h fnmatch.h getopt.h glob.h grp.h
inttypes.h limits.h math.h netdb.h poll.h pwd.h sched.h signal.h stdalign.h
stdarg.h stdatomic.h stdbool.h stddef.h stdint.h stdio.h stdlib.h string.h
strings.h sysexits.h syslog.h termios.h time.h unistd.h arpa/inet.h
linux/*.h net/if.h netinet/*.h sys/*.h'

# Prints each include of file $1 that layer file $2 does not allow.
offences() {
	sed -n 's/^[ \t]*#[ \t]*include[ \t]*[<"]\([^>"]*\)[>"].*/\1/p' "$1" |
	while IFS= read -r header; do
		[ "$header" = config.h ] && continue
		allowed=no
		# Patterns, not file names: no expansion here.
		set -f
		for pattern in $libc $(sed 's/#.*//' "$2"); do
			# shellcheck disable=SC2254
			case $header in
			$pattern) allowed=yes; break ;;
			esac
		done
		set +f
		[ $allowed = yes ] || echo "$1 includes $header"
	done
}

config_first() { # FILE
	[ "$(sed -n 's/^[ \t]*#[ \t]*include[ \t]*[<"]\([^>"]*\)[>"].*/\1/p' \
	    "$1" | head -1)" = config.h ]
}

for layer in "$top_srcdir"/src/*/; do
	name=$(basename "$layer")
	found=
	for file in "$layer"*.c "$layer"*.h; do
		[ -e "$file" ] || continue
		found="$found$(offences "$file" "$layer.may_include")"
		case $file in
		*.c) config_first "$file" ||
			found="$found $file does not include config.h first" ;;
		esac
	done
	is "$found" "" "$name includes only what it may see"
done

# The check itself must bite: a planted violation in a copy.
planted=$(mktemp -d) || exit 1
trap 'rm -rf "$planted"' EXIT
printf '#include "config.h"\n#include "sale/buy.h"\n#include <hiredis/hiredis.h>\n' \
    >"$planted/evil.c"
is "$(offences "$planted/evil.c" "$top_srcdir/src/pool/.may_include" | wc -l |
    tr -d ' ')" 2 "a planted violation in pool is caught, quotes and brackets"
is "$(offences "$planted/evil.c" "$top_srcdir/src/sale/.may_include" | wc -l |
    tr -d ' ')" 1 "hiredis in sale is caught"
tap_done
