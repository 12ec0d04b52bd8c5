#!lua flags=allow-oom
--[[ Take back the one place that a user has in an event, or let them leave its line.
  KEYS  1 {p07}:event:7            hash   the event
        2 {p07}:event:7:taken      bitmap held or sold
        3 {p07}:event:7:sold       bitmap sold
        4 {p07}:event:7:holders    hash   seat index → booking number
        5 {p07}:booking:7:42       hash   the booking that was the user's place when the caller looked
        6 {p07}:hold:7:42          string, TTL  its hold
        7 {p07}:journal            stream
        8 {p07}:event:7:shares     hash   user → what they have of it, where there are caps
        9 {p07}:event:7:patrons    hash   user → their one place
       10 {p07}:event:7:waiting    zset   who waits for a place, in order
       11 {p07}:promote            set    events with free seats that somebody waits for
       12 {p07}:ended              zset   when ended bookings are forgotten
       13 {p07}:once:<digest>      string, TTL
  ARGV  1 once TTL ms   2 user   3 event id   4 booking number, '0' for none   5 ms to keep it
  Outcomes, first that applies
        NO_EVENT
        NO_BOOKING                 the user has no place, or gave it up before
        CHANGED number             another booking is the user's place by now
        TOO_LATE until_ms          the event is too near; the line can be left at any time
        CANCELLED                  nothing is owed: nobody paid for a place
  Replay: once (a second run would find that there is nothing to give up). ]]
--- @include "lib/booking"
--- @include "lib/digits"
--- @include "lib/journal"
--- @include "lib/last_moment"
--- @include "lib/leave"
--- @include "lib/now"
--- @include "lib/once"
--- @include "lib/patron"
--- @include "lib/seats"
--- @include "lib/share"
--- @include "lib/unsell"
local user, event, number, keep_ms = ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local at = {
  event = KEYS[1], taken = KEYS[2], sold = KEYS[3], holders = KEYS[4], booking = KEYS[5],
  patrons = KEYS[9], waiting = KEYS[10], promote = KEYS[11],
}

return once(KEYS[13], ARGV[1], function()
  local plan = redis.call('HMGET', at.event, 'version', 'starts_at', 'cancel_before_ms')
  if not plan[1] then
    return {'NO_EVENT'}
  end
  local place = redis.call('HGET', at.patrons, user) or ':past'
  local current, became = string.match(place, '^(%d*):(%l+)$')
  if became == 'past' then
    return {'NO_BOOKING'}
  end
  if current ~= number then
    return {'CHANGED', current}, true
  end
  local now = now_ms()
  local ends = became == 'active' and last_moment(plan[2], plan[3])
  if ends and now > ends then
    return {'TOO_LATE', digits(ends)}
  end
  local booking = read_booking(at.booking, KEYS[6])
  local indexes = indexes_of(booking.seats)

  if became == 'waiting' then
    leave_line(at.event, at.waiting, number)
  else
    unsell(at, event, booking, indexes)
  end
  redis.call('HSET', at.booking, 'status', 'cancelled', 'seats', '', 'released', booking.seats,
    'updated', digits(now))
  put_patron(at.patrons, user, number, 'past')
  if booking.counted then
    put_share(KEYS[8], user, number)
  end
  journal(KEYS[7], 'cancelled', event, number, user, table.concat(indexes, ','), '')
  redis.call('ZADD', KEYS[12], digits(now + tonumber(keep_ms)), event .. ':' .. number)
  return {'CANCELLED'}
end)
