-- Take all API tokens of an account back; how many there were.
local function drop_tokens(tokens, own)
  local digests = redis.call('HKEYS', own)
  if #digests > 0 then
    redis.call('HDEL', tokens, unpack(digests))
    redis.call('DEL', own)
  end
  return #digests
end
