#!lua
--[[ Give a user their one place of an event: any free seat, sold at once, without a payment. Where
  none is free, and while others wait, a place at the end of the line, for those who would wait. Who
  may have only what costs nothing waits for that.
  KEYS  1 {p07}:event:7            hash   the event
        2 {p07}:event:7:taken      bitmap held or sold
        3 {p07}:event:7:sold       bitmap sold
        4 {p07}:event:7:holders    hash   seat index → booking number
        5 {p07}:booking:7:42       hash   the booking, under a number drawn for it
        6 {p07}:journal            stream
        7 {p07}:event:7:shares     hash   user → what they have of it, where there are caps
        8 {p07}:event:7:patrons    hash   user → their one place
        9 {p07}:event:7:waiting    zset   who waits for a place, in order
       10 {p07}:deadlines          zset   when holds end
       11 {p07}:once:<digest>      string, TTL  optional
  ARGV  1 once TTL ms   2 user   3 event id   4 booking number   5 layout version
        6 '1' to wait where no seat is free
        7 its seats, 'zone:price:1:first-last+first-last,…' (lib/tickets)
        8 '1' where the user may have what costs something
  Outcomes, first that applies
        NO_EVENT
        NUMBER_USED                by somebody else: another number is to be drawn
        ALREADY_BOOKED number      the user has a place, or waits for one
        STALE_LAYOUT version
        NOT_ON_SALE state          or 'not_yet', 'over', each with opens_ms closes_ms (lib/sale)
        LAPSED holders
        PAYMENT_REQUIRED           only places are left that cost something
        SOLD_OUT                   and the user would not wait
        CAP_REACHED cap max
        CONFIRMED · WAITING · CANCELLED
          number, position ('0' when not waiting), created_ms, updated_ms
  Replay: natural (a booking that exists is given again, as it stands). ]]
--- @include "lib/caps"
--- @include "lib/digits"
--- @include "lib/free_place"
--- @include "lib/join"
--- @include "lib/journal"
--- @include "lib/lapsed"
--- @include "lib/now"
--- @include "lib/once"
--- @include "lib/place"
--- @include "lib/sale"
--- @include "lib/standing"
--- @include "lib/who_waits"
local user, event, number, version, waits = ARGV[2], ARGV[3], ARGV[4], ARGV[5], ARGV[6]
local zones, entitled = ARGV[7], ARGV[8] == '1'
local at = {
  event = KEYS[1], taken = KEYS[2], sold = KEYS[3], holders = KEYS[4], booking = KEYS[5],
  shares = KEYS[7], patrons = KEYS[8],
}

return once(KEYS[11], ARGV[1], function()
  local plan = redis.call('HMGET', at.event, 'version', 'bits', 'state', 'caps', 'waiting',
    'waiting_free', 'sale_starts_at', 'sale_ends_at', 'starts_at')
  if not plan[1] then
    return {'NO_EVENT'}
  end
  local made = standing_of(at.booking, KEYS[9], number)
  if made then
    if redis.call('HGET', at.booking, 'user') ~= user then
      return {'NUMBER_USED'}, true
    end
    return made
  end
  local place = redis.call('HGET', at.patrons, user)
  if place and not string.find(place, ':past', 1, true) then
    return {'ALREADY_BOOKED', string.match(place, '^%d+')}
  end
  if plan[1] ~= version then
    return {'STALE_LAYOUT', plan[1]}, true
  end
  local now = now_ms()
  local shut = sale_shut(plan[3], plan[7], plan[8] or plan[9], now)
  if shut then
    return {'NOT_ON_SALE', unpack(shut)}
  end
  local line, bits = who_waits(plan[5], plan[6]), tonumber(plan[2])
  local seat = nil
  if not line then
    seat = find_place(at.taken, bits, zones, entitled and 'all' or 'free')
  elseif line == 'free' and entitled then
    seat = find_place(at.taken, bits, zones, 'paid')
  end
  if not seat and (not plan[5] or (line == 'free' and entitled)) then
    local _, refusal, provisional = none_free(KEYS[10], event, now, {'SOLD_OUT'})
    if provisional then
      return refusal, true
    end
  end
  if not seat and not entitled and line ~= 'all' and find_place(at.taken, bits, zones, 'paid') then
    return {'PAYMENT_REQUIRED'}
  end
  if not seat and waits ~= '1' then
    return {'SOLD_OUT'}
  end
  local caps = plan[4]
  if caps then
    local refusal, provisional =
      over_cap(at.shares, KEYS[10], event, number, user, caps, 1, false, now)
    if refusal then
      return refusal, provisional
    end
  end

  local created = digits(now)
  local made = {'user', user, 'created', created, 'updated', created}
  if seat then
    local price = sell_place(at, user, number, seat, caps, made)
    journal(KEYS[6], 'confirmed', event, number, user, seat, price)
    return {'CONFIRMED', number, '0', created, created}
  end
  redis.call('HSET', at.booking, 'status', 'waiting', 'seats', '', unpack(made))
  join_line(at.event, KEYS[9], number, not entitled)
  redis.call('HSET', at.patrons, user, number .. ':waiting')
  journal(KEYS[6], 'waiting', event, number, user, '', '')
  return standing_of(at.booking, KEYS[9], number)
end)
