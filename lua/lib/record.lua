--- @include "lib/journal"
--- @include "lib/payments"
-- What is known of the payments of a booking; `at` names the keys. HDEL goes first: it is allowed
-- when memory is full.

-- Put down a payment; it is not unmatched any more.
local function record_payment(at, event, number, booking, payment, amount)
  redis.call('HDEL', at.unmatched, number .. ':' .. payment)
  booking.payments = with_part(booking.payments, payment .. ':' .. amount)
  redis.call('HSET', at.booking, 'payments', booking.payments)
  journal(at.journal, 'paid', event, number, booking.user, '', amount .. ' ' .. payment)
end

-- Give the payment of which only the amount was known its id.
local function name_payment(at, event, number, booking, payment)
  redis.call('HDEL', at.unmatched, number .. ':' .. payment)
  for _, list in ipairs({'payments', 'refunds'}) do
    if booking[list] ~= '' then
      -- By a function, as the id may have a % in it.
      local parts = string.gsub(',' .. booking[list], ',:', function()
        return ',' .. payment .. ':'
      end)
      redis.call('HSET', at.booking, list, string.sub(parts, 2))
    end
  end
  journal(at.journal, 'payment_named', event, number, booking.user, '', payment)
end
