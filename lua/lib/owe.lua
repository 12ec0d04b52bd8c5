--- @include "lib/digits"
--- @include "lib/journal"
--- @include "lib/payments"
-- What a booking was paid is due back; `at` names the keys. ZREM goes first: it is allowed when
-- memory is full.
local function owe(at, event, number, booking, payment, amount, reason, now)
  redis.call('ZREM', at.ended, event .. ':' .. number)
  booking.refunds = with_part(booking.refunds,
    payment .. ':' .. amount .. ':' .. reason .. ':due:')
  -- Both lists: a booking of an older version has neither.
  redis.call('HSET', at.booking, 'refund', 'due', 'payments', booking.payments,
    'refunds', booking.refunds, 'updated', digits(now))
  redis.call('ZADD', at.refunds, digits(now), number)
  journal(at.journal, 'refund_due', event, number, booking.user, '',
    amount .. ' ' .. reason .. ' ' .. payment)
end
