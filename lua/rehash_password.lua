#!lua
--[[ Keep the same password under a stronger hash. Nothing that proves who asks becomes void.
  KEYS  1 {users}:account:7        hash   the account
        2 {users}:journal          stream
  ARGV  1 account id   2 the hash it has   3 the hash it gets
  Outcomes, first that applies
        KEPT                       it is gone, or has another hash by now
        UPDATED generation         the one it had
  Replay: natural (the hash is another then). ]]
--- @include "lib/tell"
local id, old, new = ARGV[1], ARGV[2], ARGV[3]
local account = redis.call('HMGET', KEYS[1], 'password', 'generation')
if account[1] ~= old then
  return {'KEPT'}
end

redis.call('HSET', KEYS[1], 'password', new)
tell(KEYS[2], 'rehashed', id, '')
return {'UPDATED', account[2]}
