#!lua
--[[ Bind an Idempotency-Key to the first request that used it, and to the id drawn for a creation;
  or give the reply that was recorded under it.
  KEYS  1 {u:ann}:once:<key>       hash, TTL  fingerprint, by, id, reply
  ARGV  1 TTL ms   2 fingerprint of the request   3 candidate id, or '' for none
        4 token of this very call
  Outcomes, first that applies
        KEY_REUSED                 another request used the key
        REPLIED reply              what this request was answered; only where no id is asked for
        RESERVED id                the first candidate given, or ''
  Replay: natural (the first candidate stays). ]]
local ttl_ms, fingerprint, candidate, token = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local kept = redis.call('HMGET', KEYS[1], 'fingerprint', 'reply')
local first = kept[1]
if first and first ~= fingerprint then
  return {'KEY_REUSED'}
end
if kept[2] and candidate == '' then
  return {'REPLIED', kept[2]}
end

if not first then
  redis.call('HSET', KEYS[1], 'fingerprint', fingerprint, 'by', token)
end
if candidate ~= '' then
  redis.call('HSETNX', KEYS[1], 'id', candidate)
end
local id = redis.call('HGET', KEYS[1], 'id') or ''
-- Last: if the time is over by now, Redis deletes the key, and a later write would stay for ever.
if not first then
  redis.call('PEXPIRE', KEYS[1], ttl_ms)
end
return {'RESERVED', id}
