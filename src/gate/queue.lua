-- SPDX-License-Identifier: Apache-2.0
--
-- Accepted orders (modes queue and sweep): record, slot and stream entry are one
-- fact, which a settler ends.  There is no lease, so no keeper ever sees them.
-- Part of the library that gate.lua begins.
--
-- Nothing trims the stream: that would take entries out of settlers' hands without
-- a word.  It cannot outgrow the stock, since each entry holds a unit.

-- The settlers' consumer group, made on demand and always from the beginning: what
-- was settled before is not in the stream any more.
local GROUP = 'settlers'
local SETTLE_MAX = 64 -- entries of one call: SETTLE_BATCH in ports.h
local IDLE_MAX = 32 -- of them another's, each of which costs more: Redis is not to
                    -- be held up for a millisecond

local ID_MAX = '18446744073709551615-18446744073709551615'

local ORDER_ARGS = 7 -- claim, unit, slot, customer, payload_hash, ref, created

-- XADD comes first: a stream takes no more ids once somebody has written the largest.
local function accept(keys, claim, unit, slot, customer, hash, ref, created)
	local id = redis.call('XADD', keys[QUEUE], '*', 'claim', claim,
		'unit', unit, 'slot', slot, 'customer', customer,
		'payload_hash', hash, 'ref', ref, 'created', created)
	redis.call('HSET', keys[REC], claim,
		table.concat({unit, slot, customer, id}, '|'))
	redis.call('HSET', keys[SLOT], slot .. ':' .. customer, claim)
end

-- Does this gate accept an order of `created` (us)?  The ledger's guard asks nothing
-- of the kind when a settler writes it.
local function is_time(m, created)
	local opens, closes = number_of(m[2]) or 0, number_of(m[3]) or 0
	return m[1] ~= '1' and tonumber(created) >= opens and
		(closes == 0 or tonumber(created) < closes)
end

-- What another run of the server has brought back may be older than what was sold:
-- much of what it accepted could only become void.  Its keeper makes a new one.
local function accepts(keys, regardless, created)
	local m = redis.call('HMGET', keys[META], 'shut', 'opens', 'closes',
		'run_id')
	return not is_other_run(m[4]) and
		(regardless == '1' or is_time(m, created))
end

-- epoch, customer, from, touch, regardless, payload_hash, ref, created, claim ids.
-- TAKEN unit slot attempt dropped | SPENT | SHUT | and all that claim says
local function enqueue(keys, args)
	local meta, refusal = meta_of(keys, args[1], true)
	if not meta then
		return refusal
	end
	local customer, chain = args[2], {unpack(args, 9)}
	local answer, holders = known(keys, args[1], customer, chain, meta.limit)
	if answer then
		-- WAITAOF is about what its own connection wrote, and this fact
		-- another one wrote: a write that changes nothing comes after it.
		if answer[1] == 'QUEUED' and args[4] == '1' then
			redis.call('HSET', keys[META], 'epoch', args[1])
		end
		return answer
	end
	if not accepts(keys, args[5], args[8]) then
		return {'SHUT'}
	end
	local slot, held = room(keys, meta, holders)
	if not slot then
		return held
	end
	local void = redis.call('SMISMEMBER', keys[VOID], unpack(chain))
	redis.call('XLEN', keys[QUEUE])
	local attempt = tonumber(args[3]) + 1
	while attempt <= #chain and void[attempt] == 1 do
		attempt = attempt + 1
	end
	if attempt > #chain then
		return {'SPENT'}
	end
	local unit, dropped = unit_pop(keys, meta.units)
	if not unit then
		return {'SOFT', held, dropped}
	end
	local sound, why = pcall(accept, keys, chain[attempt], unit, slot,
		customer, args[6], args[7], args[8])
	if not sound then
		-- A new gate has a new stream: its keeper makes one.
		unit_return(keys, unit, meta.units)
		note_forgot(keys, args[1])
		return redis.error_reply(type(why) == 'table' and why.err or why)
	end
	return {'TAKEN', unit, slot, attempt - 1, dropped}
end

-- epoch, customer.  OK and the entries, by slot | EPOCH e | NOSALE
local function pending(keys, args)
	local meta, refusal = meta_of(keys, args[1])
	if not meta then
		return refusal
	end
	local holders = redis.call('HMGET', keys[SLOT],
		unpack(slot_fields(args[2], SLOTS_MAX)))
	local claims, answer = {}, {'OK'}
	for n = 1, SLOTS_MAX do
		claims[#claims + 1] = holders[n] or nil
	end
	if #claims == 0 then
		return answer
	end
	local recs = redis.call('HMGET', keys[REC], unpack(claims))
	for i = 1, #claims do
		local _, _, _, id = rec_read(recs[i])
		if id then
			local entry = redis.call('XRANGE', keys[QUEUE], id, id)
			if not entry[1] then
				return redis.error_reply(
					'ERR an accepted order is lost')
			end
			answer[#answer + 1] = entry[1]
		end
	end
	return answer
end

-- What was seen here another connection may have written, and WAITAOF is about what
-- its own one wrote: a write that changes nothing, of whatever epoch there is.
-- OK | NOSALE
local function touch(keys)
	local epoch = redis.call('HGET', keys[META], 'epoch')
	if not epoch then
		return {'NOSALE'}
	end
	redis.call('HSET', keys[META], 'epoch', epoch)
	return {'OK'}
end

-- How many entries are in the hands of settlers; nil: there is no group yet.  The
-- stream must be there.
local function group_pending(keys)
	for _, group in ipairs(redis.call('XINFO', 'GROUPS', keys[QUEUE])) do
		local of = {}
		for i = 1, #group, 2 do
			of[group[i]] = group[i + 1]
		end
		if of.name == GROUP then
			return of.pending
		end
	end
end

-- Adds to each how often it was given to somebody.
local function deliveries_put(keys, consumer, entries)
	if #entries == 0 then
		return
	end
	local rows = redis.call('XPENDING', keys[QUEUE], GROUP, entries[1][1],
		entries[#entries][1], SETTLE_MAX, consumer)
	local times = {}
	for _, row in ipairs(rows) do
		times[row[1]] = row[4]
	end
	for _, entry in ipairs(entries) do
		entry[3] = times[entry[1]] or 1
	end
end

-- Entries that this consumer was given before.  One whose entry somebody deleted
-- comes back empty, every time: it is acknowledged.
local function take_own(keys, consumer, max)
	local gone, own = {}, {}
	local answer = redis.call('XREADGROUP', 'GROUP', GROUP, consumer,
		'COUNT', max, 'STREAMS', keys[QUEUE], '0')
	for _, entry in ipairs(answer and answer[1][2] or {}) do
		local list = entry[2] and own or gone
		list[#list + 1] = entry[2] and entry or entry[1]
	end
	if #gone > 0 then
		redis.call('XACK', keys[QUEUE], GROUP, unpack(gone))
	end
	deliveries_put(keys, consumer, own)
	return own
end

-- Entries that another was given too long ago, and where to go on looking: a page of
-- what is in anybody's hands is looked at.  (XAUTOCLAIM looks at ten pages, and
-- fetches each entry before it asks for its age: 1 ms where it finds nothing.)
local function take_idle(keys, consumer, max, idle_ms, from)
	local page = redis.call('XPENDING', keys[QUEUE], GROUP, '(' .. from,
		'+', SETTLE_MAX)
	local ids, times = {}, {}
	for _, row in ipairs(page) do
		if row[3] >= idle_ms and row[2] ~= consumer and #ids < max then
			ids[#ids + 1] = row[1]
			times[row[1]] = row[4] + 1
		end
	end
	local last = ids[max] or page[SETTLE_MAX] and page[SETTLE_MAX][1]
	-- Nothing can be behind the largest id, and Redis refuses to look there.
	local next_from = last ~= ID_MAX and last or '0-0'
	if #ids == 0 then
		return {}, next_from
	end
	local entries = redis.call('XCLAIM', keys[QUEUE], GROUP, consumer,
		idle_ms, unpack(ids))
	for _, entry in ipairs(entries) do
		entry[3] = times[entry[1]]
	end
	return entries, next_from
end

local function take_new(keys, consumer, max)
	local answer = redis.call('XREADGROUP', 'GROUP', GROUP, consumer,
		'COUNT', max, 'STREAMS', keys[QUEUE], '>')
	local entries = answer and answer[1][2] or {}
	for _, entry in ipairs(entries) do
		entry[3] = 1
	end
	return entries
end

local function append(list, more)
	for _, item in ipairs(more) do
		list[#list + 1] = item
	end
end

-- epoch, consumer, max, idle ms, where to look for idle ones.  OK, where to look the
-- next time, and id, fields, deliveries of each | EPOCH e | NOSALE
local function take(keys, args)
	local meta, refusal = meta_of(keys, args[1])
	if not meta then
		return refusal
	end
	local consumer, max = args[2], math.min(tonumber(args[3]), SETTLE_MAX)
	if redis.call('XLEN', keys[QUEUE]) == 0 then
		return {'OK', '0-0'}
	end
	if not group_pending(keys) then
		redis.call('XGROUP', 'CREATE', keys[QUEUE], GROUP, '0')
	end
	local from = args[5]
	local entries, some = take_own(keys, consumer, max), nil
	-- Some of its own may never be decided: others must not wait for them.
	if #entries < max then
		some, from = take_idle(keys, consumer,
			math.min(max - #entries, IDLE_MAX), tonumber(args[4]),
			from)
		append(entries, some)
	end
	if #entries < max then
		append(entries, take_new(keys, consumer, max - #entries))
	end
	return {'OK', from, unpack(entries)}
end

-- Units back on sale, as unit_return, but in one command.
local function units_return(keys, units, stock)
	local back = {}
	for _, unit in ipairs(units) do
		if unit <= stock then
			back[#back + 1] = unit
		else
			away_end(keys, unit)
		end
	end
	if #back > 0 then
		redis.call('RPUSH', keys[FREE], unpack(back))
	end
end

-- What follows from a settler's word, besides the end of entry and record.
local FATES = {
	SOLD = {},
	VOID = {void = true, back = true},
	TAKEN = {void = true, forgot = true},
	ELSEWHERE = {back = true, forgot = true},
}

-- epoch, then id, claim ('': not known), customer ('': not known), a fate of each.
-- OK, also when another epoch is in use: its making has ended them.
local function settled(keys, args)
	local meta = meta_of(keys, args[1])
	if not meta then
		return {'OK'}
	end
	local ids, claims = {}, {}
	for i = 2, #args, 4 do
		ids[#ids + 1], claims[#claims + 1] = args[i], args[i + 1]
	end
	local recs = redis.call('HMGET', keys[REC], unpack(claims))
	local ended, fields, left, units, void = {}, {}, {}, {}, {}
	local forgot, seen = false, {}
	for i, id in ipairs(ids) do
		local claim, fate = claims[i], FATES[args[4 * i + 1]]
		local unit, slot, holder, entry = rec_read(recs[i])
		-- A record that names another entry is none of this one's.
		local names = entry == id and not seen[id]
		local lost = not recs[i] and claim ~= ''
		seen[id] = true
		if names then
			ended[#ended + 1] = claim
			forgot = forgot or fate.forgot
			if fate.back then
				units[#units + 1] = unit
			end
		end
		if fate.void and names then
			fields[#fields + 1] = slot .. ':' .. holder
			left[#left + 1] = claim
		elseif fate.void and lost and args[4 * i] ~= '' then
			for _, field in ipairs(slots_naming(keys, args[4 * i],
			    claim)) do
				fields[#fields + 1] = field
				left[#left + 1] = claim
			end
		end
		if fate.void and (names or lost) then
			void[#void + 1] = claim
		end
	end
	local stale = fields_naming(keys, fields, left)
	redis.call('LLEN', keys[FREE])
	redis.call('SCARD', keys[VOID])
	redis.call('XACK', keys[QUEUE], GROUP, unpack(ids))
	redis.call('XDEL', keys[QUEUE], unpack(ids))
	slots_clear(keys, stale)
	if #ended > 0 then
		redis.call('HDEL', keys[REC], unpack(ended))
	end
	if #void > 0 then
		redis.call('SADD', keys[VOID], unpack(void))
	end
	units_return(keys, units, meta.units)
	if forgot then
		note_forgot(keys, args[1])
	end
	return {'OK'}
end

-- After which id, max.  OK and id, fields of each.
local function queue_scan(keys, args)
	return {'OK', unpack(redis.call('XRANGE', keys[QUEUE], '(' .. args[1],
		'+', 'COUNT', math.min(tonumber(args[2]), SETTLE_MAX)))}
end

-- epoch, then an order (unit 0: is its claim there?).  OK and of each 0, or 1 when it
-- was refused, or 2 when its claim is there | EPOCH e
local function carry(keys, args)
	local refusal = published(keys, args[1])
	if refusal then
		return refusal
	end
	local claims, fields = {}, {}
	for i = 2, #args, ORDER_ARGS do
		claims[#claims + 1] = args[i]
		fields[#fields + 1] = args[i + 2] .. ':' .. args[i + 3]
	end
	local recs = redis.call('HMGET', keys[REC], unpack(claims))
	local holders = redis.call('HMGET', keys[SLOT], unpack(fields))
	redis.call('XLEN', keys[QUEUE])
	local answer, here, seen = {'OK'}, {}, {}
	for i, claim in ipairs(claims) do
		local holder = holders[i] or here[fields[i]]
		local at = 2 + (i - 1) * ORDER_ARGS
		answer[i + 1] = 0
		if recs[i] or seen[claim] then
			answer[i + 1] = 2
		elseif args[at + 1] == '0' or holder and holder ~= claim then
			answer[i + 1] = 1
		else
			here[fields[i]], seen[claim] = claim, true
			accept(keys, unpack(args, at, at + ORDER_ARGS - 1))
		end
	end
	return answer
end
