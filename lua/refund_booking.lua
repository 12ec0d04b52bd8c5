#!lua flags=allow-oom
--[[ Cancel a booking that is confirmed: its seats are free, and what a payment brought is to go back.
  KEYS  1 {p07}:event:7            hash   the event
        2 {p07}:event:7:taken      bitmap held or sold
        3 {p07}:event:7:sold       bitmap sold
        4 {p07}:event:7:holders    hash   seat index → booking number
        5 {p07}:booking:7:42       hash   the booking
        6 {p07}:hold:7:42          string, TTL  its hold
        7 {p07}:journal            stream
        8 {p07}:event:7:shares     hash   user → what they have of it, where there are caps
        9 {p07}:event:7:patrons    hash   user → their one place
       10 {p07}:event:7:waiting    zset   who waits for a place, in order
       11 {p07}:promote            set    events with free seats that somebody waits for
       12 {p07}:ended              zset   when ended bookings are forgotten
       13 {p07}:event:7:refunds    zset   bookings whose refund is due
       14 {p07}:once:<digest>      string, TTL  optional
  ARGV  1 once TTL ms   2 user, or '' when it is not its owner who asks   3 event id
        4 booking number   5 why: '' or 'event_cancelled'   6 ms to keep it
  Outcomes, first that applies
        NO_EVENT · NO_BOOKING · NOT_YOURS
        CANCELLED                  it is cancelled already
        CLOSED status              not confirmed: there is nothing to give back
        TOO_LATE until_ms          its owner asks, and the event is too near
        REFUND_DUE amount
        CANCELLED                  no payment brought anything for it
  Replay: natural (cancelled stays cancelled). ]]
--- @include "lib/booking"
--- @include "lib/digits"
--- @include "lib/journal"
--- @include "lib/last_moment"
--- @include "lib/now"
--- @include "lib/once"
--- @include "lib/owe"
--- @include "lib/patron"
--- @include "lib/refunds"
--- @include "lib/seats"
--- @include "lib/share"
--- @include "lib/unsell"
local user, event, number, why, keep_ms = ARGV[2], ARGV[3], ARGV[4], ARGV[5], ARGV[6]
local at = {
  event = KEYS[1], taken = KEYS[2], sold = KEYS[3], holders = KEYS[4], waiting = KEYS[10],
  promote = KEYS[11], booking = KEYS[5], journal = KEYS[7], ended = KEYS[12],
  refunds = KEYS[13],
}

return once(KEYS[14], ARGV[1], function()
  local plan = redis.call('HMGET', at.event, 'version', 'starts_at', 'cancel_before_ms')
  if not plan[1] then
    return {'NO_EVENT'}
  end
  local booking = read_booking(KEYS[5], KEYS[6])
  if not booking then
    return {'NO_BOOKING'}
  end
  if user ~= '' and booking.user ~= user then
    return {'NOT_YOURS'}
  end
  if booking.status == 'cancelled' then
    return {'CANCELLED'}
  end
  if booking.status ~= 'confirmed' then
    return {'CLOSED', booking.status}
  end
  local now = now_ms()
  local ends = user ~= '' and last_moment(plan[2], plan[3])
  if ends and now > ends then
    return {'TOO_LATE', digits(ends)}
  end
  local indexes = indexes_of(booking.seats)

  unsell(at, event, booking, indexes)
  redis.call('HSET', KEYS[5], 'status', 'cancelled', 'seats', '', 'released', booking.seats,
    'updated', digits(now))
  put_patron(KEYS[9], booking.user, number, 'past')
  if booking.counted then
    put_share(KEYS[8], booking.user, number)
  end
  journal(KEYS[7], 'cancelled', event, number, booking.user, table.concat(indexes, ','), why)
  local reason, owed = why ~= '' and why or 'cancelled', 0
  for payment, amount in string.gmatch(booking.payments, '([^:,]*):(%d+)') do
    if amount ~= '0' and not has_refund(booking.refunds, payment) then
      owe(at, event, number, booking, payment, amount, reason, now)
      owed = owed + tonumber(amount)
    end
  end
  if owed > 0 then
    return {'REFUND_DUE', digits(owed)}
  end
  redis.call('ZADD', at.ended, digits(now + tonumber(keep_ms)), event .. ':' .. number)
  return {'CANCELLED'}
end)
