#!lua flags=no-writes
--[[ All that one booking is tied to, at one moment: for the audit.
  KEYS  1 {p07}:booking:7:42       hash   the booking
        2 {p07}:hold:7:42          string, TTL  its hold
        3 {p07}:deadlines          zset   when holds end
        4 {p07}:ended              zset   when ended bookings are forgotten
        5 {p07}:event:7:refunds    zset   bookings whose refund is due
        6 {p07}:journal            stream
  ARGV  1 event id   2 booking number
  Outcomes, first that applies
        NO_BOOKING
        INSPECTED user, stored status, seats, amount, created, expires, refund, has a hold (0 or 1),
          deadline, when to forget it, since when its refund is due, payments, refunds,
          id of the last journal entry   '' where there is none
  Replay: natural (it reads). ]]
--- @include "lib/booking"
local last = redis.call('XREVRANGE', KEYS[6], '+', '-', 'COUNT', 1)[1]
local member = ARGV[1] .. ':' .. ARGV[2]
local booking = read_booking(KEYS[1], KEYS[2])
if not booking then
  return {'NO_BOOKING'}
end
return {'INSPECTED', booking.user, booking.stored, booking.seats, booking.amount or '',
  redis.call('HGET', KEYS[1], 'created'), booking.expires or '', booking.refund or '',
  redis.call('EXISTS', KEYS[2]), redis.call('ZSCORE', KEYS[3], member) or '',
  redis.call('ZSCORE', KEYS[4], member) or '', redis.call('ZSCORE', KEYS[5], ARGV[2]) or '',
  booking.payments, booking.refunds, last and last[1] or ''}
