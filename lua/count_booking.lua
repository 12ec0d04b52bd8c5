#!lua
--[[ Count what a booking has towards the caps of its event: one that was opened before them.
  KEYS  1 {p07}:event:7            hash   the event
        2 {p07}:booking:7:42       hash   the booking
        3 {p07}:event:7:shares     hash   user → what they have of it, where there are caps
  ARGV  1 booking number
  Outcomes, first that applies
        NO_BOOKING
        KEPT status                ended, paid where nothing limits that, or one too many
        COUNTED
  Replay: natural (it puts down what the booking has by now). ]]
--- @include "lib/booking"
--- @include "lib/seats"
--- @include "lib/share"
local number = ARGV[1]
local caps = redis.call('HGET', KEYS[1], 'caps') or ''
-- Whether its hold has lapsed makes no difference here.
local booking = read_booking(KEYS[2], KEYS[2])
if not booking then
  return {'NO_BOOKING'}
end
local bought = booking.stored == 'confirmed' and string.find(caps, 'bought_max', 1, true)
local _, parts = string.gsub(redis.call('HGET', KEYS[3], booking.user) or '', '[:=]', '')
if caps == '' or not (booking.unfinished or bought) or (parts >= 1000 and not booking.counted) then
  return {'KEPT', booking.stored}
end

redis.call('HSET', KEYS[2], 'counted', '1')
put_share(KEYS[3], booking.user, number, bought and '=' or ':', #indexes_of(booking.seats))
return {'COUNTED'}
