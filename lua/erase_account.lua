#!lua flags=allow-oom
--[[ Remove an account and all that says who it was. Its names are free; its bookings stay under
     its id, which is never given to anybody else.
  KEYS  1 {users}:account:7        hash   the account
        2 {users}:account:7:tokens hash   digest of an API token → when it was made, ms
        3 {users}:emails           hash   e-mail as compared → account id
        4 {users}:usernames        hash   username as compared → account id
        5 {users}:tokens           hash   digest of an API token → account id
        6 {users}:journal          stream
        7 {users}:account:7:addresses zset, TTL  digest of an address → when it was proven, ms
  ARGV  1 account id
  Outcomes, first that applies
        NO_ACCOUNT
        ERASED
  Replay: natural (what is gone stays gone). ]]
--- @include "lib/tell"
--- @include "lib/tokens"
local id = ARGV[1]
local account = redis.call('HMGET', KEYS[1], 'email_key', 'username_key')
if not account[1] then
  return {'NO_ACCOUNT'}
end

redis.call('HDEL', KEYS[3], account[1])
redis.call('HDEL', KEYS[4], account[2])
drop_tokens(KEYS[5], KEYS[2])
redis.call('DEL', KEYS[1], KEYS[7])
tell(KEYS[6], 'erased', id, '')
return {'ERASED'}
