-- Until when what is confirmed can be given back, ms; nil where that has no end.
local function last_moment(starts_at, cancel_before_ms)
  return starts_at and starts_at - (cancel_before_ms or 0) or nil
end
