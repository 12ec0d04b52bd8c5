#!lua
--[[ Bring a seeded event back as it was made, on sale: a reset. Its bookings are discarded after it.
  KEYS  1 {p07}:event:7            hash   the event
        2 {p07}:chores             set    events with work left to do
        3 {p07}:openings           zset   events whose line waits for the sale to open → when, ms
        4 {p07}:journal            stream
        5 {p07}:once:<digest>      string, TTL
  ARGV  1 once TTL ms   2 user   3 event id
  Outcomes, first that applies
        NO_EVENT
        RESTORED version
  Replay: once (a second run would undo what has happened to it since the first). ]]
--- @include "lib/journal"
--- @include "lib/once"
--- @include "lib/version"
local user, event = ARGV[2], ARGV[3]

return once(KEYS[5], ARGV[1], function()
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
  redis.call('ZREM', KEYS[3], event)
  journal(KEYS[4], 'restored', event, '', user, '', version)
  return {'RESTORED', version}
end)
