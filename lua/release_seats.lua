#!lua flags=allow-oom
--[[ Give back seats that one booking holds: all of them, or none.
  KEYS  1 {p07}:event:7:taken      bitmap held or sold
        2 {p07}:event:7:holders    hash   seat index → booking number
        3 {p07}:booking:7:42       hash   the booking that held them when the caller looked
        4 {p07}:hold:7:42          string, TTL  its hold
        5 {p07}:journal            stream
        6 {p07}:event:7:shares     hash   user → what they have of it, where there are caps
        7 {p07}:event:7:waiting    zset   who waits for a place, in order
        8 {p07}:promote            set    events with free seats that somebody waits for
        9 {p07}:once:<digest>      string, TTL
  ARGV  1 once TTL ms   2 user   3 event id   4 booking number, '0' for none   5.. seat indexes
  Outcomes, first that applies
        NOT_HELD index             free, or its hold has lapsed
        CHANGED holder             another booking holds one by now
        NOT_YOURS · CLOSED status  in payment or confirmed
        RELEASED seats left
  Replay: once (a second run would find the seat free and deny that it was released). ]]
--- @include "lib/booking"
--- @include "lib/digits"
--- @include "lib/free"
--- @include "lib/journal"
--- @include "lib/now"
--- @include "lib/once"
--- @include "lib/share"
local user, event, number = ARGV[2], ARGV[3], ARGV[4]

return once(KEYS[9], ARGV[1], function()
  local indexes = {unpack(ARGV, 5)}
  local leaving = {}
  for _, index in ipairs(indexes) do
    local holder = redis.call('HGET', KEYS[2], index)
    if not holder then
      return {'NOT_HELD', index}
    end
    if holder ~= number then
      return {'CHANGED', holder}, true
    end
    leaving[index] = true
  end
  local booking = read_booking(KEYS[3], KEYS[4])
  if booking.status == 'expired' then
    return {'NOT_HELD', indexes[1]}
  end
  if booking.user ~= user then
    return {'NOT_YOURS'}
  end
  if booking.status ~= 'seats_selected' then
    return {'CLOSED', booking.status}
  end
  local kept = {}
  for index, price in string.gmatch(booking.seats, '(%d+):(%d+)') do
    if not leaving[index] then
      kept[#kept + 1] = index .. ':' .. price
    end
  end

  free_seats(KEYS[1], KEYS[2], KEYS[7], KEYS[8], event, indexes)
  redis.call('HSET', KEYS[3], 'seats', table.concat(kept, ','), 'updated', digits(now_ms()),
    'status', #kept > 0 and 'seats_selected' or 'booked')
  if booking.counted then
    put_share(KEYS[6], user, number, ':', #kept)
  end
  journal(KEYS[5], 'released', event, number, user, table.concat(indexes, ','), '')
  return {'RELEASED', tostring(#kept)}
end)
