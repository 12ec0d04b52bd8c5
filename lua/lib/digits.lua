-- A whole number as plain digits: Lua itself prints large ones as 1.75e+15.
local function digits(number)
  return string.format('%.0f', number)
end
