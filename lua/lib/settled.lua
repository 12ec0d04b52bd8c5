--- @include "lib/journal"
--- @include "lib/payments"
--- @include "lib/record"
--- @include "lib/refunds"
-- Notices of a payment that has come to something before, and those that can come to nothing.
local PAYMENTS_MAX = 20

-- What an earlier notice of the same payment came to, as a reply; nil if there was none.
-- about: 'amount:currency:status'.
local function settled(at, event, number, booking, payment, amount, about)
  local known, paid = find_payment(booking.payments, payment, amount)
  if not known then
    return booking.stored == 'confirmed' and payment == '' and {'CONFIRMED'} or nil
  end
  if known ~= payment and payment ~= '' then
    name_payment(at, event, number, booking, payment)
  end
  -- What a gateway corrects changes nothing, and is for people to see.
  if string.sub(about, 1, #paid + 2) ~= paid .. '::' and string.sub(about, 1, 2) ~= '::' then
    redis.call('HDEL', at.unmatched, number .. ':' .. payment)
    journal(at.journal, 'payment_note', event, number, booking.user, '', payment .. ' ' .. about)
  end
  if has_refund(booking.refunds, known) then
    return {'REFUND_DUE'}
  end
  return {booking.stored == 'confirmed' and 'CONFIRMED' or 'CANCELLED'}
end

-- Why nothing can be sold for a payment, or nil. again: it is not the first one.
local function misfit(booking, again, amount, currency)
  if currency ~= '' then
    return 'currency'
  end
  if not again and amount ~= '' and amount ~= booking.amount then
    return 'amount'
  end
  local _, payments = string.gsub(booking.payments, ':', '')
  return payments >= PAYMENTS_MAX and 'too_many' or nil
end
