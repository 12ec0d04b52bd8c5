--- @include "lib/early"
--- @include "lib/journal"
--- @include "lib/payments"
-- What is known of the payments of a booking; `at` names the keys. HDEL goes first: it is allowed
-- when memory is full. What is put down or named is not unmatched any more, by its id or without.

-- Put down a payment, and give the id that it goes by: who names none means one that came early.
local function record_payment(at, event, number, booking, payment, amount)
  local id = payment ~= '' and payment or early_payment(at, number, amount)
  redis.call('HDEL', at.unmatched, number .. ':' .. id, number .. ':')
  booking.payments = with_part(booking.payments, id .. ':' .. amount)
  redis.call('HSET', at.booking, 'payments', booking.payments)
  journal(at.journal, 'paid', event, number, booking.user, '', amount .. ' ' .. id)
  return id
end

-- Give the payment of which only the amount was known its id.
local function name_payment(at, event, number, booking, payment)
  redis.call('HDEL', at.unmatched, number .. ':' .. payment, number .. ':')
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
