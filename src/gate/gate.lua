#!lua name=flashgate_v2
-- SPDX-License-Identifier: Apache-2.0
--
-- The gate: who gets in.  Redis >= 7 or Valkey; compiled into the programs and
-- loaded by them.  src/sale/ports.h says what each function means.  Here begins the
-- one library (its words, and claims in mode direct); build.lua, queue.lua, keep.lua
-- and library.lua follow, in this order.
--
-- The version is in every name, because function names are global: programs of
-- two versions must be able to use one server during a rollout.  A change of
-- meaning is a new version here and in gate_priv.h.
--
-- Redis rolls nothing back.  So every function first reads each key that it is
-- going to write (a key of a wrong type fails there), and only then writes.
-- Nothing scans: every function is bounded by the limit, or by the number of
-- items it was given or asked for.

-- KEYS: always these seven, in this order.
local META = 1  -- hash   epoch, units, limit, lease_ms, run_id; away:N; and what
                -- was noticed of this generation, if anything: dropped, forgot;
                -- retired: the epoch that is being made; shut, opens, closes
                -- (us), told: when it accepts orders, and how often it was told
local FREE = 2  -- list   unit numbers: taken at the head, returned to the tail
local LEASE = 3 -- zset   claim -> deadline in ms by this server's clock
local REC = 4   -- hash   claim -> "unit|slot|customer" of a lease; of an accepted
                -- order "unit|slot|customer|entry", and there is no lease then
local SLOT = 5  -- hash   "slot:customer" -> claim; stays when the lease goes
local QUEUE = 6 -- stream accepted orders that wait to be written (queue.lua)
local VOID = 7  -- set    claims that this generation knows to be void

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

-- Unit, slot and customer, and of an accepted order its entry in the stream; nil for
-- a record that is missing or damaged.
local function rec_read(text)
	local unit, slot, customer, entry =
		(text or ''):match('^(%d+)|(%d%d?)|([^|]+)(.*)$')
	if unit_of(unit) and (entry == '' or entry:find('^|%d+%-%d+$')) then
		return tonumber(unit), tonumber(slot), customer,
			entry ~= '' and entry:sub(2) or nil
	end
end

local function now_ms()
	local time = redis.call('TIME')
	return tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
end

-- Which run of the server this is: a restarted one, or a replica that took over,
-- has another.  '' for a user without the right to INFO.
-- Asked once: it is the same for as long as this library is in memory.
local this_run = ''
local function run_id()
	if this_run == '' then
		local info = redis.pcall('INFO', 'server')
		this_run = type(info) == 'string' and
			info:match('run_id:(%x+)') or ''
	end
	return this_run
end

-- Is this another run of the server than the one that published the gate?
local function is_other_run(published_by)
	local run = run_id()
	return (published_by or '') ~= '' and run ~= '' and published_by ~= run
end

-- The meta of `epoch`, or nil and the answer that says why not.  A meta that
-- is lost or damaged is NOSALE, which is never "sold out".  With `gives`: one that
-- gives units out, and no later one is being made.
local function meta_of(keys, epoch, gives)
	local m = redis.call('HMGET', keys[META], 'epoch', 'units', 'limit',
		'lease_ms', 'retired', 'forgot')
	local meta = {
		epoch = number_of(m[1]), units = number_of(m[2]),
		limit = number_of(m[3]), lease_ms = number_of(m[4]),
	}
	if not (meta.epoch and meta.units and meta.limit and meta.lease_ms) or
	    meta.limit < 1 or meta.limit > SLOTS_MAX then
		return nil, {'NOSALE'}
	end
	local later = gives and number_of(m[5])
	-- Whoever is told by the ledger that this is the epoch will not be told
	-- otherwise if that has lost the later one (a failover): then nobody would
	-- make that gate.  Noted once; a gate that is made begins without.
	if later and meta.epoch == tonumber(epoch) and not number_of(m[6]) then
		redis.call('HINCRBY', keys[META], 'forgot', 1)
	end
	if later or meta.epoch ~= tonumber(epoch) then
		return nil, {'EPOCH', later or meta.epoch}
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

-- What the gate has of the claims in `chain`: SAME unit slot attempt | QUEUED attempt
-- entry | MINE attempt, or an error; else nil, and the claims in the first `n` slots of
-- the customer.
local function known(keys, epoch, customer, chain, n)
	local recs = redis.call('HMGET', keys[REC], unpack(chain))
	local attempt = {}
	for i = #chain, 1, -1 do
		attempt[chain[i]] = i - 1
	end
	for i = 1, #chain do
		local unit, slot, _, id = rec_read(recs[i])
		if recs[i] and not unit then
			return redis.error_reply('ERR damaged record')
		end
		if id then
			local entry = redis.call('XRANGE', keys[QUEUE], id, id)
			if entry[1] then
				return {'QUEUED', i - 1, entry[1]}
			end
			note_forgot(keys, epoch)
			return redis.error_reply('ERR an accepted order is lost')
		end
		if unit then
			return {'SAME', unit, slot, i - 1}
		end
	end
	local holders = redis.call('HMGET', keys[SLOT],
		unpack(slot_fields(customer, n)))
	for i = 1, n do
		if holders[i] and attempt[holders[i]] then
			return {'MINE', attempt[holders[i]]}
		end
	end
	return nil, holders
end

-- Those of `fields` that name the claim at the same place of `claims`.
local function fields_naming(keys, fields, claims)
	local naming = {}
	local holders = #fields > 0 and
		redis.call('HMGET', keys[SLOT], unpack(fields)) or {}
	for i, field in ipairs(fields) do
		if holders[i] == claims[i] then
			naming[#naming + 1] = field
		end
	end
	return naming
end

-- May this generation have forgotten whose a unit is?  Then an order that waits may
-- be for a unit that is sold to somebody whom it does not know any more.
local function may_have_forgotten(keys)
	local m = redis.call('HMGET', keys[META], 'forgot', 'run_id')
	return (number_of(m[1]) or 0) > 0 or is_other_run(m[2])
end

-- A vacant slot, if there is a unit for it, and how many of `holders` are held; or
-- nil and LIMIT | SOFT held 0 | GONE held units waiting.  What waits counts as sold
-- while it is certain that the rest is.
local function room(keys, meta, holders)
	local vacant, held = nil, 0
	for n = 1, meta.limit do
		if holders[n] then
			held = held + 1
		elseif not vacant then
			vacant = n
		end
	end
	if not vacant then
		return nil, {'LIMIT'}
	end
	local leased = redis.call('ZCARD', keys[LEASE])
	if redis.call('LLEN', keys[FREE]) > 0 then
		return vacant, held
	end
	if leased > 0 then
		return nil, {'SOFT', held, 0}
	end
	local waiting = redis.call('XLEN', keys[QUEUE])
	if waiting > 0 and may_have_forgotten(keys) then
		return nil, {'SOFT', held, 0}
	end
	return nil, {'GONE', held, meta.units, waiting > 0 and 1 or 0}
end

-- epoch, customer, claim ids (the first one takes).
-- TAKEN unit slot attempt dropped | SAME unit slot attempt | QUEUED attempt entry |
-- MINE attempt | LIMIT | SOFT held dropped | GONE held units waiting | EPOCH e |
-- NOSALE
local function claim(keys, args)
	local meta, refusal = meta_of(keys, args[1], true)
	if not meta then
		return refusal
	end
	local customer, chain = args[2], {unpack(args, 3)}
	local answer, holders = known(keys, args[1], customer, chain, meta.limit)
	if answer then
		return answer
	end
	local slot, held = room(keys, meta, holders)
	if not slot then
		return held
	end
	-- Everything is read and right: from here on only writes.
	local unit, dropped = unit_pop(keys, meta.units)
	if not unit then
		return {'SOFT', held, dropped}
	end
	lease_put(keys, meta, chain[1], unit .. '|' .. slot .. '|' .. customer)
	redis.call('HSET', keys[SLOT], slot .. ':' .. customer, chain[1])
	return {'TAKEN', unit, slot, 0, dropped}
end

-- claim, unit.  1: a lease went, 0: there was none (a second confirm, or too late)
-- or it is for another unit by now: the gate forgot the first one meanwhile.
local function confirm(keys, args)
	local unit, _, _, entry = rec_read(redis.call('HGET', keys[REC], args[1]))
	if unit and (unit ~= tonumber(args[2]) or entry) then
		return 0
	end
	return lease_drop(keys, args[1])
end

-- claim, customer, VOID | ELSEWHERE, epoch.  1: it holds its unit no more, 0: it held
-- nothing, or was accepted (whoever settles that ends it), 2: it held a lease without
-- a usable record, so no unit came back.
local function release(keys, args)
	local id, customer, why = args[1], args[2], args[3]
	local text = redis.call('HGET', keys[REC], id)
	local leased = redis.call('ZSCORE', keys[LEASE], id)
	local unit, _, holder, entry = rec_read(text)
	local stale = {}
	if why == 'VOID' and not entry then
		stale = slots_naming(keys, holder or customer, id)
	end
	redis.call('LLEN', keys[FREE])
	redis.call('SCARD', keys[VOID])
	local units = units_read(keys, args[4])
	if why == 'ELSEWHERE' then
		note_forgot(keys, args[4])
	end
	if entry then
		return 0
	end
	lease_drop(keys, id)
	slots_clear(keys, stale)
	-- Not into another generation's keys: they would stay there for ever.
	if why == 'VOID' and units then
		redis.call('SADD', keys[VOID], id)
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
	local unit, _, holder, entry = rec_read(redis.call('HGET', keys[REC], id))
	-- An accepted order's settler will meet the owner by himself.
	local drops = unit == sold and not entry
	redis.call('ZSCORE', keys[LEASE], id)
	local stale = drops and slots_naming(keys, holder, id) or {}
	local field = args[5] .. ':' .. args[6]
	local knew = redis.call('HGET', keys[SLOT], field) == args[4]
	-- A late second heal may find the claim with another unit by now, which
	-- is not sold: only the sold one is dropped.
	if drops then
		lease_drop(keys, id)
		slots_clear(keys, stale)
	end
	redis.call('HSET', keys[SLOT], field, args[4])
	-- Who is late tells of an owner that the gate has known all the time.
	if drops or not knew then
		note_forgot(keys, args[1])
	end
	return drops and 1 or 0
end

-- epoch, from, to, customer.
-- TAKEN unit slot 0 0 | SAME unit slot 0 | QUEUED 0 entry | MINE 0 | SOFT 0 0 |
-- EPOCH e | NOSALE
local function rekey(keys, args)
	local meta, refusal = meta_of(keys, args[1])
	if not meta then
		return refusal
	end
	local from, to, customer = args[2], args[3], args[4]
	local rec = redis.call('HGET', keys[REC], from)
	local unit, slot, holder, entry = rec_read(rec)
	if entry then
		unit = nil
	end
	local stale = unit and slots_naming(keys, holder, from) or {}
	local field = unit and slot .. ':' .. holder
	local named = unit and redis.call('HGET', keys[SLOT], field)
	redis.call('ZCARD', keys[LEASE])
	redis.call('LLEN', keys[FREE])
	redis.call('SCARD', keys[VOID])
	local answer = known(keys, args[1], customer, {to}, SLOTS_MAX)
	if answer and answer.err then
		return answer
	end
	redis.call('SADD', keys[VOID], from)
	if answer then
		if unit then
			lease_drop(keys, from)
			slots_clear(keys, stale)
			unit_return(keys, unit, meta.units)
		end
		return answer
	end
	if not unit then
		return {'SOFT', 0, 0}
	end
	lease_drop(keys, from)
	lease_put(keys, meta, to, rec)
	-- A slot that meanwhile names somebody else is a sold order's.
	if not named or named == from then
		redis.call('HSET', keys[SLOT], field, to)
	end
	return {'TAKEN', unit, slot, 0, 0}
end
