#!lua flags=no-writes
--[[ Read parts of an event's bitmaps as they stand at one moment.
  KEYS  1 {p07}:event:7            hash   the event
        2 {p07}:event:7:taken      bitmap held or sold
        3 {p07}:event:7:sold       bitmap sold
  ARGV  1 layout version   2.. first byte, last byte, first byte, last byte …
  Outcomes, first that applies
        NO_EVENT · STALE_LAYOUT version
        SEATS taken, sold, taken, sold …   bytes; what is beyond their end is free
  Replay: natural (it reads). ]]
local version = redis.call('HGET', KEYS[1], 'version')
if not version then
  return {'NO_EVENT'}
end
if version ~= ARGV[1] then
  return {'STALE_LAYOUT', version}
end
local reply = {'SEATS'}
for position = 2, #ARGV, 2 do
  reply[#reply + 1] = redis.call('GETRANGE', KEYS[2], ARGV[position], ARGV[position + 1])
  reply[#reply + 1] = redis.call('GETRANGE', KEYS[3], ARGV[position], ARGV[position + 1])
end
return reply
