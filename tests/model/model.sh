#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The models of claim, lease, reap, rebuild, and of accepted orders: no error in
# their small sets, each planted bug found, and a map that names what there is.  With `large` as its
# argument (make check-model) the large sets instead.
set -u
. "$top_srcdir/tests/tap.sh"

model=$top_srcdir/doc/model
kinds='two bug'
[ "${1:-}" != large ] || kinds='large largebug'

# ---- what needs no spin ----

# Each planted bug is looked for, and each one looked for is planted.
planted_are() { # MODEL RUNS
	is "$(sed -n 's/^.*bug\t\([A-Z0-9]*\)\t.*/\1/p' "$model/$2" | sort)" \
	    "$(grep -o 'BUG_[A-Z][A-Z0-9]*' "$model/$1.pml" | sort -u |
		sed 's/^BUG_//')" "$1: each planted bug has its run"
}
planted_are claim runs
planted_are settle settle.runs

# README: a row of the map is | `step` | `src/file` | `function` `function` |
map() { # -> file function
	sed -n 's/^| .*| `\([^`]*\)` *| *\(.*\) *|$/\1 \2/p' "$1" |
	while read -r file names; do
		for name in $(echo "$names" | grep -o '`[A-Za-z0-9_]*`' | tr -d '`'); do
			echo "$file $name"
		done
	done
}
# Prints what the map in file $1 names and its source does not define.
undefined() {
	map "$1" | while read -r file name; do
		case $file in
		*.lua) pattern="^local function $name\\(" ;;
		*statements.c) pattern="\\[$name\\] = " ;;
		*) pattern="^([a-z].*[ *])?$name\\(" ;;
		esac
		grep -Eqs -- "$pattern" "$top_srcdir/$file" || echo "$file: $name"
	done
}
missing=$(undefined "$model/README.md")
is "$missing" "" "the map in README.md names functions that there are"
ok "it names enough of them" test "$(map "$model/README.md" | wc -l)" -ge 40
planted=$(mktemp) || exit 1
printf '| `x` | `%s` | `%s` |\n' src/sale/buy.c buy_claim_not src/gate/gate.lua \
    claims src/ledger/statements.c STMT_RECORDS src/none.c main >"$planted"
is "$(undefined "$planted" | wc -l | tr -d ' ')" 4 "one that is not there is caught"
rm -f "$planted"
steps=$(sed -n 's/^| `\([a-z_A-Z]*\)`.*| `[^`]*` *|.*|$/\1/p' "$model/README.md" |
    while read -r step; do
	grep -Eq "^(inline|proctype) $step\(|^$step:|^#define $step " \
	    "$model/claim.pml" "$model/settle.pml" ||
		echo "$step"
    done)
is "$steps" "" "and steps that the models have"

# ---- the searches ----

MODEL_SPIN=${SPIN-$(command -v spin)}
export MODEL_SPIN
if [ -z "$MODEL_SPIN" ]; then
	[ -z "${FG_REQUIRE_SERVERS:-}" ] || skip_all "no spin"
	tap_n=$((tap_n + 1))
	echo "ok $tap_n # SKIP no spin: the searches are not made"
	tap_done
	exit
fi

# One search over $MODEL; a failure tells why.
search() { # KIND NAME FLAGS
	case $1 in
	*bug) set -- "$1" "$2" "BUG_$2 $3" error "planted bug $2 is found" ;;
	*) set -- "$1" "$2" "$3" ok "$2: no error" ;;
	esac
	# shellcheck disable=SC2086
	result=$("$top_srcdir/tests/model/run-model" $3 2>&1)
	case $result in
	"$4 "*) pass "$5" ;;
	*) fail "$5" "flags: $3" "$result" ;;
	esac
	diag "$2: $(echo "$result" | head -1)"
}

tab=$(printf '\t')
list=$(mktemp) || exit 1
trap 'rm -f "$list"' EXIT
for MODEL in claim settle; do
	export MODEL
	case $MODEL in
	claim) runs=runs ;;
	*) runs=$MODEL.runs ;;
	esac
	# Not in a pipe: the numbers of the tests would be lost.
	grep -v '^#' "$model/$runs" >"$list"
	while IFS=$tab read -r kind name flags; do
		case " $kinds " in
		*" $kind "*) search "$kind" "$name" "$flags" ;;
		esac
	done <"$list"
done
tap_done
