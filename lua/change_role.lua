#!lua
--[[ Give an account another role. What it proved itself with before no longer counts: its access
     tokens are of an older generation, its API tokens are taken back.
  KEYS  1 {users}:account:7        hash   the account
        2 {users}:account:7:tokens hash   digest of an API token → when it was made, ms
        3 {users}:tokens           hash   digest of an API token → account id
        4 {users}:journal          stream
  ARGV  1 account id   2 role
  Outcomes, first that applies
        NO_ACCOUNT
        UPDATED generation
  Replay: natural (a role it has already changes nothing). ]]
--- @include "lib/tell"
--- @include "lib/tokens"
--- @include "lib/version"
local id, role = ARGV[1], ARGV[2]
local account = redis.call('HMGET', KEYS[1], 'role', 'generation')
if not account[1] then
  return {'NO_ACCOUNT'}
end
if account[1] == role then
  return {'UPDATED', account[2]}
end
local generation = next_version(account[2])

redis.call('HSET', KEYS[1], 'role', role, 'generation', generation)
drop_tokens(KEYS[3], KEYS[2])
tell(KEYS[4], 'role_changed', id, role)
return {'UPDATED', generation}
