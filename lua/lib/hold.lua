--- @include "lib/digits"

-- Arm the hold of a booking: the lease, its entry in the sweeper's index and the end that its
-- owner sees are one number, which is returned as text.
local function arm_hold(hold_key, deadlines_key, event, number, ends)
  local expires = digits(ends)
  redis.call('SET', hold_key, '1', 'PXAT', expires)
  redis.call('ZADD', deadlines_key, expires, event .. ':' .. number)
  return expires
end
