-- Which of the wanted seats can be had? KEYS of taken, holders and deadlines; wanted is a list
-- index, price, index, price … Gives the free ones as 'index:price' (without repetitions and those
-- the booking holds already), or nil, a refusal, and whether that refusal is provisional: seats of
-- lapsed holds are free once the holders named in LAPSED have been expired. The first seat that
-- cannot be had decides; LAPSED only when nothing else stands in the way. Seats that are free are
-- theirs who wait (line, see lib/line).
local function find_free(taken, holders, deadlines, event, number, bits, line, wanted, now)
  local free, lapsed, asked, named = {}, {}, {}, {}
  for position = 1, #wanted, 2 do
    local index = wanted[position]
    if tonumber(index) >= bits then
      return nil, {'NO_SEAT', index}
    end
    if redis.call('GETBIT', taken, index) == 0 then
      if line and (line == 'all' or wanted[position + 1] == '0') then
        return nil, {'SEAT_TAKEN', index, '0'}
      end
      if not asked[index] then
        free[#free + 1] = index .. ':' .. wanted[position + 1]
        asked[index] = true
      end
    else
      local holder = redis.call('HGET', holders, index)
      if holder ~= number then
        local ends = holder and redis.call('ZSCORE', deadlines, event .. ':' .. holder)
        if not ends or tonumber(ends) >= now then
          return nil, {'SEAT_TAKEN', index, ends or '0'}
        end
        if not named[holder] then
          lapsed[#lapsed + 1] = holder
          named[holder] = true
        end
      end
    end
  end
  if #lapsed > 0 then
    return nil, {'LAPSED', unpack(lapsed)}, true
  end
  return free
end
