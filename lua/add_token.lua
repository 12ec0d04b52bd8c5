#!lua
--[[ Let an API token stand for a service. The token itself is never seen here, only its digest.
  KEYS  1 {users}:account:7        hash   the account
        2 {users}:account:7:tokens hash   digest of an API token → when it was made, ms
        3 {users}:tokens           hash   digest of an API token → account id
        4 {users}:journal          stream
  ARGV  1 account id   2 digest   3 tokens it may have
  Outcomes, first that applies
        NO_ACCOUNT
        WRONG_ROLE role            it is no service
        TOO_MANY max
        ADDED
  Replay: natural (a digest that is there stays as it is). ]]
--- @include "lib/digits"
--- @include "lib/now"
--- @include "lib/tell"
local id, digest, most = ARGV[1], ARGV[2], ARGV[3]
local role = redis.call('HGET', KEYS[1], 'role')
if not role then
  return {'NO_ACCOUNT'}
end
if role ~= 'service' then
  return {'WRONG_ROLE', role}
end
if redis.call('HGET', KEYS[2], digest) then
  return {'ADDED'}
end
if redis.call('HLEN', KEYS[2]) >= tonumber(most) then
  return {'TOO_MANY', most}
end

redis.call('HSET', KEYS[2], digest, digits(now_ms()))
redis.call('HSET', KEYS[3], digest, id)
tell(KEYS[4], 'token_added', id, '')
return {'ADDED'}
