--- @include "lib/digits"
--- @include "lib/search"
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
