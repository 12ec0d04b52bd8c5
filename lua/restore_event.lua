#!lua
--[[ Bring a seeded event back as it was made, on sale: a reset. Its bookings are discarded after it.
  KEYS  1 {p07}:event:7            hash   the event
        2 {p07}:chores             set    events with work left to do
        3 {p07}:journal            stream
  ARGV  1 event id   2 user
  Outcomes, first that applies
        NO_EVENT
        RESTORED version
  Replay: natural (it comes back once more, under a new version). ]]
--- @include "lib/journal"
--- @include "lib/version"
local event, user = ARGV[1], ARGV[2]
local last = redis.call('HGET', KEYS[1], 'version')
if not last then
  return {'NO_EVENT'}
end
local version = next_version(last)
local fields = redis.call('HGETALL', KEYS[1])

redis.call('HSET', KEYS[1], 'version', version, 'state', 'on_sale')
redis.call('HDEL', KEYS[1], 'gone', 'uncounted', 'payments')
for position = 1, #fields, 2 do
  local field, made = string.match(fields[position], '^seed:(.*)$'), fields[position + 1]
  if field and made == '' then
    redis.call('HDEL', KEYS[1], field)
  -- The last index stays: one that has been a seat is never another.
  elseif field and field ~= 'bits' then
    redis.call('HSET', KEYS[1], field, string.sub(made, 2))
  end
end
redis.call('SREM', KEYS[2], event)
journal(KEYS[3], 'restored', event, '', user, '', version)
return {'RESTORED', version}
