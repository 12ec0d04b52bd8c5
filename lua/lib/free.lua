-- Give seats back to everybody. HDEL goes first: it is allowed when memory is full.
local function free_seats(taken_key, holders_key, indexes)
  if #indexes == 0 then
    return
  end
  redis.call('HDEL', holders_key, unpack(indexes))
  for _, index in ipairs(indexes) do
    redis.call('SETBIT', taken_key, index, 0)
  end
end
