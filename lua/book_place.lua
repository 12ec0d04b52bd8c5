#!lua
--[[ Give a user their one place of an event: any free seat, sold at once. Where none is free, and
  while others wait, a place at the end of the line, for those who would wait.
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
  Outcomes, first that applies
        NO_EVENT
        NUMBER_USED                by somebody else: another number is to be drawn
        ALREADY_BOOKED number      the user has a place, or waits for one
        STALE_LAYOUT version
        NOT_ON_SALE state          or 'not_yet', 'over', each with opens_ms closes_ms (lib/sale)
        LAPSED holders
        SOLD_OUT                   and the user would not wait
        CAP_REACHED cap max
        CONFIRMED · WAITING · CANCELLED
          number, position ('0' when not waiting), created_ms, updated_ms
  Replay: natural (a booking that exists is given again, as it stands). ]]
--- @include "lib/caps"
--- @include "lib/digits"
--- @include "lib/journal"
--- @include "lib/lapsed"
--- @include "lib/line"
--- @include "lib/now"
--- @include "lib/once"
--- @include "lib/place"
--- @include "lib/sale"
--- @include "lib/standing"
local user, event, number, version, waits = ARGV[2], ARGV[3], ARGV[4], ARGV[5], ARGV[6]
local at = {
  event = KEYS[1], taken = KEYS[2], sold = KEYS[3], holders = KEYS[4], booking = KEYS[5],
  shares = KEYS[7], patrons = KEYS[8],
}

return once(KEYS[11], ARGV[1], function()
  local plan = redis.call('HMGET', at.event, 'version', 'bits', 'state', 'caps', 'waiting',
    'sale_starts_at', 'sale_ends_at', 'starts_at')
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
  local shut = sale_shut(plan[3], plan[6], plan[7] or plan[8], now)
  if shut then
    return {'NOT_ON_SALE', unpack(shut)}
  end
  local seat = not plan[5] and find_place(at.taken, tonumber(plan[2]), ARGV[7])
  if not seat and not plan[5] then
    local _, refusal, provisional = none_free(KEYS[10], event, now, {'SOLD_OUT'})
    if provisional then
      return refusal, true
    end
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
  -- Their order is the one in which they came, not that of their numbers, which are drawn before.
  local last = redis.call('ZRANGE', KEYS[9], -1, -1, 'WITHSCORES')[2] or 0
  redis.call('ZADD', KEYS[9], digits(last + 1), number)
  count_line(at.event, KEYS[9])
  redis.call('HSET', at.patrons, user, number .. ':waiting')
  journal(KEYS[6], 'waiting', event, number, user, '', '')
  return standing_of(at.booking, KEYS[9], number)
end)
