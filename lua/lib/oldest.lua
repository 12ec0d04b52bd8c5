-- Which of the unmatched payments came first, and what is kept of it; what cannot be read goes
-- before that.
local function oldest_unmatched(key)
  local kept, oldest, since = redis.call('HGETALL', key), nil, math.huge
  for position = 1, #kept, 2 do
    local came = tonumber(string.match(kept[position + 1], ':(%d+)$')) or 0
    if came < since then
      oldest, since = position, came
    end
  end
  return kept[oldest], kept[oldest + 1]
end
