#!lua flags=allow-oom
--[[ End a booking whose hold has lapsed and free its seats. Anybody may ask, at any time.
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
  ARGV  1 event id   2 booking number   3 ms to keep it
  Outcomes, first that applies
        NO_BOOKING · KEPT status   nothing to expire: only a stale deadline is removed
        HELD                       the hold lives
        VANISHED user              it never held a seat: nothing is left of it
        EXPIRED
  Replay: natural (what is expired stays so). ]]
--- @include "lib/booking"
--- @include "lib/digits"
--- @include "lib/free"
--- @include "lib/journal"
--- @include "lib/now"
--- @include "lib/seats"
--- @include "lib/share"
local event, number, keep_ms = ARGV[1], ARGV[2], ARGV[3]
local member = event .. ':' .. number
local booking = read_booking(KEYS[3], KEYS[4])
if booking and booking.unfinished and booking.status ~= 'expired' then
  return {'HELD'}
end

redis.call('ZREM', KEYS[5], member)
if not booking then
  return {'NO_BOOKING'}
end
if not booking.unfinished then
  return {'KEPT', booking.stored}
end
local indexes = indexes_of(booking.seats)
free_seats(KEYS[1], KEYS[2], KEYS[9], KEYS[10], event, indexes)
if booking.counted then
  put_share(KEYS[8], booking.user, number)
end
journal(KEYS[7], 'expired', event, number, booking.user, table.concat(indexes, ','), '')
if not booking.armed then
  redis.call('DEL', KEYS[3])
  return {'VANISHED', booking.user}
end
local now = now_ms()
redis.call('HSET', KEYS[3], 'status', 'expired', 'seats', '', 'released', booking.seats,
  'updated', digits(now))
redis.call('ZADD', KEYS[6], digits(now + tonumber(keep_ms)), member)
return {'EXPIRED'}
