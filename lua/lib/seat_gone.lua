-- Whether a seat is one of those that the event no longer has: 'first-last,first-last'.
local function is_gone(gone, index)
  for first, last in string.gmatch(gone, '(%d+)-(%d+)') do
    if tonumber(index) >= tonumber(first) and tonumber(index) <= tonumber(last) then
      return true
    end
  end
  return false
end
