#!lua flags=allow-oom
--[[ Remove a cancelled or expired booking that has been kept long enough.
  KEYS  1 {p07}:booking:7:42       hash   the booking
        2 {p07}:ended              zset   when ended bookings are forgotten
        3 {p07}:journal            stream
        4 {p07}:event:7:patrons    hash   user → their one place
  ARGV  1 event id   2 booking number
  Outcomes, first that applies
        KEPT                       not ended, not due, or money is owed for it: only an entry that
                                   should not be there is removed
        NO_BOOKING                 only its entry was left
        FORGOTTEN user
  Replay: natural (what is gone stays gone). ]]
--- @include "lib/journal"
--- @include "lib/now"
--- @include "lib/patron"
local event, number = ARGV[1], ARGV[2]
local member = event .. ':' .. number
local due = redis.call('ZSCORE', KEYS[2], member)
if not due or tonumber(due) > now_ms() then
  return {'KEPT'}
end
local booking = redis.call('HMGET', KEYS[1], 'user', 'status', 'refund')
local user, status, refund = booking[1], booking[2], booking[3]

redis.call('ZREM', KEYS[2], member)
if user and (refund == 'due' or (status ~= 'cancelled' and status ~= 'expired')) then
  return {'KEPT'}
end
if not user then
  return {'NO_BOOKING'}
end
redis.call('DEL', KEYS[1])
put_patron(KEYS[4], user, number)
journal(KEYS[3], 'forgotten', event, number, user, '', '')
return {'FORGOTTEN', user}
