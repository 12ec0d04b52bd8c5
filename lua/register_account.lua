#!lua
--[[ Make an account under an id drawn for it, if its e-mail and its username are nobody's.
  KEYS  1 {users}:account:7        hash   the account
        2 {users}:emails           hash   e-mail as compared → account id
        3 {users}:usernames        hash   username as compared → account id
        4 {users}:journal          stream
  ARGV  1 account id   2 username   3 username as compared   4 e-mail   5 e-mail as compared
        6 role   7 password hash
  Outcomes, first that applies
        EMAIL_TAKEN · USERNAME_TAKEN
        REGISTERED created_ms, generation
  Replay: natural (an account that exists is given again). ]]
--- @include "lib/digits"
--- @include "lib/tell"
--- @include "lib/version"
local id, username, username_key, email, email_key = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local role, password = ARGV[6], ARGV[7]
local made = redis.call('HMGET', KEYS[1], 'created', 'generation')
if made[1] then
  return {'REGISTERED', made[1], made[2]}
end
if redis.call('HGET', KEYS[2], email_key) then
  return {'EMAIL_TAKEN'}
end
if redis.call('HGET', KEYS[3], username_key) then
  return {'USERNAME_TAKEN'}
end
local generation = next_version()
local created = digits(math.floor(generation / 1000))

redis.call('HSET', KEYS[1], 'username', username, 'username_key', username_key, 'email', email,
  'email_key', email_key, 'role', role, 'password', password, 'created', created,
  'generation', generation)
redis.call('HSET', KEYS[2], email_key, id)
redis.call('HSET', KEYS[3], username_key, id)
tell(KEYS[4], 'registered', id, role)
return {'REGISTERED', created, generation}
