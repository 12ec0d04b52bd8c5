-- Seats of a booking are text: 'index:price,index:price'.

-- The indexes in it, in order.
local function indexes_of(seats)
  local indexes = {}
  for index in string.gmatch(seats, '(%d+):') do
    indexes[#indexes + 1] = index
  end
  return indexes
end

-- The sum of its prices. At most 1000 seats below 10^11 each: exact in a Lua number.
local function amount_of(seats)
  local amount = 0
  for price in string.gmatch(seats, ':(%d+)') do
    amount = amount + tonumber(price)
  end
  return amount
end
