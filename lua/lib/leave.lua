--- @include "lib/count_line"
-- Take a booking out of the line, if it waits.
local function leave_line(event_key, waiting_key, number)
  if redis.call('ZREM', waiting_key, number) == 1 then
    count_line(event_key, waiting_key)
  end
end
