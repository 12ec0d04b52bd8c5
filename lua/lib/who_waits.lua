-- Whose an event's free seats are, by its fields: 'all' of them the line's, or those that cost
-- nothing, 'free', or none of them, nil. Older versions let everybody in the line have any place.
local function who_waits(waiting, waiting_free)
  if not waiting then
    return nil
  end
  return tonumber(waiting) > tonumber(waiting_free or '0') and 'all' or 'free'
end
