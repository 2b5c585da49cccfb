-- SPDX-License-Identifier: Apache-2.0
--
-- What the library offers, and the rights that it needs: its last part.

-- Every command above.  Redis checks the caller's rights command by command,
-- when a function is already half done: they are asked for beforehand.
local COMMANDS = {
	{'HMGET', META}, {'HGET', META}, {'HSET', META}, {'HDEL', REC},
	{'HINCRBY', META}, {'HLEN', SLOT}, {'LLEN', FREE}, {'LPOP', FREE},
	{'RPUSH', FREE}, {'LINDEX', FREE}, {'LRANGE', FREE}, {'LPOS', FREE},
	{'LREM', FREE},
	{'ZADD', LEASE}, {'ZCARD', LEASE}, {'ZRANGE', LEASE},
	{'ZRANGEBYSCORE', LEASE}, {'ZREM', LEASE}, {'ZSCORE', LEASE},
	{'UNLINK', SLOT}, {'TIME'}, {'SADD', VOID}, {'SCARD', VOID},
	{'SMISMEMBER', VOID}, {'XADD', QUEUE}, {'XLEN', QUEUE}, {'XRANGE', QUEUE},
	{'XREADGROUP', QUEUE}, {'XCLAIM', QUEUE}, {'XPENDING', QUEUE},
	{'XACK', QUEUE}, {'XDEL', QUEUE}, {'XGROUP', 'CREATE', QUEUE},
	{'XINFO', 'GROUPS', QUEUE},
}

-- The commands that this user may not run on these keys.
local function rights(keys)
	local missing = {}
	for _, command in ipairs(COMMANDS) do
		local words = {}
		for i, word in ipairs(command) do
			words[i] = keys[word] or word
		end
		if not redis.acl_check_cmd(unpack(words)) then
			local sub = type(command[2]) == 'string' and
				'|' .. command[2] or ''
			missing[#missing + 1] = command[1] .. sub
		end
	end
	return missing
end

local function register(name, callback, flags)
	redis.register_function{
		function_name = 'fg_' .. name .. '_v2',
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
register('retire', retire, {'allow-oom'})
register('publish', publish)
register('discard', discard, {'allow-oom'})
register('grow', grow)
register('relimit', relimit, {'allow-oom'})
register('shrink', shrink, {'allow-oom'})
register('tell', tell, {'allow-oom'})
register('enqueue', enqueue)
register('pending', pending, {'no-writes'})
-- Apart from pending, which a replica and a full server answer as well.
register('touch', touch, {'allow-oom'})
register('take', take, {'allow-oom'})
register('settled', settled, {'allow-oom'})
register('queue_scan', queue_scan, {'no-writes'})
register('carry', carry)
register('rights', rights, {'no-writes'})
