#!lua flags=no-writes
--[[ Read a booking as its owner sees it.
  KEYS  1 {p07}:booking:7:42       hash   the booking
        2 {p07}:hold:7:42          string, TTL  its hold
  ARGV  none
  Outcomes, first that applies
        NO_BOOKING
        BOOKING user, status, seats, amount, created, expires, refund, seats it had until it ended,
          payments, refunds        '' where there is none
  Replay: natural (it reads). ]]
--- @include "lib/booking"
local booking = read_booking(KEYS[1], KEYS[2])
if not booking then
  return {'NO_BOOKING'}
end
local ended = booking.status == 'expired' or booking.status == 'cancelled'
local had = booking.seats ~= '' and booking.seats or booking.released
return {'BOOKING', booking.user, booking.status, ended and '' or booking.seats, booking.amount or '',
  redis.call('HGET', KEYS[1], 'created'), booking.expires or '', booking.refund or '',
  ended and had or '', booking.payments, booking.refunds}
