--- @include "lib/digits"
--- @include "lib/line"
-- Put down how many wait by now, and how many of them for what costs nothing: the event's own fields
-- say so, so that who claims seats need not look. They are not there while nobody waits.
local function count_line(event_key, waiting_key)
  local waiting = redis.call('ZCARD', waiting_key)
  if waiting == 0 then
    redis.call('HDEL', event_key, 'waiting', 'waiting_free')
    return
  end
  redis.call('HSET', event_key, 'waiting', digits(waiting),
    'waiting_free', digits(count_unpaid(waiting_key)))
end
