-- The first seat from `first` to `last` whose bit in the bitmap is `bit`, or nil. Bytes that the
-- bitmap does not have yet are free. Servers before 7.0 search whole bytes only.
local function next_seat(bitmap, bit, first, last)
  local at = first
  while at <= last and at % 8 ~= 0 do
    if redis.call('GETBIT', bitmap, at) == bit then
      return at
    end
    at = at + 1
  end
  local bits = redis.call('STRLEN', bitmap) * 8
  local found = at
  if at < bits and at <= last then
    found = redis.call('BITPOS', bitmap, bit, at / 8, math.floor(last / 8))
    if found < 0 then
      found = bits
    end
  end
  if found <= last and (bit == 0 or found < bits) then
    return found
  end
end
