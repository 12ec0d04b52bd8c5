#!lua
--[[ Cancel an event. From now on nothing of it is sold or paid for; its bookings are ended one by
  one afterwards, and the event is among the chores of its partition until the last of them is.
  KEYS  1 {p07}:event:7            hash   the event
        2 {p07}:chores             set    events with work left to do
        3 {p07}:journal            stream
        4 {p07}:once:<digest>      string, TTL  optional
  ARGV  1 once TTL ms   2 user, or '' for an administrator   3 event id
  Outcomes, first that applies
        NO_EVENT · NOT_YOURS
        CANCELLED                  the last of its bookings has ended, too
        CANCELLING
  Replay: natural (cancelled stays cancelled). ]]
--- @include "lib/journal"
--- @include "lib/once"
--- @include "lib/version"
local user, event = ARGV[2], ARGV[3]

return once(KEYS[4], ARGV[1], function()
  local plan = redis.call('HMGET', KEYS[1], 'version', 'state', 'organizer')
  if not plan[1] then
    return {'NO_EVENT'}
  end
  if user ~= '' and plan[3] ~= user then
    return {'NOT_YOURS'}
  end
  if plan[2] == 'cancelled' then
    return {'CANCELLED'}
  end
  if plan[2] == 'cancelling' then
    return {'CANCELLING'}
  end
  local version = next_version(plan[1])

  redis.call('HSET', KEYS[1], 'state', 'cancelling', 'version', version)
  redis.call('SADD', KEYS[2], event)
  journal(KEYS[3], 'cancelling', event, '', user, '', version)
  return {'CANCELLING'}
end)
