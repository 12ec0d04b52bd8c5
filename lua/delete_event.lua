#!lua flags=allow-oom
--[[ Take an event away that nobody has bought anything of, nor tried to. Its id stays its own.
  KEYS  1 {p07}:event:7            hash   the event
        2 {p07}:event:7:taken      bitmap held or sold
        3 {p07}:event:7:sold       bitmap sold
        4 {p07}:event:7:holders    hash   seat index → booking number
        5 {p07}:event:7:shares     hash   user → what they have of it, where there are caps
        6 {p07}:event:7:patrons    hash   user → their one place
        7 {p07}:event:7:waiting    zset   who waits for a place, in order
        8 {p07}:event:7:unused     zset   booking numbers that were given back, by number
        9 {p07}:event:7:refunds    zset   bookings whose refund is due
       10 {p07}:event:7:unmatched  hash   payments that nothing could be sold for
       11 {p07}:promote            set    events with free seats that somebody waits for
       12 {p07}:openings           zset   events whose line waits for the sale to open → when, ms
       13 {p07}:chores             set    events with work left to do
       14 {p07}:gone               hash   what is kept of events that were taken away (lib/gone)
       15 {p07}:journal            stream
       16 {p07}:once:<digest>      string, TTL
  ARGV  1 once TTL ms   2 user, or '' for an administrator   3 event id
  Outcomes, first that applies
        NO_EVENT · NOT_YOURS
        HAS_BOOKINGS               seats are held or sold, somebody waits for one, or a payment has
                                   begun at any time: its success may come yet, and must not meet
                                   nothing
        REMOVED
  Replay: once (a second run would deny that there was an event). ]]
--- @include "lib/gone"
--- @include "lib/journal"
--- @include "lib/once"
local user, event = ARGV[2], ARGV[3]

return once(KEYS[16], ARGV[1], function()
  local plan = redis.call('HMGET', KEYS[1], 'organizer', 'payments', 'waiting')
  local kept = redis.call('HMGET', KEYS[1], 'bookings', 'version', 'created')
  if not kept[2] then
    return {'NO_EVENT'}
  end
  if user ~= '' and plan[1] ~= user then
    return {'NOT_YOURS'}
  end
  if plan[2] or plan[3] or redis.call('HLEN', KEYS[4]) > 0 then
    return {'HAS_BOOKINGS'}
  end

  redis.call('DEL', KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6],
    KEYS[7], KEYS[8], KEYS[9], KEYS[10])
  redis.call('SREM', KEYS[11], event)
  redis.call('ZREM', KEYS[12], event)
  redis.call('SREM', KEYS[13], event)
  keep_gone(KEYS[14], event, kept)
  journal(KEYS[15], 'removed', event, '', user, '', '')
  return {'REMOVED'}
end)
