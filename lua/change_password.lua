#!lua
--[[ Give an account another password. What it proved itself with before no longer counts: its
     access tokens are of an older generation, its API tokens are taken back.
  KEYS  1 {users}:account:7        hash   the account
        2 {users}:account:7:tokens hash   digest of an API token → when it was made, ms
        3 {users}:tokens           hash   digest of an API token → account id
        4 {users}:journal          stream
  ARGV  1 account id   2 password hash   3 the generation whose password was proven, '' for none
  Outcomes, first that applies
        NO_ACCOUNT
        KEPT                       it has another password or role by now than was proven
        UPDATED generation
  Replay: natural (the hash it has already changes nothing: no two calls have the same salt). ]]
--- @include "lib/tell"
--- @include "lib/tokens"
--- @include "lib/version"
local id, password, proven = ARGV[1], ARGV[2], ARGV[3]
local account = redis.call('HMGET', KEYS[1], 'password', 'generation')
if not account[1] then
  return {'NO_ACCOUNT'}
end
if account[1] == password then
  return {'UPDATED', account[2]}
end
if proven ~= '' and proven ~= account[2] then
  return {'KEPT'}
end
local generation = next_version(account[2])

redis.call('HSET', KEYS[1], 'password', password, 'generation', generation)
drop_tokens(KEYS[3], KEYS[2])
tell(KEYS[4], 'password_changed', id, '')
return {'UPDATED', generation}
