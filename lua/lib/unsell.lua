--- @include "lib/digits"
--- @include "lib/free"
-- Take back what a booking has bought; `at` names the keys. Its seats are free, and the event has
-- earned less.
local function unsell(at, event, booking, indexes)
  free_seats(at.taken, at.holders, at.waiting, at.promote, event, indexes)
  for _, index in ipairs(indexes) do
    redis.call('SETBIT', at.sold, index, 0)
  end
  redis.call('HINCRBY', at.event, 'revenue', digits(0 - tonumber(booking.amount)))
  redis.call('HINCRBY', at.event, 'confirmed', -1)
end
