#!lua flags=allow-oom
--[[ Undo a booking altogether, whatever its state, and free its seats: a reset.
  KEYS  1 {p07}:event:7            hash   the event, if it still is
        2 {p07}:event:7:taken      bitmap held or sold
        3 {p07}:event:7:sold       bitmap sold
        4 {p07}:event:7:holders    hash   seat index → booking number
        5 {p07}:booking:7:42       hash   the booking
        6 {p07}:hold:7:42          string, TTL  its hold
        7 {p07}:deadlines          zset   when holds end
        8 {p07}:ended              zset   when ended bookings are forgotten
        9 {p07}:journal            stream
       10 {p07}:event:7:shares     hash   user → what they have of it, where there are caps
  ARGV  1 event id   2 booking number
  Outcomes, first that applies
        NO_BOOKING
        DISCARDED user
  Replay: natural (what is gone stays gone). ]]
--- @include "lib/booking"
--- @include "lib/digits"
--- @include "lib/free"
--- @include "lib/journal"
--- @include "lib/seats"
--- @include "lib/share"
local event, number = ARGV[1], ARGV[2]
local member = event .. ':' .. number
local booking = read_booking(KEYS[5], KEYS[6])

redis.call('ZREM', KEYS[7], member)
redis.call('ZREM', KEYS[8], member)
if not booking then
  return {'NO_BOOKING'}
end
local indexes = indexes_of(booking.seats)
if redis.call('EXISTS', KEYS[1]) == 1 then
  free_seats(KEYS[2], KEYS[4], indexes)
  if booking.stored == 'confirmed' then
    for _, index in ipairs(indexes) do
      redis.call('SETBIT', KEYS[3], index, 0)
    end
    redis.call('HINCRBY', KEYS[1], 'revenue', digits(0 - tonumber(booking.amount)))
    redis.call('HINCRBY', KEYS[1], 'confirmed', -1)
  end
end
redis.call('DEL', KEYS[5], KEYS[6])
if booking.counted then
  put_share(KEYS[10], booking.user, number)
end
journal(KEYS[9], 'discarded', event, number, booking.user, table.concat(indexes, ','), '')
return {'DISCARDED', booking.user}
