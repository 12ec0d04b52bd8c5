--- @include "lib/promote"
-- Give seats back to everybody, or to those who wait. HDEL goes first: it is allowed when memory
-- is full.
local function free_seats(taken_key, holders_key, waiting_key, promote_key, event, indexes)
  if #indexes == 0 then
    return
  end
  redis.call('HDEL', holders_key, unpack(indexes))
  for _, index in ipairs(indexes) do
    redis.call('SETBIT', taken_key, index, 0)
  end
  call_line(waiting_key, promote_key, event)
end
