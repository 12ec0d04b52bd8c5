--- @include "lib/any"
--- @include "lib/lapsed"
-- Tickets are free seats of a zone that nobody names. What is wanted is text,
-- 'zone:price:quantity:first-last+first-last,…': the extents hold the zone's seats, no padding.

-- Free seats for all of the tickets that are wanted, as 'index:price'; or nil, a refusal, and
-- whether it is provisional. What is free is theirs who wait (line, see lib/line).
local function find_tickets(taken, deadlines, event, bits, line, wanted, now)
  local free = {}
  for zone, price, quantity, extents in string.gmatch(wanted, '(%d+):(%d+):(%d+):([^,]+)') do
    if line and (line == 'all' or price == '0') then
      return nil, {'SOLD_OUT', zone}
    end
    if add_free(free, taken, bits, price, tonumber(quantity), extents) > 0 then
      return none_free(deadlines, event, now, {'SOLD_OUT', zone})
    end
  end
  return free
end
