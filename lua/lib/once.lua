-- Run an operation once per key and give its reply again to whoever asks again.
-- Without a key it just runs. A reply that is not final (run's second value is true) is not kept.
-- A kept reply comes back with '=' before its outcome.
local function once(key, ttl_ms, run)
  if not key then
    return (run())
  end
  local kept = redis.call('GET', key)
  if kept then
    local reply = cjson.decode(kept)
    reply[1] = '=' .. reply[1]
    return reply
  end
  local reply, provisional = run()
  if not provisional then
    redis.call('SET', key, cjson.encode(reply), 'PX', ttl_ms)
  end
  return reply
end
