-- SPDX-License-Identifier: Apache-2.0
--
-- What a keeper and the report read, in bounded pieces.  Part of the library that
-- gate.lua begins.

-- Appends claim, unit, slot, customer, remaining ms for the first `n` of
-- `scored` (claim, deadline, claim ...).  Unit 0: the record is lost.
local function leases_put(keys, scored, n, answer)
	local ids = {}
	for i = 1, n do
		ids[i] = scored[2 * i - 1]
	end
	if n == 0 then return answer end
	local recs = redis.call('HMGET', keys[REC], unpack(ids))
	local now = now_ms()
	for i = 1, n do
		local unit, slot, customer = rec_read(recs[i])
		local left = tonumber(scored[2 * i]) - now
		if not (left > -1e15 and left < 1e15) then
			left = 0
		end
		if #ids[i] == 16 then
			for _, value in ipairs{ids[i], unit or 0, slot or 0,
			    customer or '', left} do
				answer[#answer + 1] = value
			end
		end
	end
	return answer
end

-- max.  The leases with the oldest deadlines.
local function leases(keys, args)
	local scored = redis.call('ZRANGE', keys[LEASE], 0,
		math.min(tonumber(args[1]), BATCH_MAX) - 1, 'WITHSCORES')
	return leases_put(keys, scored, #scored / 2, {})
end

-- cursor, max.  Next cursor (0: that was all), then the leases.  The cursor is
-- a deadline: a lease that stays keeps its own, so none is missed, and a page
-- has an end, which ZSCAN does not promise.
local function lease_scan(keys, args)
	local max = math.min(tonumber(args[2]), BATCH_MAX)
	local scored = redis.call('ZRANGEBYSCORE', keys[LEASE], args[1], '+inf',
		'WITHSCORES', 'LIMIT', 0, max)
	local n = #scored / 2
	if n < max then
		return leases_put(keys, scored, n, {0})
	end
	-- More of the last one's millisecond may follow: leave it to the next
	-- page, which begins there.
	local last, cut = scored[2 * n], n
	while cut > 0 and scored[2 * cut] == last do
		cut = cut - 1
	end
	if cut == 0 then
		return redis.error_reply('ERR one deadline for a whole page')
	end
	return leases_put(keys, scored, cut, {tonumber(last)})
end

-- Accepted orders that wait, those of them that some settler has, and the age of the
-- oldest in ms, by this server's clock.
local function queue_read(keys)
	local waiting = redis.call('XLEN', keys[QUEUE])
	if waiting == 0 then
		return 0, 0, 0
	end
	local first = redis.call('XRANGE', keys[QUEUE], '-', '+', 'COUNT', 1)
	local ms = number_of(first[1][1]:match('^%d+'))
	-- Somebody else may have written any id there, and deleted entries.
	return waiting, math.min(group_pending(keys) or 0, waiting),
		math.min(math.max(now_ms() - ms, 0), 1e15)
end

local function gauge_read(keys, args)
	local meta, refusal = meta_of(keys, args[1])
	if not meta then
		return refusal
	end
	local m = redis.call('HMGET', keys[META], 'forgot', 'dropped', 'run_id',
		'shut', 'opens', 'closes', 'told')
	redis.call('HLEN', keys[REC])
	redis.call('HLEN', keys[SLOT])
	redis.call('SCARD', keys[VOID])
	local waiting, delivered, oldest_ms = queue_read(keys)
	return {'OK', meta.epoch, meta.units, meta.limit,
		redis.call('LLEN', keys[FREE]),
		redis.call('ZCARD', keys[LEASE]),
		number_of(m[1]) or 0, number_of(m[2]) or 0,
		is_other_run(m[3]) and 1 or 0,
		waiting, delivered, oldest_ms,
		m[4] == '1' and 1 or 0, number_of(m[5]) or 0,
		number_of(m[6]) or 0, number_of(m[7]) or 0}
end

-- epoch.  OK epoch units limit free leased forgot dropped restarted waiting delivered
-- oldest_ms shut opens closes told | EPOCH e | NOSALE, also when a key is not what we made it: that gate is as
-- good as lost.
local function gauge(keys, args)
	local sound, answer = pcall(gauge_read, keys, args)
	if sound then
		return answer
	end
	local why = type(answer) == 'table' and answer.err or tostring(answer)
	return why:find('WRONGTYPE') and {'NOSALE'} or redis.error_reply(why)
end

-- offset, max.  Unit numbers; 0 for a token that is none.
local function free_list(keys, args)
	local offset = math.min(tonumber(args[1]), 2^53)
	local max = math.min(tonumber(args[2]), BATCH_MAX)
	local units = redis.call('LRANGE', keys[FREE],
		string.format('%.0f', offset),
		string.format('%.0f', offset + max - 1))
	for i = 1, #units do
		units[i] = unit_of(units[i]) or 0
	end
	return units
end
