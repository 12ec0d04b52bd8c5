-- Take the free seats for the booking.
local function take_seats(taken, holders, number, free)
  local pairs_of = {}
  for _, seat in ipairs(free) do
    local index = string.match(seat, '^%d+')
    redis.call('SETBIT', taken, index, 1)
    pairs_of[#pairs_of + 1] = index
    pairs_of[#pairs_of + 1] = number
  end
  redis.call('HSET', holders, unpack(pairs_of))
end
