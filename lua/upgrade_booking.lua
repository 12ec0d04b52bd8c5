#!lua
--[[ Let what an older version wrote down of a refund be as it is now: one that is due is listed, and
  one of what nobody paid for is none.
  KEYS  1 {p07}:booking:7:42       hash   the booking
        2 {p07}:ended              zset   when ended bookings are forgotten
        3 {p07}:event:7:refunds    zset   bookings whose refund is due
        4 {p07}:journal            stream
  ARGV  1 event id   2 booking number   3 ms to keep an ended booking
  Outcomes, first that applies
        KEPT                       there is none, or no refund of it is due
        DROPPED                    it was a place, or cost nothing: nothing is due
        LISTED
  Replay: natural (what is listed stays so). ]]
--- @include "lib/digits"
--- @include "lib/journal"
--- @include "lib/now"
local event, number = ARGV[1], ARGV[2]
local booking = redis.call('HMGET', KEYS[1], 'user', 'refund', 'refunds', 'armed', 'amount', 'updated')
local user, amount = booking[1], booking[5] or '0'
if booking[2] ~= 'due' then
  return {'KEPT'}
end

if not booking[3] and (not booking[4] or amount == '0') then
  redis.call('ZADD', KEYS[2], digits(now_ms() + tonumber(ARGV[3])), event .. ':' .. number)
  redis.call('ZREM', KEYS[3], number)
  redis.call('HDEL', KEYS[1], 'refund')
  journal(KEYS[4], 'refund_dropped', event, number, user, '', amount)
  return {'DROPPED'}
end
redis.call('ZADD', KEYS[3], 'NX', booking[6], number)
return {'LISTED'}
