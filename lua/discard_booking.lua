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
       11 {p07}:event:7:patrons    hash   user → their one place
       12 {p07}:event:7:waiting    zset   who waits for a place, in order
       13 {p07}:promote            set    events with free seats that somebody waits for
       14 {p07}:event:7:refunds    zset   bookings whose refund is due
  ARGV  1 event id   2 booking number
  Outcomes, first that applies
        NO_BOOKING
        DISCARDED user
  Replay: natural (what is gone stays gone). ]]
--- @include "lib/booking"
--- @include "lib/free"
--- @include "lib/journal"
--- @include "lib/leave"
--- @include "lib/patron"
--- @include "lib/seats"
--- @include "lib/share"
--- @include "lib/unsell"
local event, number = ARGV[1], ARGV[2]
local at = {
  event = KEYS[1], taken = KEYS[2], sold = KEYS[3], holders = KEYS[4], waiting = KEYS[12],
  promote = KEYS[13],
}
local member = event .. ':' .. number
local booking = read_booking(KEYS[5], KEYS[6])

redis.call('ZREM', KEYS[7], member)
redis.call('ZREM', KEYS[8], member)
redis.call('ZREM', KEYS[14], number)
if not booking then
  return {'NO_BOOKING'}
end
local indexes = indexes_of(booking.seats)
if redis.call('EXISTS', at.event) == 1 then
  if booking.stored == 'confirmed' then
    unsell(at, event, booking, indexes)
  else
    free_seats(at.taken, at.holders, at.waiting, at.promote, event, indexes)
  end
  leave_line(at.event, at.waiting, number)
end
put_patron(KEYS[11], booking.user, number)
redis.call('DEL', KEYS[5], KEYS[6])
if booking.counted then
  put_share(KEYS[10], booking.user, number)
end
journal(KEYS[9], 'discarded', event, number, booking.user, table.concat(indexes, ','), '')
return {'DISCARDED', booking.user}
