#!lua
--[[ Fix what a booking costs and hold its seats for the time a payment may take.
  KEYS  1 {p07}:event:7            hash   the event
        2 {p07}:booking:7:42       hash   the booking
        3 {p07}:hold:7:42          string, TTL  its hold
        4 {p07}:deadlines          zset   when holds end
        5 {p07}:journal            stream
        6 {p07}:once:<digest>      string, TTL  optional
  ARGV  1 once TTL ms   2 user   3 event id   4 booking number
  Outcomes, first that applies
        NO_EVENT · NO_BOOKING · NOT_YOURS
        CLOSED status              confirmed, cancelled or expired
        NOT_ON_SALE state          the event is cancelled; one that is closed only sells nothing new
        NO_SEATS                   nothing selected yet
        AWAITING_PAYMENT amount expires_at_ms
  Replay: natural (a payment under way is given again). ]]
--- @include "lib/booking"
--- @include "lib/digits"
--- @include "lib/hold"
--- @include "lib/journal"
--- @include "lib/now"
--- @include "lib/once"
--- @include "lib/seats"
local user, event, number = ARGV[2], ARGV[3], ARGV[4]

return once(KEYS[6], ARGV[1], function()
  local plan = redis.call('HMGET', KEYS[1], 'payment_ms', 'state')
  if not plan[1] then
    return {'NO_EVENT'}
  end
  local booking = read_booking(KEYS[2], KEYS[3])
  if not booking then
    return {'NO_BOOKING'}
  end
  if booking.user ~= user then
    return {'NOT_YOURS'}
  end
  if not booking.unfinished or booking.status == 'expired' then
    return {'CLOSED', booking.status}
  end
  if plan[2] == 'cancelling' or plan[2] == 'cancelled' then
    return {'NOT_ON_SALE', plan[2]}
  end
  if booking.status == 'payment_initiated' then
    return {'AWAITING_PAYMENT', booking.amount, booking.expires}
  end
  if booking.status == 'booked' then
    return {'NO_SEATS'}
  end
  local now = now_ms()
  local amount = digits(amount_of(booking.seats))

  local expires = arm_hold(KEYS[3], KEYS[4], event, number, now + tonumber(plan[1]))
  redis.call('HSET', KEYS[2], 'status', 'payment_initiated', 'amount', amount,
    'expires', expires, 'updated', digits(now))
  redis.call('HSETNX', KEYS[1], 'payments', '1')
  journal(KEYS[5], 'payment_begun', event, number, user, booking.seats, amount)
  return {'AWAITING_PAYMENT', amount, expires}
end)
