--- @include "lib/digits"

-- The version of an event that follows `last`: a µs time that was never one before, as text.
local function next_version(last)
  local time = redis.call('TIME')
  return digits(math.max(time[1] * 1000000 + time[2], tonumber(last or '0') + 1))
end
