--- @include "lib/free_place"
--- @include "lib/line"
-- Who of those that wait is to have a seat now, and which, as 'index:price'; nil where nothing is
-- free that any of them may have. Who may have only what costs nothing is passed over where nothing
-- of that is free, and blocks nobody; of what costs nothing the first in the line has the first.
local function next_in_line(taken, waiting_key, bits, zones)
  local number, order = first_in_line(waiting_key, false)
  local unpaid, unpaid_order = first_in_line(waiting_key, true)
  local seat = number and find_place(taken, bits, zones, 'all')
  local first = seat and (not unpaid or order < unpaid_order)
  local free = not first and unpaid and find_place(taken, bits, zones, 'free')
  if free then
    return unpaid, free
  end
  if seat then
    return number, seat
  end
end
