#!lua
--[[ Make an event on sale. Its seats cost nothing until they are taken.
  KEYS  1 {p07}:event:7            hash   the event
        2 {p07}:journal            stream
  ARGV  1 event id   2 user   3.. field, value, field, value …
  Outcomes
        CREATED version            a µs time, never used twice
  Replay: natural (an event that exists stays as it is). ]]
--- @include "lib/digits"
--- @include "lib/journal"
local event, user = ARGV[1], ARGV[2]
local version = redis.call('HGET', KEYS[1], 'version')
if version then
  return {'=CREATED', version}
end
local time = redis.call('TIME')
version = digits(time[1] * 1000000 + time[2])
local created = digits(time[1] * 1000 + math.floor(time[2] / 1000))

redis.call('HSET', KEYS[1], 'version', version, 'state', 'on_sale', 'created', created,
  'organizer', user,  'bookings', '0', 'revenue', '0', 'confirmed', '0', unpack(ARGV, 3))
journal(KEYS[2], 'created', event, '', user, '', version)
return {'CREATED', version}
