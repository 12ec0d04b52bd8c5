#!lua
--[[ Give an account another password. Access tokens made before are of an older generation.
  KEYS  1 {users}:account:7        hash   the account
        2 {users}:journal          stream
  ARGV  1 account id   2 password hash
  Outcomes, first that applies
        NO_ACCOUNT
        UPDATED generation
  Replay: natural (the hash it has already changes nothing: no two calls have the same salt). ]]
--- @include "lib/tell"
--- @include "lib/version"
local id, password = ARGV[1], ARGV[2]
local account = redis.call('HMGET', KEYS[1], 'password', 'generation')
if not account[1] then
  return {'NO_ACCOUNT'}
end
if account[1] == password then
  return {'UPDATED', account[2]}
end
local generation = next_version(account[2])

redis.call('HSET', KEYS[1], 'password', password, 'generation', generation)
tell(KEYS[2], 'password_changed', id, '')
return {'UPDATED', generation}
