#!lua flags=allow-oom
--[[ Let an Idempotency-Key go again that a call has bound and that came to nothing.
  KEYS  1 {u:ann}:once:<key>       hash, TTL  fingerprint, by, reply
  ARGV  1 token of the call
  Outcomes, first that applies
        KEPT                       another call has bound it, or a reply is recorded
        FORGOTTEN
  Replay: natural (what is gone stays gone). ]]
local kept = redis.call('HMGET', KEYS[1], 'by', 'reply')
if kept[1] ~= ARGV[1] or kept[2] then
  return {'KEPT'}
end

redis.call('DEL', KEYS[1])
return {'FORGOTTEN'}
