--- @include "lib/digits"
-- Nothing is free: a provisional refusal that names lapsed bookings of the event, as they may have
-- what is wanted; or the final one.
local function none_free(deadlines, event, now, refusal)
  local due = redis.call('ZRANGEBYSCORE', deadlines, '-inf', '(' .. digits(now), 'LIMIT', 0, 1000)
  local lapsed = {'LAPSED'}
  for _, member in ipairs(due) do
    local home, number = string.match(member, '^(%d+):(%d+)$')
    if home == event then
      lapsed[#lapsed + 1] = number
    end
  end
  if #lapsed > 1 then
    return nil, lapsed, true
  end
  return nil, refusal
end
