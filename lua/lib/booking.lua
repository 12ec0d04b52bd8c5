-- A booking as it stands, or nil. Its status is the one its owner sees: when the hold of an
-- unfinished booking is gone it is expired, whether or not anybody has swept it up.
local function read_booking(key, hold_key)
  local fields = redis.call('HMGET', key,
    'user', 'status', 'seats', 'released', 'amount', 'expires', 'refund', 'armed')
  if not fields[1] then
    return nil
  end
  local booking = {
    user = fields[1], stored = fields[2], status = fields[2], seats = fields[3],
    released = fields[4] or '', amount = fields[5], expires = fields[6],
    refund = fields[7], armed = fields[8],
    unfinished = fields[2] == 'booked' or fields[2] == 'seats_selected'
      or fields[2] == 'payment_initiated',
  }
  if booking.unfinished and redis.call('EXISTS', hold_key) == 0 then
    booking.status = 'expired'
  end
  return booking
end
