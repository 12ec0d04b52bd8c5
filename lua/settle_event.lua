#!lua flags=allow-oom
--[[ See what is left to do in an event, and put down what is done.
  KEYS  1 {p07}:event:7            hash   the event
        2 {p07}:event:7:holders    hash   seat index → booking number
        3 {p07}:chores             set    events with work left to do
        4 {p07}:journal            stream
        5 {p07}:event:7:waiting    zset   who waits for a place, in order
  ARGV  1 event id   2 last booking number that has been counted, '0' for none
  Outcomes, first that applies
        NO_EVENT                   nor any work
        HELD                       it is being cancelled, and bookings have seats or wait still
        CANCELLED                  they no longer have: it is cancelled
        UNCOUNTED number           caps are new, and bookings up to this one are to be counted
        KEPT state                 nothing is left to do
  Replay: natural (what is done stays done). ]]
--- @include "lib/journal"
--- @include "lib/version"
local event, counted = ARGV[1], ARGV[2]
local plan = redis.call('HMGET', KEYS[1], 'version', 'state', 'uncounted')
local held = redis.call('HLEN', KEYS[2]) > 0 or redis.call('EXISTS', KEYS[5]) == 1
if plan[2] == 'cancelling' and held then
  return {'HELD'}
end
if plan[2] ~= 'cancelling' and plan[3] and tonumber(plan[3]) > tonumber(counted) then
  return {'UNCOUNTED', plan[3]}
end

redis.call('SREM', KEYS[3], event)
redis.call('HDEL', KEYS[1], 'uncounted')
if not plan[1] then
  return {'NO_EVENT'}
end
if plan[2] ~= 'cancelling' then
  return {'KEPT', plan[2]}
end
local version = next_version(plan[1])
redis.call('HSET', KEYS[1], 'state', 'cancelled', 'version', version)
journal(KEYS[4], 'called_off', event, '', '', '', version)
return {'CANCELLED'}
