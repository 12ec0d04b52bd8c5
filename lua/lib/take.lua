-- Which of the wanted seats can be had? KEYS of taken, holders and deadlines; wanted is a list
-- index, price, index, price … Gives the free ones as 'index:price' (without repetitions and those
-- the booking holds already), or nil, a refusal, and whether that refusal is provisional: seats of
-- lapsed holds are free once the holders named in LAPSED have been expired. The first seat that
-- cannot be had decides; LAPSED only when nothing else stands in the way.
local function find_free(taken, holders, deadlines, event, number, bits, wanted, now)
  local free, lapsed, asked, named = {}, {}, {}, {}
  for position = 1, #wanted, 2 do
    local index = wanted[position]
    if tonumber(index) >= bits then
      return nil, {'NO_SEAT', index}
    end
    if redis.call('GETBIT', taken, index) == 0 then
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

-- Take the free seats for the booking.
local function take_seats(taken, holders, number, free)
  local pairs_of = {}
  for _, seat in ipairs(free) do
    local index = string.match(seat, '^%d+')
    redis.call('SETBIT', taken, index, 1)
    pairs_of[#pairs_of + 1] = index
    pairs_of[#pairs_of + 1] = number
  end
  redis.call('HSET', holders, unpack(pairs_of))
end
