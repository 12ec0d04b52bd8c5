-- What a user has of an event with caps is text: 'number:seats' for each of their unfinished
-- bookings, 'number=seats' for each confirmed one, ',' between. Each script puts down what its own
-- booking has by now, and nothing is ever added up over time: so nothing can drift.

-- Put down what the booking has now: mark ':' while it is unfinished, '=' once it is confirmed.
-- Without a mark it has nothing any more.
local function put_share(shares, user, number, mark, seats)
  local parts = {}
  for part in string.gmatch(redis.call('HGET', shares, user) or '', '[^,]+') do
    if string.match(part, '^%d+') ~= number then
      parts[#parts + 1] = part
    end
  end
  if mark then
    parts[#parts + 1] = number .. mark .. seats
  end
  if #parts > 0 then
    redis.call('HSET', shares, user, table.concat(parts, ','))
  else
    redis.call('HDEL', shares, user)
  end
end
