--- @include "lib/digits"
--- @include "lib/line"
-- What a user has by a booking of one place, as a reply; nil where there is no such booking.
local function standing_of(booking_key, waiting_key, number)
  local booking = redis.call('HMGET', booking_key, 'status', 'created', 'updated')
  local status, created, updated = booking[1], booking[2], booking[3]
  if not status then
    return nil
  end
  if status == 'waiting' then
    local order = order_of(redis.call('ZSCORE', waiting_key, number))
    local ahead = ahead_in_line(waiting_key, order)
    return {'WAITING', number, digits(ahead + 1), created, updated}
  end
  if status == 'confirmed' then
    return {'CONFIRMED', number, '0', created, updated}
  end
  return {'CANCELLED', number, '0', created, updated}
end
