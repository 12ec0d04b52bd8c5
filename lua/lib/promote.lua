-- Something may have become free: what the event's line waits for is to be handed on.
local function call_line(waiting_key, promote_key, event)
  if redis.call('EXISTS', waiting_key) == 1 then
    redis.call('SADD', promote_key, event)
  end
end
