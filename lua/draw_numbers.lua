#!lua
--[[ Draw the next booking numbers of an event, so that the bookings' keys can be declared.
  KEYS  1 {p07}:event:7            hash   the event
  ARGV  1 largest number   2 how many
  Outcomes, first that applies
        NO_EVENT · EXHAUSTED
        DRAWN first last           fewer than asked for, where fewer are left
  Replay: natural (numbers drawn in vain are skipped). ]]
--- @include "lib/digits"
local drawn = redis.call('HGET', KEYS[1], 'bookings')
if not drawn then
  return {'NO_EVENT'}
end
local before, largest = tonumber(drawn), tonumber(ARGV[1])
if before >= largest then
  return {'EXHAUSTED'}
end

local last = math.min(before + tonumber(ARGV[2]), largest)
redis.call('HSET', KEYS[1], 'bookings', digits(last))
return {'DRAWN', digits(before + 1), digits(last)}
