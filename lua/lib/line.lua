--- @include "lib/digits"
-- The line of an event: who waits for a place, by booking number. The event's own field says how
-- many they are, so that who claims seats need not look; it is not there while nobody waits.

-- Put down how many wait by now.
local function count_line(event_key, waiting_key)
  local waiting = redis.call('ZCARD', waiting_key)
  if waiting > 0 then
    redis.call('HSET', event_key, 'waiting', digits(waiting))
  else
    redis.call('HDEL', event_key, 'waiting')
  end
end
