#!lua
--[[ Draw the next booking number of an event, so that the booking's keys can be declared.
  KEYS  1 {p07}:event:7            hash   the event
  ARGV  1 largest number
  Outcomes, first that applies
        NO_EVENT · EXHAUSTED
        DRAWN number
  Replay: natural (a number drawn in vain is skipped). ]]
local last = redis.call('HGET', KEYS[1], 'bookings')
if not last then
  return {'NO_EVENT'}
end
if tonumber(last) >= tonumber(ARGV[1]) then
  return {'EXHAUSTED'}
end

local number = redis.call('HINCRBY', KEYS[1], 'bookings', 1)
return {'DRAWN', tostring(number)}
