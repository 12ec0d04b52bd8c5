-- The payments of a booking are text, 'id:amount,id:amount', in the order in which they came. Ids
-- are percent-encoded; one that nobody named is empty.

-- Which of them a notice is about, as it is kept, with its amount; nil where it is another one. Who
-- names none means the first. Who names one, and the only thing known is that somebody has paid,
-- names that.
local function find_payment(payments, id, amount)
  local unnamed, brought = nil, nil
  for known, paid in string.gmatch(payments, '([^:,]*):(%d+)') do
    if known == id or id == '' then
      return known, paid
    end
    if known == '' and (amount == '' or amount == paid) then
      unnamed, brought = known, paid
    end
  end
  return unnamed, brought
end

-- A list with one more part.
local function with_part(list, part)
  return list == '' and part or list .. ',' .. part
end
