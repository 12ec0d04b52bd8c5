#!lua
--[[ Keep a refusal that needed no look at any state, so that it too is given again unchanged.
  KEYS  1 {p07}:once:<digest>      string, TTL
  ARGV  1 once TTL ms   2.. the refusal
  Outcomes
        the refusal given, or whatever reply the key recorded first
  Replay: once. ]]
--- @include "lib/once"
return once(KEYS[1], ARGV[1], function()
  return {unpack(ARGV, 2)}
end)
