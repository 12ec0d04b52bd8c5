--- @include "lib/share"
--- @include "lib/take"
-- A place is one seat of an event, no matter which, that is sold without a payment of its own.

-- Sell it; `at` names the keys, `more` is what else is to be said of the booking, a list name,
-- value, name, value … It counts towards the caps of the event where one is on what is bought.
-- Gives the price.
local function sell_place(at, user, number, seat, caps, more)
  local index, price = string.match(seat, '^(%d+):(%d+)$')
  take_seats(at.taken, at.holders, number, {seat})
  redis.call('SETBIT', at.sold, index, 1)
  redis.call('HSET', at.booking, 'status', 'confirmed', 'seats', seat, 'amount', price,
    unpack(more))
  redis.call('HSET', at.patrons, user, number .. ':active')
  redis.call('HINCRBY', at.event, 'revenue', price)
  redis.call('HINCRBY', at.event, 'confirmed', 1)
  redis.call('HSETNX', at.event, 'payments', '1')
  if caps and string.find(caps, 'bought_max', 1, true) then
    redis.call('HSET', at.booking, 'counted', '1')
    put_share(at.shares, user, number, '=', 1)
  end
  return price
end
