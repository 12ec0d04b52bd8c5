--- @include "lib/any"
-- A free seat of the first zone that has one, as 'index:price', or nil. which: of 'all' zones, of
-- those that are 'free' of charge, or of those that are 'paid' for.
local function find_place(taken, bits, zones, which)
  for price, extents in string.gmatch(zones, '%d+:(%d+):%d+:([^,]+)') do
    local free, may = {}, which == 'all' or (which == 'free') == (price == '0')
    if may and add_free(free, taken, bits, price, 1, extents) == 0 then
      return free[1]
    end
  end
end
