-- SPDX-License-Identifier: Apache-2.0
--
-- A gate is seeded, published, changed, unlinked.  Part of the library that gate.lua
-- begins.

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
-- is later.  In use or not: a gate that sells is told so of owners that it forgot;
-- if it knows them all, nothing has happened.
local function own(keys, args)
	local refusal = published(keys, args[1])
	if refusal and refusal[2] > tonumber(args[1]) then
		return refusal
	end
	local slots, fields, claims = {}, {}, {}
	for i = 2, #args, 3 do
		fields[#fields + 1] = args[i] .. ':' .. args[i + 1]
		claims[#claims + 1] = args[i + 2]
		slots[#slots + 1] = fields[#fields]
		slots[#slots + 1] = claims[#claims]
	end
	-- Somebody was late: the unit was sold, and sold again, since he looked.
	if refusal and #fields_naming(keys, fields, claims) == #fields then
		return {'OK'}
	end
	redis.call('HSET', keys[SLOT], unpack(slots))
	if refusal then
		note_forgot(keys, args[1])
	end
	return {'OK'}
end

-- epoch.  OK | EPOCH e, when that one is in use
local function retire(keys, args)
	local refusal = published(keys, args[1])
	if refusal then
		return refusal
	end
	local retired = number_of(redis.call('HGET', keys[META], 'retired'))
	if not retired or retired < tonumber(args[1]) then
		redis.call('HSET', keys[META], 'retired', args[1])
	end
	return {'OK'}
end

-- epoch, units, limit, lease_ms, how many units, owners and accepted orders were
-- seeded, and 1 if the older gate was retired before.
-- OK | EPOCH e, when that one is later, in use or being made | NOSALE, when not all of
-- them are there: a server that was wiped or set back between two calls.  One that does
-- not know any more that it was retired has perhaps accepted orders since, and nobody
-- has read those.
local function publish(keys, args)
	local refusal = published(keys, args[1])
	if refusal then
		-- The one whose answer was lost: it sells by now, and meta has
		-- what was noticed of it, marks, and perhaps other units.
		return refusal[2] == tonumber(args[1]) and {'OK'} or refusal
	end
	local later = number_of(redis.call('HGET', keys[META], 'retired'))
	if later and later > tonumber(args[1]) then
		return {'EPOCH', later}
	end
	local waiting = tonumber(args[7])
	if args[8] == '1' and later ~= tonumber(args[1]) then
		return {'NOSALE'}
	end
	if redis.call('LLEN', keys[FREE]) ~= tonumber(args[5]) or
	    redis.call('HLEN', keys[SLOT]) ~= tonumber(args[6]) + waiting or
	    redis.call('HLEN', keys[REC]) ~= waiting or
	    redis.call('XLEN', keys[QUEUE]) ~= waiting then
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
	redis.call('UNLINK', keys[FREE], keys[LEASE], keys[REC], keys[SLOT],
		keys[QUEUE], keys[VOID])
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

-- epoch, shut (0 or 1), opens, closes, how often it was told before.  OK 1 | OK 0,
-- when somebody else has told it since | EPOCH e | NOSALE.  That number begins anew
-- with each epoch, and is asked together with it.
local function tell(keys, args)
	local meta, refusal = meta_of(keys, args[1])
	if not meta then
		return refusal
	end
	local told = number_of(redis.call('HGET', keys[META], 'told')) or 0
	if told ~= tonumber(args[5]) then
		return {'OK', 0}
	end
	redis.call('HSET', keys[META], 'shut', args[2], 'opens', args[3],
		'closes', args[4], 'told', string.format('%.0f', told + 1))
	return {'OK', 1}
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
