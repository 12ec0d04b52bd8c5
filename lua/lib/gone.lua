-- What is kept for ever of an event that was taken away is text, 'last number:version:created': its
-- id is never given to another, so neither are the ids of its seats and bookings.

-- Put it down; `plan` has these three, or nothing where the event was gone already.
local function keep_gone(gone, event, plan)
  if plan[1] then
    redis.call('HSET', gone, event, table.concat(plan, ':'))
  end
end
