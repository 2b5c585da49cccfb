#!lua name=flashgate_v1
-- SPDX-License-Identifier: Apache-2.0
--
-- The gate: who gets in.  Redis >= 7 or Valkey; compiled into the programs and
-- loaded by them.  src/sale/ports.h says what each function means.
--
-- The version is in every name, because function names are global: programs of
-- two versions must be able to use one server during a rollout.  A change of
-- meaning is a new version here and in gate_priv.h.
--
-- Redis rolls nothing back.  So every function first reads each key that it is
-- going to write (a key of a wrong type fails there), and only then writes.
-- Nothing scans: every function is bounded by the limit, or by the number of
-- items it was given or asked for.

-- KEYS: always these five, in this order.
local META = 1  -- hash   epoch, units, limit, lease_ms, run_id; away:N; and what
                -- was noticed of this generation, if anything: dropped, forgot
local FREE = 2  -- list   unit numbers: taken at the head, returned to the tail
local LEASE = 3 -- zset   claim -> deadline in ms by this server's clock
local REC = 4   -- hash   claim -> "unit|slot|customer"
local SLOT = 5  -- hash   "slot:customer" -> claim; stays when the lease goes

local SLOTS_MAX = 16        -- SALE_PER_CUSTOMER_MAX
local BATCH_MAX = 1000      -- items of one call
local DROPS_MAX = 64        -- bad tokens that one claim throws away
local SHRINK_MAX = 64       -- units that one shrink takes
local SHRINK_STEPS = 100000 -- list entries that one shrink looks at

local function number_of(text)
	if type(text) == 'string' and text:find('^%d+$') then
		return tonumber(text)
	end
end

local function unit_of(token)
	local unit = number_of(token)
	if unit and token:find('^[1-9]') and unit <= 4294967295 then
		return unit
	end
end

-- Unit, slot and customer; nil for a record that is missing or damaged.
local function rec_read(text)
	local unit, slot, customer = (text or ''):match('^(%d+)|(%d%d?)|(.+)$')
	if unit_of(unit) then
		return tonumber(unit), tonumber(slot), customer
	end
end

local function now_ms()
	local time = redis.call('TIME')
	return tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
end

-- Which run of the server this is: a restarted one, or a replica that took over,
-- has another.  '' for a user without the right to INFO.
local function run_id()
	local info = redis.pcall('INFO', 'server')
	return type(info) == 'string' and info:match('run_id:(%x+)') or ''
end

-- The meta of `epoch`, or nil and the answer that says why not.  A meta that
-- is lost or damaged is NOSALE, which is never "sold out".
local function meta_of(keys, epoch)
	local m = redis.call('HMGET', keys[META], 'epoch', 'units', 'limit',
		'lease_ms')
	local meta = {
		epoch = number_of(m[1]), units = number_of(m[2]),
		limit = number_of(m[3]), lease_ms = number_of(m[4]),
	}
	if not (meta.epoch and meta.units and meta.limit and meta.lease_ms) or
	    meta.limit < 1 or meta.limit > SLOTS_MAX then
		return nil, {'NOSALE'}
	end
	if meta.epoch ~= tonumber(epoch) then
		return nil, {'EPOCH', meta.epoch}
	end
	return meta
end

-- Evidence that this generation has lost history: whoever looks after the sale
-- reads it with the gauge, and a new generation begins without.
local function note_forgot(keys, epoch)
	if number_of(redis.call('HGET', keys[META], 'epoch')) ==
	    tonumber(epoch) then
		redis.call('HINCRBY', keys[META], 'forgot', 1)
	end
end

local function slot_fields(customer, limit)
	local fields = {}
	for n = 1, limit do
		fields[n] = n .. ':' .. customer
	end
	return fields
end

-- The fields of `customer` that name `claim`.
local function slots_naming(keys, customer, claim)
	local fields = slot_fields(customer, SLOTS_MAX)
	local holders = redis.call('HMGET', keys[SLOT], unpack(fields))
	local naming = {}
	for n = 1, SLOTS_MAX do
		if holders[n] == claim then
			naming[#naming + 1] = fields[n]
		end
	end
	return naming
end

local function slots_clear(keys, fields)
	if #fields > 0 then
		redis.call('HDEL', keys[SLOT], unpack(fields))
	end
end

-- 1 when there was a lease, else 0.
local function lease_drop(keys, claim)
	local had = redis.call('ZREM', keys[LEASE], claim)
	redis.call('HDEL', keys[REC], claim)
	return had
end

local function lease_put(keys, meta, claim, rec)
	redis.call('ZADD', keys[LEASE],
		string.format('%.0f', now_ms() + meta.lease_ms), claim)
	redis.call('HSET', keys[REC], claim, rec)
end

-- Units above the stock that were not in the list when it shrank: leased, or sold
-- since.  More stock must not put them there beside the claim that has them.
local function away_field(unit)
	return string.format('away:%.0f', unit)
end

-- True when it was away, and is so no more.
local function away_end(keys, unit)
	return redis.call('HDEL', keys[META], away_field(unit)) == 1
end

-- The first usable token of the free list and how many were thrown away.  A
-- number above the stock would be refused by the ledger, come back, and be drawn
-- again for ever.
local function unit_pop(keys, units)
	for dropped = 0, DROPS_MAX - 1 do
		local token = redis.call('LPOP', keys[FREE])
		local unit = unit_of(token)
		if (unit and unit <= units) or not token then
			return unit, dropped
		end
		redis.call('HINCRBY', keys[META], 'dropped', 1)
		if unit then
			away_end(keys, unit)
		end
	end
	return nil, DROPS_MAX
end

-- How many units there are, nil when that is lost, or another generation's: a late
-- call about this one must not touch that one's marks.
local function units_read(keys, epoch)
	local m = redis.call('HMGET', keys[META], 'epoch', 'units')
	return number_of(m[1]) == tonumber(epoch) and number_of(m[2]) or nil
end

-- Back on sale; a unit that there is not (any more) is let go, until there is
-- more stock.
local function unit_return(keys, unit, units)
	if not units or unit <= units then
		redis.call('RPUSH', keys[FREE], unit)
	else
		away_end(keys, unit)
	end
end

-- epoch, customer, claim ids (the first one takes).
-- TAKEN unit slot dropped | SAME unit slot attempt | MINE attempt | LIMIT |
-- SOFT held dropped | GONE held units | EPOCH e | NOSALE
local function claim(keys, args)
	local meta, refusal = meta_of(keys, args[1])
	if not meta then
		return refusal
	end
	local customer, chain = args[2], {unpack(args, 3)}
	local recs = redis.call('HMGET', keys[REC], unpack(chain))
	for i = 1, #chain do
		if recs[i] then
			local unit, slot = rec_read(recs[i])
			return unit and {'SAME', unit, slot, i - 1} or
				redis.error_reply('ERR damaged record')
		end
	end
	local fields = slot_fields(customer, meta.limit)
	local holders = redis.call('HMGET', keys[SLOT], unpack(fields))
	local vacant, held = nil, 0
	for n = 1, meta.limit do
		for i = 1, #chain do
			if holders[n] == chain[i] then
				return {'MINE', i - 1}
			end
		end
		if holders[n] then
			held = held + 1
		elseif not vacant then
			vacant = n
		end
	end
	if not vacant then
		return {'LIMIT'}
	end
	local leased = redis.call('ZCARD', keys[LEASE])
	if redis.call('LLEN', keys[FREE]) == 0 then
		if leased == 0 then
			return {'GONE', held, meta.units}
		end
		return {'SOFT', held, 0}
	end
	-- Everything is read and right: from here on only writes.
	local unit, dropped = unit_pop(keys, meta.units)
	if not unit then
		return {'SOFT', held, dropped}
	end
	lease_put(keys, meta, chain[1], unit .. '|' .. vacant .. '|' .. customer)
	redis.call('HSET', keys[SLOT], fields[vacant], chain[1])
	return {'TAKEN', unit, vacant, dropped}
end

-- claim, unit.  1: a lease went, 0: there was none (a second confirm, or too late)
-- or it is for another unit by now: the gate forgot the first one meanwhile.
local function confirm(keys, args)
	local unit = rec_read(redis.call('HGET', keys[REC], args[1]))
	if unit and unit ~= tonumber(args[2]) then
		return 0
	end
	return lease_drop(keys, args[1])
end

-- claim, customer, VOID | ELSEWHERE, epoch.  1: it holds its unit no more, 0: it held
-- nothing, 2: it held a lease without a usable record, so no unit came back.
local function release(keys, args)
	local id, customer, why = args[1], args[2], args[3]
	local text = redis.call('HGET', keys[REC], id)
	local leased = redis.call('ZSCORE', keys[LEASE], id)
	local unit, _, holder = rec_read(text)
	local stale = {}
	if why == 'VOID' then
		stale = slots_naming(keys, holder or customer, id)
	end
	redis.call('LLEN', keys[FREE])
	local units = units_read(keys, args[4])
	lease_drop(keys, id)
	slots_clear(keys, stale)
	if why == 'ELSEWHERE' then
		note_forgot(keys, args[4])
	end
	if unit then
		unit_return(keys, unit, units)
		return 1
	end
	return (text or leased) and 2 or 0
end

-- epoch, claim, unit, owner's claim, owner's slot, owner.  1: the claim's unit
-- was dropped, 0: it did not hold that unit, or this is not the epoch.
local function heal(keys, args)
	local id, sold = args[2], tonumber(args[3])
	-- A slot written into a dead epoch would stay there for ever.
	if not meta_of(keys, args[1]) then
		return 0
	end
	local unit, _, holder = rec_read(redis.call('HGET', keys[REC], id))
	local drops = unit == sold
	redis.call('ZSCORE', keys[LEASE], id)
	local stale = drops and slots_naming(keys, holder, id) or {}
	local field = args[5] .. ':' .. args[6]
	redis.call('HGET', keys[SLOT], field)
	-- A late second heal may find the claim with another unit by now, which
	-- is not sold: only the sold one is dropped.
	if drops then
		lease_drop(keys, id)
		slots_clear(keys, stale)
	end
	redis.call('HSET', keys[SLOT], field, args[4])
	note_forgot(keys, args[1])
	return drops and 1 or 0
end

-- epoch, from, to, customer.
-- TAKEN unit slot 0 | SAME unit slot 0 | MINE 0 | SOFT 0 0 | EPOCH e | NOSALE
local function rekey(keys, args)
	local meta, refusal = meta_of(keys, args[1])
	if not meta then
		return refusal
	end
	local from, to, customer = args[2], args[3], args[4]
	local recs = redis.call('HMGET', keys[REC], from, to)
	local unit, slot, holder = rec_read(recs[1])
	local own_unit, own_slot = rec_read(recs[2])
	local confirmed = #slots_naming(keys, customer, to) > 0
	local stale = unit and slots_naming(keys, holder, from) or {}
	local field = unit and slot .. ':' .. holder
	local named = unit and redis.call('HGET', keys[SLOT], field)
	redis.call('ZCARD', keys[LEASE])
	redis.call('LLEN', keys[FREE])
	if recs[2] and not own_unit then
		return redis.error_reply('ERR damaged record')
	end
	if own_unit or confirmed then
		if unit then
			lease_drop(keys, from)
			slots_clear(keys, stale)
			unit_return(keys, unit, meta.units)
		end
		return own_unit and {'SAME', own_unit, own_slot, 0} or {'MINE', 0}
	end
	if not unit then
		return {'SOFT', 0, 0}
	end
	lease_drop(keys, from)
	lease_put(keys, meta, to, recs[1])
	-- A slot that meanwhile names somebody else is a sold order's.
	if not named or named == from then
		redis.call('HSET', keys[SLOT], field, to)
	end
	return {'TAKEN', unit, slot, 0}
end

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

local function gauge_read(keys, args)
	local meta, refusal = meta_of(keys, args[1])
	if not meta then
		return refusal
	end
	local m = redis.call('HMGET', keys[META], 'forgot', 'dropped', 'run_id')
	local published_by, run = m[3] or '', run_id()
	local restarted = published_by ~= '' and run ~= '' and
		published_by ~= run
	redis.call('HLEN', keys[REC])
	redis.call('HLEN', keys[SLOT])
	return {'OK', meta.epoch, meta.units, meta.limit,
		redis.call('LLEN', keys[FREE]),
		redis.call('ZCARD', keys[LEASE]),
		number_of(m[1]) or 0, number_of(m[2]) or 0, restarted and 1 or 0}
end

-- epoch.  OK epoch units limit free leased forgot dropped restarted | EPOCH e |
-- NOSALE, also when a key is not what we made it: that gate is as good as lost.
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

-- What was published stays as it is: EPOCH e when `epoch` or a later one is.
local function published(keys, epoch)
	local current = number_of(redis.call('HGET', keys[META], 'epoch'))
	if current and current >= tonumber(epoch) then
		return {'EPOCH', current}
	end
end

-- epoch, units.  OK | EPOCH e
local function seed(keys, args)
	local refusal = published(keys, args[1])
	if refusal then
		return refusal
	end
	-- The chunk whose answer was lost comes a second time.
	if redis.call('LINDEX', keys[FREE], -1) ~= args[#args] then
		redis.call('RPUSH', keys[FREE], unpack(args, 2))
	end
	return {'OK'}
end

-- epoch, then slot, customer, claim of each owner.  OK | EPOCH e, when that one
-- is later.  In use or not: a gate that sells is told so of owners that it forgot.
local function own(keys, args)
	local refusal = published(keys, args[1])
	if refusal and refusal[2] > tonumber(args[1]) then
		return refusal
	end
	local slots = {}
	for i = 2, #args, 3 do
		slots[#slots + 1] = args[i] .. ':' .. args[i + 1]
		slots[#slots + 1] = args[i + 2]
	end
	redis.call('HSET', keys[SLOT], unpack(slots))
	if refusal then
		note_forgot(keys, args[1])
	end
	return {'OK'}
end

-- epoch, units, limit, lease_ms, and how many units and owners were seeded.
-- OK | EPOCH e, when that one is later | NOSALE, when not all of them are there: a
-- server that was wiped or restarted between two calls.
local function publish(keys, args)
	local refusal = published(keys, args[1])
	if refusal then
		-- The one whose answer was lost: it sells by now, and meta has
		-- what was noticed of it, marks, and perhaps other units.
		return refusal[2] == tonumber(args[1]) and {'OK'} or refusal
	end
	if redis.call('LLEN', keys[FREE]) ~= tonumber(args[5]) or
	    redis.call('HLEN', keys[SLOT]) ~= tonumber(args[6]) then
		return {'NOSALE'}
	end
	local run = run_id()
	redis.call('UNLINK', keys[META])
	redis.call('HSET', keys[META], 'epoch', args[1], 'units', args[2],
		'limit', args[3], 'lease_ms', args[4], 'run_id', run)
	return {'OK'}
end

-- epoch.  OK | EPOCH e, when it is the one in use.
local function discard(keys, args)
	local refusal = published(keys, args[1])
	if refusal and refusal[2] == tonumber(args[1]) then
		return refusal
	end
	redis.call('UNLINK', keys[FREE], keys[LEASE], keys[REC], keys[SLOT])
	return {'OK'}
end

-- epoch, units.  OK units | EPOCH e | NOSALE.  A unit that is away stays with its
-- claim: whoever decides that returns it.
local function grow(keys, args)
	local meta, refusal = meta_of(keys, args[1])
	if not meta then
		return refusal
	end
	local upto = math.min(tonumber(args[2]), meta.units + BATCH_MAX)
	if upto <= meta.units then
		return {'OK', meta.units}
	end
	local more = {}
	redis.call('LLEN', keys[FREE])
	for unit = meta.units + 1, upto do
		if not away_end(keys, unit) then
			more[#more + 1] = string.format('%.0f', unit)
		end
	end
	if #more > 0 then
		redis.call('RPUSH', keys[FREE], unpack(more))
	end
	redis.call('HSET', keys[META], 'units', string.format('%.0f', upto))
	return {'OK', upto}
end

-- epoch, limit.  OK | EPOCH e | NOSALE
local function relimit(keys, args)
	local meta, refusal = meta_of(keys, args[1])
	if not meta then
		return refusal
	end
	redis.call('HSET', keys[META], 'limit', args[2])
	return {'OK'}
end

-- epoch, units.  OK units | EPOCH e | NOSALE.  A unit that is not in the list is
-- away: whoever returns it will find that it is above the stock.
local function shrink(keys, args)
	local meta, refusal = meta_of(keys, args[1])
	if not meta then
		return refusal
	end
	local units, target = meta.units, tonumber(args[2])
	local steps = SHRINK_STEPS
	for _ = 1, SHRINK_MAX do
		if units <= target or steps <= 0 then
			break
		end
		local token = string.format('%.0f', units)
		local length = redis.call('LLEN', keys[FREE])
		-- High numbers are at the tail: looked for from there, and not
		-- through all of a list of millions.
		local at = redis.call('LPOS', keys[FREE], token, 'RANK', -1,
			'MAXLEN', steps)
		steps = steps - (at and length - at or math.min(length, steps))
		if at then
			redis.call('LREM', keys[FREE], -1, token)
		else
			redis.call('HSET', keys[META], away_field(units), 1)
		end
		units = units - 1
	end
	if units < meta.units then
		redis.call('HSET', keys[META], 'units',
			string.format('%.0f', units))
	end
	return {'OK', units}
end

-- Every command above.  Redis checks the caller's rights command by command,
-- when a function is already half done: they are asked for beforehand.
local COMMANDS = {
	{'HMGET', META}, {'HGET', META}, {'HSET', META}, {'HDEL', REC},
	{'HINCRBY', META}, {'HLEN', SLOT}, {'LLEN', FREE}, {'LPOP', FREE}, {'RPUSH', FREE},
	{'LINDEX', FREE}, {'LRANGE', FREE}, {'LPOS', FREE}, {'LREM', FREE},
	{'ZADD', LEASE}, {'ZCARD', LEASE}, {'ZRANGE', LEASE},
	{'ZRANGEBYSCORE', LEASE}, {'ZREM', LEASE}, {'ZSCORE', LEASE},
	{'UNLINK', SLOT}, {'TIME'},
}

-- The commands that this user may not run on these keys.
local function rights(keys)
	local missing = {}
	for _, command in ipairs(COMMANDS) do
		local words = {command[1], keys[command[2]]}
		if not redis.acl_check_cmd(unpack(words)) then
			missing[#missing + 1] = command[1]
		end
	end
	return missing
end

local function register(name, callback, flags)
	redis.register_function{
		function_name = 'fg_' .. name .. '_v1',
		callback = callback, flags = flags or {},
	}
end

-- What needs memory is refused under maxmemory as a whole, before anything is
-- popped: no allow-oom there.  What frees memory must go on.
register('claim', claim)
register('confirm', confirm, {'allow-oom'})
register('release', release, {'allow-oom'})
register('heal', heal, {'allow-oom'})
register('rekey', rekey)
register('leases', leases, {'no-writes'})
register('lease_scan', lease_scan, {'no-writes'})
register('gauge', gauge, {'no-writes'})
register('free_list', free_list, {'no-writes'})
register('seed', seed)
register('own', own)
register('publish', publish)
register('discard', discard, {'allow-oom'})
register('grow', grow)
register('relimit', relimit, {'allow-oom'})
register('shrink', shrink, {'allow-oom'})
register('rights', rights, {'no-writes'})
