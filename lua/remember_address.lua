#!lua
--[[ Remember that an account was proven from an address, in place of the one it was proven from
     longest ago where there are too many.
  KEYS  1 {users}:account:7           hash   the account
        2 {users}:account:7:addresses zset, TTL  digest of an address → when it was proven, ms
  ARGV  1 digest of the address   2 addresses it may have   3 how long they are kept, ms
  Outcomes, first that applies
        NO_ACCOUNT
        ADDED
  Replay: natural (an address that is there is there). ]]
--- @include "lib/digits"
--- @include "lib/now"
local address, most, keep_ms = ARGV[1], tonumber(ARGV[2]), ARGV[3]
if redis.call('EXISTS', KEYS[1]) == 0 then
  return {'NO_ACCOUNT'}
end

redis.call('ZADD', KEYS[2], digits(now_ms()), address)
redis.call('ZREMRANGEBYRANK', KEYS[2], 0, -1 - most)
redis.call('PEXPIRE', KEYS[2], keep_ms)
return {'ADDED'}
