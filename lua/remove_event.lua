#!lua flags=allow-oom
--[[ Remove an event and its seats; what is left of its bookings can only be discarded.
  KEYS  1 {p07}:event:7            hash   the event
        2 {p07}:event:7:taken      bitmap held or sold
        3 {p07}:event:7:sold       bitmap sold
        4 {p07}:event:7:holders    hash   seat index → booking number
        5 {p07}:event:7:shares     hash   user → what they have of it, where there are caps
        6 {p07}:event:7:patrons    hash   user → their one place
        7 {p07}:event:7:waiting    zset   who waits for a place, in order
        8 {p07}:promote            set    events with free seats that somebody waits for
        9 {p07}:chores             set    events with work left to do
       10 {p07}:journal            stream
  ARGV  1 event id   2 user
  Outcomes, first that applies
        NO_EVENT
        REMOVED
  Replay: natural (what is gone stays gone). ]]
--- @include "lib/journal"
local event, user = ARGV[1], ARGV[2]
redis.call('SREM', KEYS[8], event)
redis.call('SREM', KEYS[9], event)
if redis.call('DEL', KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6], KEYS[7]) == 0 then
  return {'NO_EVENT'}
end

journal(KEYS[10], 'removed', event, '', user, '', '')
return {'REMOVED'}
