#!lua
--[[ Give back booking numbers that were drawn and surely not used, to be drawn by others.
  KEYS  1 {p07}:event:7            hash   the event
        2 {p07}:event:7:unused     zset   numbers that were given back, by number
        3 {p07}:once:<digest>      string, TTL
        4.. {p07}:booking:7:42     hash   the bookings of these numbers
  ARGV  1 once TTL ms   2.. numbers, 500 at most
  Outcomes, first that applies
        NO_EVENT
        RETURNED                   but for numbers that a booking has, and those that this event has
                                   not drawn: a server that was restored from older data draws them
                                   later; of too many the largest are kept
  Replay: once (by a second run others may have drawn and used them). ]]
--- @include "lib/once"
local UNUSED_MAX = 10000

return once(KEYS[3], ARGV[1], function()
  local drawn = redis.call('HGET', KEYS[1], 'bookings')
  if not drawn then
    return {'NO_EVENT'}
  end
  local bookings, scored = {unpack(KEYS, 4)}, {}
  for position, number in ipairs({unpack(ARGV, 2)}) do
    if tonumber(number) <= tonumber(drawn) and redis.call('EXISTS', bookings[position]) == 0 then
      scored[#scored + 1] = number
      scored[#scored + 1] = number
    end
  end

  if #scored > 0 then
    redis.call('ZADD', KEYS[2], unpack(scored))
    redis.call('ZREMRANGEBYRANK', KEYS[2], 0, -UNUSED_MAX - 1)
  end
  return {'RETURNED'}
end)
