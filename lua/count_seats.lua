#!lua flags=no-writes
--[[ Count an event's seats by its bitmaps, and what it has earned.
  KEYS  1 {p07}:event:7            hash   the event
        2 {p07}:event:7:taken      bitmap held or sold
        3 {p07}:event:7:sold       bitmap sold
  ARGV  1 layout version   2.. first byte, last byte, first byte, last byte …
  Outcomes, first that applies
        NO_EVENT · STALE_LAYOUT version
        COUNTS revenue, confirmed bookings, how many wait, how many of them for what costs
          nothing, taken, sold, taken, sold …
  Replay: natural (it reads). ]]
local event = redis.call('HMGET', KEYS[1], 'version', 'revenue', 'confirmed', 'waiting',
  'waiting_free')
if not event[1] then
  return {'NO_EVENT'}
end
if event[1] ~= ARGV[1] then
  return {'STALE_LAYOUT', event[1]}
end
local reply = {'COUNTS', event[2], event[3], event[4] or '0', event[5] or '0'}
for position = 2, #ARGV, 2 do
  reply[#reply + 1] = redis.call('BITCOUNT', KEYS[2], ARGV[position], ARGV[position + 1])
  reply[#reply + 1] = redis.call('BITCOUNT', KEYS[3], ARGV[position], ARGV[position + 1])
end
return reply
