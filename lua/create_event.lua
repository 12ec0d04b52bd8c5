#!lua
--[[ Make an event on sale. Its seats cost nothing until they are taken.
  KEYS  1 {p07}:event:7            hash   the event
        2 {p07}:journal            stream
        3 {p07}:gone               hash   what is kept of events that were taken away (lib/gone)
  ARGV  1 event id   2 user   3.. field, value, field, value …
  Outcomes
        CREATED version, created_ms, standing
                                   version: a µs time, never used twice; standing: '0' where the
                                   event was made before, and taken away since
  Replay: natural (an event that exists stays as it is, one that is gone stays gone). ]]
--- @include "lib/digits"
--- @include "lib/journal"
local event, user = ARGV[1], ARGV[2]
local made = redis.call('HMGET', KEYS[1], 'version', 'created')
if made[1] then
  return {'=CREATED', made[1], made[2], '1'}
end
local gone = redis.call('HGET', KEYS[3], event)
if gone then
  local version, created = string.match(gone, ':(%d+):(%d+)$')
  return {'=CREATED', version, created, '0'}
end
local time = redis.call('TIME')
local version = digits(time[1] * 1000000 + time[2])
local created = digits(time[1] * 1000 + math.floor(time[2] / 1000))

redis.call('HSET', KEYS[1], 'version', version, 'state', 'on_sale', 'created', created,
  'organizer', user,  'bookings', '0', 'revenue', '0', 'confirmed', '0', unpack(ARGV, 3))
journal(KEYS[2], 'created', event, '', user, '', version)
return {'CREATED', version, created, '1'}
