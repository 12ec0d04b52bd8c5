#!lua
--[[ Claim seats for a booking: all of one choice, or none.
  KEYS  1 {p07}:event:7            hash   the event
        2 {p07}:event:7:taken      bitmap held or sold
        3 {p07}:event:7:holders    hash   seat index → booking number
        4 {p07}:booking:7:42       hash   the booking
        5 {p07}:hold:7:42          string, TTL  its hold
        6 {p07}:deadlines          zset   when holds end
        7 {p07}:journal            stream
        8 {p07}:event:7:shares     hash   user → what they have of it, where there are caps
        9 {p07}:once:<digest>      string, TTL  optional
  ARGV  1 once TTL ms   2 user   3 event id   4 booking number   5 layout version
        6.. seat index, price, seat index, price …
  Outcomes, first that applies
        NO_EVENT · STALE_LAYOUT version · NO_BOOKING · NOT_YOURS · CLOSED status
        NOT_ON_SALE state          or 'not_yet', 'over', each with opens_ms closes_ms (lib/sale);
                                   unless the booking holds all of them already
        NO_SEAT index · SEAT_TAKEN index held_until_ms · LAPSED holders · TOO_MANY max
        CAP_REACHED cap max        LAPSED where the user's own lapsed bookings reach it
        CLAIMED expires_at_ms
  Replay: natural (seats this booking already holds count as claimed). ]]
--- @include "lib/booking"
--- @include "lib/caps"
--- @include "lib/digits"
--- @include "lib/find"
--- @include "lib/hold"
--- @include "lib/journal"
--- @include "lib/now"
--- @include "lib/once"
--- @include "lib/sale"
--- @include "lib/share"
--- @include "lib/take"
--- @include "lib/who_waits"
local user, event, number, version = ARGV[2], ARGV[3], ARGV[4], ARGV[5]

return once(KEYS[9], ARGV[1], function()
  local plan = redis.call('HMGET', KEYS[1], 'version', 'bits', 'hold_ms', 'seats_max',
    'state', 'caps', 'waiting', 'waiting_free', 'sale_starts_at', 'sale_ends_at', 'starts_at')
  if not plan[1] then
    return {'NO_EVENT'}
  end
  if plan[1] ~= version then
    return {'STALE_LAYOUT', plan[1]}, true
  end
  local booking = read_booking(KEYS[4], KEYS[5])
  if not booking then
    return {'NO_BOOKING'}
  end
  if booking.user ~= user then
    return {'NOT_YOURS'}
  end
  if booking.status ~= 'booked' and booking.status ~= 'seats_selected' then
    return {'CLOSED', booking.status}
  end
  local now = now_ms()
  local wanted = {unpack(ARGV, 6)}
  local line, bits = who_waits(plan[7], plan[8]), tonumber(plan[2])
  local free, refusal, provisional =
    find_free(KEYS[2], KEYS[3], KEYS[6], event, number, bits, line, wanted, now)
  local shut = sale_shut(plan[5], plan[9], plan[10] or plan[11], now)
  if shut and (refusal or #free > 0) then
    return {'NOT_ON_SALE', unpack(shut)}
  end
  if refusal then
    return refusal, provisional
  end
  local _, held = string.gsub(booking.seats, ':', ':')
  if #free == 0 then
    return {'CLAIMED', booking.expires}
  end
  if held + #free > tonumber(plan[4]) then
    return {'TOO_MANY', plan[4]}
  end
  local caps, owned = plan[6], held + #free
  if caps then
    refusal, provisional =
      over_cap(KEYS[8], KEYS[6], event, number, user, caps, owned, false, now)
    if refusal then
      return refusal, provisional
    end
  end

  local seats = table.concat(free, ',')
  take_seats(KEYS[2], KEYS[3], number, free)
  journal(KEYS[7], 'claimed', event, number, user, seats, '')
  if held > 0 then
    seats = booking.seats .. ',' .. seats
  end
  if not booking.armed then
    booking.expires = arm_hold(KEYS[5], KEYS[6], event, number, now + tonumber(plan[3]))
  end
  redis.call('HSET', KEYS[4], 'status', 'seats_selected', 'seats', seats, 'armed', '1',
    'expires', booking.expires, 'updated', digits(now))
  if caps or booking.counted then
    redis.call('HSET', KEYS[4], 'counted', '1')
    put_share(KEYS[8], user, number, ':', owned)
  end
  return {'CLAIMED', booking.expires}
end)
