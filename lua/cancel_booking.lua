#!lua flags=allow-oom
--[[ End a booking that is not paid, and free its seats or let it leave the line: its owner cancels,
  its payment failed, or its event is cancelled.
  KEYS  1 {p07}:event:7:taken      bitmap held or sold
        2 {p07}:event:7:holders    hash   seat index → booking number
        3 {p07}:booking:7:42       hash   the booking
        4 {p07}:hold:7:42          string, TTL  its hold
        5 {p07}:deadlines          zset   when holds end
        6 {p07}:ended              zset   when ended bookings are forgotten
        7 {p07}:journal            stream
        8 {p07}:event:7:shares     hash   user → what they have of it, where there are caps
        9 {p07}:event:7:waiting    zset   who waits for a place, in order
       10 {p07}:promote            set    events with free seats that somebody waits for
       11 {p07}:event:7            hash   the event
       12 {p07}:event:7:patrons    hash   user → their one place
       13 {p07}:once:<digest>      string, TTL  optional
  ARGV  1 once TTL ms   2 user, or '' when it is not its owner who asks   3 event id
        4 booking number   5 ms to keep it   6 why: '', 'payment_failed' or 'event_cancelled'
  Outcomes, first that applies
        NO_BOOKING · NOT_YOURS · ALREADY_CONFIRMED
        CLOSED status              expired, and it is its owner who asks
        CANCELLED
  Replay: natural (cancelled stays cancelled). ]]
--- @include "lib/booking"
--- @include "lib/digits"
--- @include "lib/free"
--- @include "lib/journal"
--- @include "lib/leave"
--- @include "lib/now"
--- @include "lib/once"
--- @include "lib/patron"
--- @include "lib/seats"
--- @include "lib/share"
local user, event, number, keep_ms, why = ARGV[2], ARGV[3], ARGV[4], ARGV[5], ARGV[6]

return once(KEYS[13], ARGV[1], function()
  local booking = read_booking(KEYS[3], KEYS[4])
  if not booking then
    return {'NO_BOOKING'}
  end
  if user ~= '' and booking.user ~= user then
    return {'NOT_YOURS'}
  end
  if booking.status == 'confirmed' then
    return {'ALREADY_CONFIRMED'}
  end
  if booking.status == 'cancelled' then
    return {'CANCELLED'}
  end
  if booking.status == 'expired' and user ~= '' then
    return {'CLOSED', booking.status}
  end
  local now = now_ms()
  local indexes = indexes_of(booking.seats)

  redis.call('ZREM', KEYS[5], event .. ':' .. number)
  free_seats(KEYS[1], KEYS[2], KEYS[9], KEYS[10], event, indexes)
  leave_line(KEYS[11], KEYS[9], number)
  put_patron(KEYS[12], booking.user, number, 'past')
  redis.call('DEL', KEYS[4])
  redis.call('HSET', KEYS[3], 'status', 'cancelled', 'seats', '', 'updated', digits(now),
    'released', booking.seats ~= '' and booking.seats or booking.released)
  if booking.counted then
    put_share(KEYS[8], booking.user, number)
  end
  if booking.refund ~= 'due' then
    redis.call('ZADD', KEYS[6], digits(now + tonumber(keep_ms)), event .. ':' .. number)
  end
  journal(KEYS[7], 'cancelled', event, number, booking.user, table.concat(indexes, ','), why)
  return {'CANCELLED'}
end)
