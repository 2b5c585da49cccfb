# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
# What a run amounts to: sourced by tests/chaos/run, and by a test that takes
# one piece after the other away.  Reads the files that a run has left in $dir:
#
#	history.ndjson read.ndjson faults.ndjson left.ndjson   for $checker
#	rush.json rush.code      what the crowd says of itself, and its exit
#	net.json                 faultd's counts, a line a front
#	made missed skipped      kinds of faults, a line each time
#	losses.ndjson            when Redis lost what it had stored (also in left)
#	lost mended              kinds that cost Redis data; those that the
#	                         keeper did not mend within HEAL_WAIT
#	broken                   what already went wrong with the run itself
#	metrics                  of the monitor at the end
#
#	verdict OUT    writes the figures; 0: no violation, 1: some, 2: this run
#	               shows nothing, and $dir/broken says why
#
# "No violation" is what a run says in which nothing was looked at.  So each
# thing that a run needs to mean anything is asked for.

# Of what Redis has lost the crowd knows nothing, and whoever was accepted and then
# hears "sold out" accuses us.  C4 and C5 say it of the same answers, and know.
crowd_can_tell() {
	[ "${MODE:-direct}" = direct ] || [ ! -s "$dir/losses.ndjson" ]
}

lines_of() { # FILE
	wc -l <"$dir/$1" 2>/dev/null | tr -d ' '
}

# A line for each reason not to believe this run.
unbelievable() {
	cat "$dir/broken" 2>/dev/null
	for file in history.ndjson read.ndjson faults.ndjson left.ndjson rush.json \
	    losses.ndjson rush.code net.json made missed skipped lost mended metrics; do
		[ -f "$dir/$file" ] || echo "there is no $file"
	done
	[ "$checked" -le 1 ] ||
		echo "check-history: exit $checked, $(tail -1 "$dir/verdict")"
	case $(cat "$dir/rush.code") in
	0 | 1) ;;
	*) echo "the crowd: exit $(cat "$dir/rush.code"), $(tail -1 "$dir/rush.err" 2>/dev/null)" ;;
	esac
	jq -e '.interrupted == false' "$dir/rush.json" >/dev/null ||
		echo "the crowd was interrupted"
	[ "$(lines_of made)" -gt 0 ] || echo "not one fault was made"
	[ "$(lines_of made)" = "$(lines_of faults.ndjson)" ] ||
		echo "$(lines_of made) faults were made, $(lines_of faults.ndjson) are in the log"
	jq -es 'map(.name) | sort == ["mysql", "redis"]' "$dir/net.json" >/dev/null ||
		echo "faultd did not say what it did"
	jq -es 'all(.requests > 0)' "$dir/net.json" >/dev/null ||
		echo "not all went through faultd"
	jq -es 'all(.holding == 0)' "$dir/net.json" >/dev/null ||
		echo "something was still held when it was judged"
}

words_of() { # FILE; as a JSON list
	jq -Rn '[inputs | select(. != "")]' "$dir/$1"
}

figures() {
	grep '^{' "$dir/verdict" | tail -1 | jq -ec \
	    --argjson seed "$first_seed" \
	    --argjson rush "$(crowd_can_tell || { echo 0; exit; }; jq 'if .violation then [.violations | length, 1] | max else 0 end' "$dir/rush.json")" \
	    --arg ambiguous "$(tr -d '\r' <"$dir/metrics" |
	        sed -n 's/^flashgate_purchase_events_total{event="ambiguous"} //p')" \
	    --argjson missed "$(words_of missed)" \
	    --argjson skipped "$(words_of skipped)" \
	    --argjson mended "$(words_of mended)" \
	    --argjson lost "$(words_of lost)" --slurpfile net "$dir/net.json" '
		def rule($name; $n): if $n > 0 then .rules[$name] += $n else . end;
		rule("crowd"; $rush) | rule("by-hand"; $mended | length) |
		. + {seed: $seed, violations: (.violations + $rush + ($mended | length)),
		     ambiguous: ($ambiguous | tonumber), net: $net,
		     missed: $missed, skipped: $skipped, lost: $lost, mended: $mended}'
}

check() {
	"$checker" -c -f "$dir/left.ndjson" "$dir/faults.ndjson" \
	    "$dir/history.ndjson" "$dir/read.ndjson"
}

verdict() { # OUT
	check >"$dir/verdict" 2>&1
	checked=$?
	figures >"$dir/figures" 2>"$dir/figures.err"
	figured=$?
	unbelievable >"$dir/unbelievable" 2>&1
	# jq 1.6 does not mind when there is nothing to read.
	[ $figured = 0 ] && [ -s "$dir/figures" ] ||
		echo "no figures: $(tail -1 "$dir/figures.err")" >>"$dir/unbelievable"
	cp "$dir/unbelievable" "$dir/broken"
	cp "$dir/figures" "$1" || {
		echo "the figures cannot be written to $1" >>"$dir/broken"
	}
	# A violation that was seen was seen.
	[ "$checked" != 1 ] || return 1
	[ ! -s "$dir/broken" ] || return 2
	[ "$(jq .violations "$1")" = 0 ] || return 1
	! crowd_can_tell || [ "$(cat "$dir/rush.code")" = 0 ]
}
