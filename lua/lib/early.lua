-- The id of a payment of that amount which came before payment began, and is kept as unmatched; ''
-- where there is none.
local function early_payment(at, number, amount)
  local kept = redis.call('HGETALL', at.unmatched)
  for position = 1, #kept, 2 do
    local home, id = string.match(kept[position], '^(%d+):(.+)$')
    local said = string.match(kept[position + 1], '^(%d*)::[^:]*:not_initiated:')
    if home == number and (said == amount or said == '') then
      return id
    end
  end
  return ''
end
