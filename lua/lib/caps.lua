-- Which cap keeps a user from having `seats` seats in the booking `number`: nil, or a refusal and
-- whether it is provisional: what lapsed bookings of the user have is free once those named in
-- LAPSED have been expired. caps is text, 'held_max=5,bought_max=8,open_max=3', and the first one
-- exceeded is named. bought_max counts what is held, too, as all of it may be bought. open_max
-- forbids opening, the others forbid more seats; beyond 1000 parts a share may not grow at all, so
-- that it stays quick to read.
local function over_cap(shares, deadlines, event, number, user, caps, seats, opening, now)
  local share = redis.call('HGET', shares, user) or ''
  local held, bought, open, listed = seats, 0, 1, false
  for part, mark, count in string.gmatch(share, '(%d+)([:=])(%d+)') do
    if part == number then
      listed = true
    elseif mark == '=' then
      bought = bought + tonumber(count)
    else
      held, open = held + tonumber(count), open + 1
    end
  end
  local grows = opening or (not listed and open > 1000)
  local used = {held_max = 0, bought_max = 0, open_max = grows and open or 0}
  if seats > 0 then
    used.held_max, used.bought_max = held, held + bought
  end
  for cap, max in string.gmatch(caps, '(%l+_max)=(%d+)') do
    if used[cap] > tonumber(max) then
      local lapsed = {}
      for part in string.gmatch(share, '(%d+):') do
        local ends = part ~= number and redis.call('ZSCORE', deadlines, event .. ':' .. part)
        if ends and tonumber(ends) < now then
          lapsed[#lapsed + 1] = part
        end
      end
      if #lapsed > 0 then
        return {'LAPSED', unpack(lapsed)}, true
      end
      return {'CAP_REACHED', cap, max}
    end
  end
end
