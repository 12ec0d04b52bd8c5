#!lua
--[[ Draw the next booking numbers of an event, so that the bookings' keys can be declared. Those that
  were given back are drawn once numbers run short, and not before: until then who comes later has a
  larger number, as lists of bookings expect.
  KEYS  1 {p07}:event:7            hash   the event
        2 {p07}:event:7:unused     zset   numbers that were given back, by number
  ARGV  1 largest number   2 how many
  Outcomes, first that applies
        NO_EVENT · EXHAUSTED
        DRAWN first last number…   new ones from first to last, and those that had been given back;
                                   fewer than asked for, where fewer are left
  Replay: natural (numbers drawn in vain are skipped). ]]
--- @include "lib/digits"
local SHORT = 0.9
local drawn = redis.call('HGET', KEYS[1], 'bookings')
if not drawn then
  return {'NO_EVENT'}
end
local before, largest, count = tonumber(drawn), tonumber(ARGV[1]), tonumber(ARGV[2])
local unused = {}
if before >= SHORT * largest then
  unused = redis.call('ZRANGE', KEYS[2], 0, count - 1)
end
local last = math.max(before, math.min(before + count - #unused, largest))
if #unused == 0 and last == before then
  return {'EXHAUSTED'}
end

redis.call('HSET', KEYS[1], 'bookings', digits(last))
if #unused > 0 then
  redis.call('ZREMRANGEBYRANK', KEYS[2], 0, #unused - 1)
end
local reply = {'DRAWN', digits(before + 1), digits(last)}
for _, number in ipairs(unused) do
  reply[#reply + 1] = number
end
return reply
