--- @include "lib/digits"
--- @include "lib/search"
-- Tickets are free seats of a zone that nobody names. What is wanted is text,
-- 'zone:price:quantity:first-last+first-last,…': the extents hold the zone's seats, no padding.

-- Add up to `quantity` free seats of some extents to `free`, as 'index:price'; how many are missing.
local function add_free(free, taken, bits, price, quantity, extents)
  local missing = quantity
  for first, last in string.gmatch(extents, '(%d+)-(%d+)') do
    local at, stop = tonumber(first), math.min(tonumber(last), bits - 1)
    while missing > 0 and at do
      at = next_seat(taken, 0, at, stop)
      if at then
        free[#free + 1] = digits(at) .. ':' .. price
        at, missing = at + 1, missing - 1
      end
    end
  end
  return missing
end

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

-- Free seats for all of the tickets that are wanted, as 'index:price'; or nil, a refusal, and
-- whether it is provisional.
local function find_tickets(taken, deadlines, event, bits, wanted, now)
  local free = {}
  for zone, price, quantity, extents in string.gmatch(wanted, '(%d+):(%d+):(%d+):([^,]+)') do
    if add_free(free, taken, bits, price, tonumber(quantity), extents) > 0 then
      return none_free(deadlines, event, now, {'SOLD_OUT', zone})
    end
  end
  return free
end
