-- The refunds of a booking are text, 'payment:amount:reason:state:reference,…': at most one for
-- each payment. state: 'due', or 'done' once the money has gone back.

-- Whether there is one for a payment.
local function has_refund(refunds, id)
  for payment in string.gmatch(refunds, '([^:,]*):%d+:[^,]*') do
    if payment == id then
      return true
    end
  end
  return false
end
