# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
# What a stack holds when all is quiet, as lines of a history (hist.h): sourced
# after scripts/servers.sh, with the stack's env.
#
#	dump_left DIR SLUG REDIS-SOCKET      the sale, its orders, its gate
#	dump_counters METRICS...             the counters of damage, summed
#
# Each says how much it was, so that what broke off is seen (check-history -c),
# and fails when something could not be read.

dump_sql() { # DIR STATEMENT
	mariadb_sql "$1" "$MYSQL_DB" -e "$2"
}

dump_gate() { # REDIS-SOCKET SALE-ID
	"$REDIS_CLI" -s "$1" EVAL '
		local function hex(s) return (s:gsub(".", function(c) return string.format("%02x", c:byte()) end)) end
		local tag = "{fg:" .. ARGV[1] .. "}:"
		local e = redis.call("HGET", tag .. "meta", "epoch")
		if not e then return {} end
		local t, out = tag .. e .. ":", {"{\"gate_epoch\":" .. e .. "}"}
		for _, u in ipairs(redis.call("LRANGE", t .. "free", 0, -1)) do out[#out+1] = "{\"free\":" .. u .. "}" end
		for _, c in ipairs(redis.call("ZRANGE", t .. "lease", 0, -1)) do out[#out+1] = "{\"lease\":\"" .. hex(c) .. "\"}" end
		local s = redis.call("HGETALL", t .. "slot")
		for i = 1, #s, 2 do
			local n, who = s[i]:match("^(%d+):(.*)$")
			out[#out+1] = string.format("{\"slot\":%s,\"customer\":\"%s\",\"claim\":\"%s\"}", n, who, hex(s[i+1]))
		end
		for _, entry in ipairs(redis.call("XRANGE", t .. "queue", "-", "+")) do
			local of = {}
			for i = 1, #entry[2], 2 do of[entry[2][i]] = entry[2][i + 1] end
			out[#out+1] = string.format("{\"waiting\":\"%s\",\"unit\":%d,\"entry\":\"%s\"}",
				hex(of.claim or ""), tonumber(of.unit) or 0, entry[1])
		end
		local there, groups = pcall(redis.call, "XINFO", "GROUPS", t .. "queue")
		for _, group in ipairs(there and groups or {}) do
			for _, row in ipairs(redis.call("XPENDING", t .. "queue", group[2], "-", "+", 1000000)) do
				out[#out+1] = string.format("{\"held\":\"%s\",\"by\":\"%s\"}", row[1], row[2])
			end
		end
		out[#out+1] = "{\"gate_end\":" .. (#out - 1) .. "}"
		return out' 0 "$2"
}

dump_left() { # DIR SLUG REDIS-SOCKET
	dump_id=$(dump_sql "$1" "SELECT id FROM sales WHERE slug='$2'") || return 1
	dump_sql "$1" "SELECT JSON_OBJECT('id', id, 'stock', stock, 'epoch', epoch,
	    'per_customer', per_customer, 'always_open', TRUE,
	    'claim_key', LOWER(HEX(claim_key))) FROM sales WHERE slug='$2'" || return 1
	"$FLASHGATECTL" -y "$CONF" orders export "$2" --all --format ndjson || return 1
	dump_gate "$3" "$dump_id" || return 1
	# Last, and by another way: who writes still has not been seen.
	dump_sql "$1" "SELECT JSON_OBJECT('rows', COUNT(*)) FROM orders
	    WHERE sale_id=$dump_id"
}

# Absent counters give no line: that they are not there is seen.
dump_counters() { # METRICS...
	tr -d '\r' <"$1" >/dev/null || return 1
	cat "$@" | tr -d '\r' | awk '
		/^flashgate_purchase_events_total.event="(out-of-bounds|healed)"/ ||
		/^flashgate_leaks_found_total / ||
		/^flashgate_queue_lost_total / ||
		/^flashgate_rebuilds_total/ && !/"half-made"/ {
			name = $1
			sub(/_total/, "", name)
			sub(/^flashgate_/, "", name)
			sub(/^purchase_events\{event="/, "", name)
			sub(/\{cause="/, "-", name)
			sub(/"\}$/, "", name)
			sum[name] += $2
		}
		END { for (name in sum) printf "{\"counter\":\"%s\",\"value\":%s}\n", name, sum[name] }'
}
