#!lua
--[[ Give a free seat to the first who waits and may have it, while the event sells: who is entitled
  only to what costs nothing is passed over where nothing of that is free.
  KEYS  1 {p07}:event:7            hash   the event
        2 {p07}:event:7:taken      bitmap held or sold
        3 {p07}:event:7:sold       bitmap sold
        4 {p07}:event:7:holders    hash   seat index → booking number
        5 {p07}:booking:7:42       hash   the booking that waited first when the caller looked
        6 {p07}:journal            stream
        7 {p07}:event:7:shares     hash   user → what they have of it, where there are caps
        8 {p07}:event:7:patrons    hash   user → their one place
        9 {p07}:event:7:waiting    zset   who waits for a place, in order
       10 {p07}:promote            set    events with free seats that somebody waits for
       11 {p07}:openings           zset   events whose line waits for the sale to open → when, ms
  ARGV  1 event id   2 number of that booking   3 layout version
        4 the event's seats, 'zone:price:1:first-last+first-last,…' (lib/tickets)
  Outcomes, first that applies
        KEPT                       nobody waits who is known, no seat is free that they may have, or
                                   the event sells nothing now; one that will is looked at again
                                   when it opens
        STALE_LAYOUT version
        CHANGED number             another is the first by now who may have what is free
        PROMOTED number            the next one, for whom a seat is free as well; '0' for none
  Replay: natural (who is promoted waits no longer). ]]
--- @include "lib/digits"
--- @include "lib/journal"
--- @include "lib/leave"
--- @include "lib/next"
--- @include "lib/now"
--- @include "lib/place"
--- @include "lib/sale"
local event, number, version, zones = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local at = {
  event = KEYS[1], taken = KEYS[2], sold = KEYS[3], holders = KEYS[4], booking = KEYS[5],
  shares = KEYS[7], patrons = KEYS[8],
}
local plan = redis.call('HMGET', at.event, 'version', 'bits', 'state', 'caps',
  'sale_starts_at', 'sale_ends_at', 'starts_at')
local now = now_ms()
local shut = sale_shut(plan[3], plan[5], plan[6] or plan[7], now)
local waited_for = redis.call('EXISTS', KEYS[9]) == 1
local open = not shut and waited_for
if open and plan[1] ~= version then
  return {'STALE_LAYOUT', plan[1]}
end
local first, seat = nil, nil
if open then
  first, seat = next_in_line(at.taken, KEYS[9], tonumber(plan[2]), zones)
end
if first and first ~= number then
  return {'CHANGED', first}
end
local user = redis.call('HGET', at.booking, 'user')
if not seat or not user then
  redis.call('SREM', KEYS[10], event)
  if waited_for and shut and shut[1] == 'not_yet' then
    redis.call('ZADD', KEYS[11], plan[5], event)
  else
    redis.call('ZREM', KEYS[11], event)
  end
  return {'KEPT'}
end

local price = sell_place(at, user, number, seat, plan[4], {'updated', digits(now)})
leave_line(at.event, KEYS[9], number)
journal(KEYS[6], 'confirmed', event, number, user, seat, price)
local next_one = next_in_line(at.taken, KEYS[9], tonumber(plan[2]), zones)
if not next_one then
  redis.call('SREM', KEYS[10], event)
  redis.call('ZREM', KEYS[11], event)
  return {'PROMOTED', '0'}
end
return {'PROMOTED', next_one}
