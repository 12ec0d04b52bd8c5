#!lua
--[[ Change what an event is: its details, terms, prices and zones; close and open its sale.
  It is computed from one version of the event, and goes through only on that version. Bookings keep
  the prices they have; seats go only while nobody has them, and their indexes never come back.
  KEYS  1 {p07}:event:7            hash   the event
        2 {p07}:event:7:taken      bitmap held or sold
        3 {p07}:chores             set    events with work left to do
        4 {p07}:journal            stream
        5 {p07}:event:7:waiting    zset   who waits for a place, in order
        6 {p07}:promote            set    events with free seats that somebody waits for
        7 {p07}:once:<digest>      string, TTL
  ARGV  1 once TTL ms   2 user, or '' for an administrator   3 event id
        4 version it was computed from   5 seats that go, 'first-last,first-last'
        6 '1' when what users have must be counted from now on
        7 fields that go, 'name,name'   8.. field, value, field, value …
  Outcomes, first that applies
        NO_EVENT · NOT_YOURS
        NOT_ON_SALE state          cancelled for good
        STALE_LAYOUT version · SEAT_TAKEN index 0
        AMENDED version
  Replay: once (a second run would find that the event has moved on, and be computed anew). ]]
--- @include "lib/digits"
--- @include "lib/journal"
--- @include "lib/once"
--- @include "lib/promote"
--- @include "lib/search"
--- @include "lib/version"
local user, event, version, going, counts = ARGV[2], ARGV[3], ARGV[4], ARGV[5], ARGV[6]

return once(KEYS[7], ARGV[1], function()
  local plan = redis.call('HMGET', KEYS[1],
    'version', 'state', 'organizer', 'gone', 'bookings', 'seeded')
  if not plan[1] then
    return {'NO_EVENT'}
  end
  if user ~= '' and plan[3] ~= user then
    return {'NOT_YOURS'}
  end
  if plan[2] == 'cancelling' or plan[2] == 'cancelled' then
    return {'NOT_ON_SALE', plan[2]}
  end
  if plan[1] ~= version then
    return {'STALE_LAYOUT', plan[1]}, true
  end
  for first, last in string.gmatch(going, '(%d+)-(%d+)') do
    local taken = next_seat(KEYS[2], 1, tonumber(first), tonumber(last))
    if taken then
      return {'SEAT_TAKEN', digits(taken), '0'}
    end
  end
  local fields = {unpack(ARGV, 8)}
  local changed = {}
  for position = 1, #fields, 2 do
    changed[#changed + 1] = fields[position]
  end
  for field in string.gmatch(ARGV[7], '[^,]+') do
    changed[#changed + 1] = field
  end
  if #changed == 0 then
    return {'AMENDED', version}
  end

  version = next_version(version)
  redis.call('HSET', KEYS[1], 'version', version)
  for _, field in ipairs(changed) do
    -- A reset brings a seeded event back as it was made.
    if plan[6] then
      local made = redis.call('HGET', KEYS[1], field)
      redis.call('HSETNX', KEYS[1], 'seed:' .. field, made and '=' .. made or '')
    end
    redis.call('HDEL', KEYS[1], field)
  end
  if #fields > 0 then
    redis.call('HSET', KEYS[1], unpack(fields))
  end
  if going ~= '' then
    redis.call('HSET', KEYS[1], 'gone', plan[4] and plan[4] .. ',' .. going or going)
  end
  if counts == '1' then
    redis.call('HSET', KEYS[1], 'uncounted', plan[5])
    redis.call('SADD', KEYS[3], event)
  end
  call_line(KEYS[5], KEYS[6], event)
  journal(KEYS[4], 'amended', event, '', user, going, table.concat(changed, ','))
  return {'AMENDED', version}
end)
