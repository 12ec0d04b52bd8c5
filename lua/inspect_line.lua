#!lua flags=no-writes
--[[ Whether anybody waits for what is free, at one moment: for the audit.
  KEYS  1 {p07}:event:7            hash   the event
        2 {p07}:event:7:taken      bitmap held or sold
        3 {p07}:event:7:waiting    zset   who waits for a place, in order
        4 {p07}:promote            set    events with free seats that somebody waits for
        5 {p07}:openings           zset   events whose line waits for the sale to open → when, ms
  ARGV  1 event id   2 layout version
        3 its seats, 'zone:price:1:first-last+first-last,…' (lib/tickets)
  Outcomes, first that applies
        NO_EVENT · STALE_LAYOUT version
        INSPECTED state, or 'not_yet', 'over' (lib/sale), how many wait by the event's own word, how
          many of them for what costs nothing, how many there are in the line, and of them behind
          the others, a free seat that one of them may have ('' for none), whether it is to be
          handed on, now or when the sale opens (0 or 1)
  Replay: natural (it reads). ]]
--- @include "lib/line"
--- @include "lib/next"
--- @include "lib/now"
--- @include "lib/sale"
local plan = redis.call('HMGET', KEYS[1], 'version', 'state', 'waiting', 'bits', 'waiting_free',
  'sale_starts_at', 'sale_ends_at', 'starts_at')
if not plan[1] then
  return {'NO_EVENT'}
end
if plan[1] ~= ARGV[2] then
  return {'STALE_LAYOUT', plan[1]}
end
local _, seat = next_in_line(KEYS[2], KEYS[3], tonumber(plan[4]), ARGV[3])
local shut = sale_shut(plan[2], plan[6], plan[7] or plan[8], now_ms())
local called = redis.call('SISMEMBER', KEYS[4], ARGV[1])
if shut and shut[1] == 'not_yet' and redis.call('ZSCORE', KEYS[5], ARGV[1]) then
  called = 1
end
return {'INSPECTED', shut and shut[1] or 'on_sale', plan[3] or '0', plan[5] or '0',
  tostring(redis.call('ZCARD', KEYS[3])), tostring(count_unpaid(KEYS[3])),
  seat and string.match(seat, '^%d+') or '', called}
