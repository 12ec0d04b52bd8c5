-- Why an event gives no seat at this moment: nil where it does, {state} where that is not on_sale, or
-- {'not_yet', opens, closes} and {'over', opens, closes} outside its window; '0' where that has no
-- such bound. opens and closes are ms as text, or false. Only who gives a seat asks: a payment for
-- what was had in time is let through.
local function sale_shut(state, opens, closes, now)
  if state ~= 'on_sale' then
    return {state or 'gone'}
  end
  local early = opens and now < tonumber(opens)
  if early or (closes and now >= tonumber(closes)) then
    return {early and 'not_yet' or 'over', opens or '0', closes or '0'}
  end
end
