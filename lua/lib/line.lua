--- @include "lib/digits"
-- The line of an event: who waits for a place, by booking number. Who may have any place is scored
-- by the order in which they came; who may have only what costs nothing (unpaid) is scored behind
-- them all, by the same order.
local BEHIND = 1125899906842624

local function score_of(order, unpaid)
  return digits(order + (unpaid and BEHIND or 0))
end

local function order_of(score)
  return tonumber(score) % BEHIND
end

-- How many of those that wait may have only what costs nothing.
local function count_unpaid(waiting_key)
  return redis.call('ZCOUNT', waiting_key, digits(BEHIND), '+inf')
end

-- How many are in front of a place in the order in which they came.
local function ahead_in_line(waiting_key, order)
  return redis.call('ZCOUNT', waiting_key, '-inf', '(' .. digits(order)) +
    redis.call('ZCOUNT', waiting_key, digits(BEHIND), '(' .. digits(BEHIND + order))
end

-- The first of those who may have any place, or of the others: their number and their place in the
-- order in which all came; nil where none waits.
local function first_in_line(waiting_key, unpaid)
  local low, high = '-inf', '(' .. digits(BEHIND)
  if unpaid then
    low, high = digits(BEHIND), '+inf'
  end
  local first = redis.call('ZRANGEBYSCORE', waiting_key, low, high, 'WITHSCORES', 'LIMIT', 0, 1)
  if first[1] then
    return first[1], order_of(first[2])
  end
end
