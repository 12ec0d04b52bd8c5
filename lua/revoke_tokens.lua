#!lua flags=allow-oom
--[[ Take all API tokens of an account back.
  KEYS  1 {users}:account:7:tokens hash   digest of an API token → when it was made, ms
        2 {users}:tokens           hash   digest of an API token → account id
        3 {users}:journal          stream
  ARGV  1 account id
  Outcomes
        REVOKED count              '0' when it had none
  Replay: natural (what is gone stays gone). ]]
--- @include "lib/digits"
--- @include "lib/tell"
--- @include "lib/tokens"
local id = ARGV[1]

local count = drop_tokens(KEYS[2], KEYS[1])
if count > 0 then
  tell(KEYS[3], 'tokens_revoked', id, digits(count))
end
return {'REVOKED', digits(count)}
