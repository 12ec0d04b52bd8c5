--- @include "lib/count_line"
--- @include "lib/line"
-- Put a booking at the end of the line. unpaid: it may have only what costs nothing. The order is
-- the one in which they came, not that of their numbers, which are drawn before.
local function join_line(event_key, waiting_key, number, unpaid)
  local last = 0
  local payers = redis.call('ZCARD', waiting_key) - count_unpaid(waiting_key)
  for _, rank in ipairs({payers - 1, -1}) do
    local entry = redis.call('ZRANGE', waiting_key, rank, rank, 'WITHSCORES')
    last = math.max(last, order_of(entry[2] or '0'))
  end
  redis.call('ZADD', waiting_key, score_of(last + 1, unpaid), number)
  count_line(event_key, waiting_key)
end
