#!lua
--[[ Open a booking under a number drawn for it, and claim its first seats: those it names, or any
  free ones of some zones, all or none.
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
        6 tickets it wants, 'zone:price:quantity:first-last+first-last,…' (lib/tickets), or ''
        7.. seat index, price, seat index, price …   none where it wants tickets
  Outcomes, first that applies
        NO_EVENT
        NUMBER_USED                by somebody else: another number is to be drawn
        STALE_LAYOUT version
        NOT_ON_SALE state          or 'not_yet', 'over', each with opens_ms closes_ms (lib/sale)
        TOO_MANY max
        NO_SEAT index · SEAT_TAKEN index held_until_ms · SOLD_OUT zone · LAPSED holders
        CAP_REACHED cap max        LAPSED where the user's own lapsed bookings reach it
        OPENED booking number, expires_at_ms ('0' when it has no end any more), created_ms,
          its seats as 'index:price,…', or those it had
  Replay: natural (a booking that exists is given again). ]]
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
--- @include "lib/tickets"
--- @include "lib/who_waits"
local user, event, number, version, tickets = ARGV[2], ARGV[3], ARGV[4], ARGV[5], ARGV[6]

return once(KEYS[9], ARGV[1], function()
  local plan = redis.call('HMGET', KEYS[1], 'version', 'bits', 'hold_ms', 'seats_max',
    'state', 'caps', 'waiting', 'waiting_free', 'sale_starts_at', 'sale_ends_at', 'starts_at')
  if not plan[1] then
    return {'NO_EVENT'}
  end
  local opened = redis.call('HMGET', KEYS[4], 'expires', 'created', 'seats', 'released', 'user')
  if opened[2] then
    if opened[5] ~= user then
      return {'NUMBER_USED'}, true
    end
    local seats = opened[3] ~= '' and opened[3] or opened[4] or ''
    return {'OPENED', number, opened[1] or '0', opened[2], seats}
  end
  if plan[1] ~= version then
    return {'STALE_LAYOUT', plan[1]}, true
  end
  local now = now_ms()
  local shut = sale_shut(plan[5], plan[9], plan[10] or plan[11], now)
  if shut then
    return {'NOT_ON_SALE', unpack(shut)}
  end
  local wanted = {unpack(ARGV, 7)}
  local asked, bits = 0, tonumber(plan[2])
  if tickets == '' then
    asked = #wanted / 2
  else
    for quantity in string.gmatch(tickets, '%d+:%d+:(%d+):') do
      asked = asked + tonumber(quantity)
    end
  end
  if asked > tonumber(plan[4]) then
    return {'TOO_MANY', plan[4]}
  end
  local line = who_waits(plan[7], plan[8])
  local free, refusal, provisional
  if tickets == '' then
    free, refusal, provisional =
      find_free(KEYS[2], KEYS[3], KEYS[6], event, number, bits, line, wanted, now)
  else
    free, refusal, provisional = find_tickets(KEYS[2], KEYS[6], event, bits, line, tickets, now)
  end
  if refusal then
    return refusal, provisional
  end
  local caps = plan[6]
  if caps then
    refusal, provisional =
      over_cap(KEYS[8], KEYS[6], event, number, user, caps, #free, true, now)
    if refusal then
      return refusal, provisional
    end
  end

  local created = digits(now)
  local expires = arm_hold(KEYS[5], KEYS[6], event, number, now + tonumber(plan[3]))
  local seats = table.concat(free, ',')
  redis.call('HSET', KEYS[4], 'user', user, 'seats', seats,
    'status', seats == '' and 'booked' or 'seats_selected',
    'created', created, 'updated', created, 'expires', expires)
  journal(KEYS[7], 'opened', event, number, user, seats, expires)
  if seats ~= '' then
    redis.call('HSET', KEYS[4], 'armed', '1')
    take_seats(KEYS[2], KEYS[3], number, free)
  end
  if caps then
    redis.call('HSET', KEYS[4], 'counted', '1')
    put_share(KEYS[8], user, number, ':', #free)
  end
  return {'OPENED', number, expires, created, seats}
end)
