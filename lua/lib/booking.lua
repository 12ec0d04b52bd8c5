-- A booking as it stands, or nil. Its status is the one its owner sees: when the hold of an
-- unfinished booking is gone it is expired, whether or not anybody has swept it up.
-- What only a payment or an end brings is not looked for while seats are chosen: claims are many.
-- Older versions kept no lists of payments and refunds. What went through a payment then (it was
-- armed, as a place never is) has one payment without an id, and what is owed is one refund of it.
local function read_booking(key, hold_key)
  local fields = redis.call('HMGET', key, 'user', 'status', 'seats', 'expires', 'armed', 'counted')
  if not fields[1] then
    return nil
  end
  local status = fields[2]
  local choosing = status == 'booked' or status == 'seats_selected'
  local booking = {
    user = fields[1], stored = status, status = status, seats = fields[3], expires = fields[4],
    armed = fields[5], counted = fields[6], released = '', payments = '', refunds = '',
    unfinished = choosing or status == 'payment_initiated',
  }
  if not choosing then
    local later =
      redis.call('HMGET', key, 'amount', 'released', 'refund', 'payments', 'refunds')
    booking.amount, booking.released, booking.refund = later[1], later[2] or '', later[3]
    booking.payments, booking.refunds = later[4] or '', later[5] or ''
    if not later[4] and (later[3] or (status == 'confirmed' and fields[5])) then
      booking.payments = ':' .. (later[1] or '0')
    end
    if not later[5] and later[3] then
      booking.refunds = ':' .. (later[1] or '0') .. '::' .. later[3] .. ':'
    end
  end
  if booking.unfinished and redis.call('EXISTS', hold_key) == 0 then
    booking.status = 'expired'
  end
  return booking
end
