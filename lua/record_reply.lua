#!lua
--[[ Record what a request was answered under its Idempotency-Key, before anybody sees it.
  KEYS  1 {u:ann}:once:<key>       hash, TTL  fingerprint, by, reply
  ARGV  1 TTL ms   2 fingerprint of the request   3 token of this very call   4 the reply
  Outcomes, first that applies
        KEY_REUSED                 another request has the key by now
        REPLIED reply              another call of this request was answered before
        RECORDED
  Replay: natural (the token tells a call from others of the same request). ]]
local ttl_ms, fingerprint, token, reply = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local kept = redis.call('HMGET', KEYS[1], 'fingerprint', 'reply', 'by')
if kept[1] and kept[1] ~= fingerprint then
  return {'KEY_REUSED'}
end
if kept[2] then
  if kept[3] == token then
    return {'RECORDED'}
  end
  return {'REPLIED', kept[2]}
end

redis.call('HSET', KEYS[1], 'fingerprint', fingerprint, 'by', token, 'reply', reply)
redis.call('PEXPIRE', KEYS[1], ttl_ms)
return {'RECORDED'}
