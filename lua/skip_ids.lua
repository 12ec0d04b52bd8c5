#!lua
--[[ Leave the first ids to those that have theirs already, if none was drawn yet: the demo events.
  KEYS  1 {events}:next            counter   the last id drawn
  ARGV  1 how many to leave out
  Outcomes, first that applies
        KEPT last                  ids were drawn, or left out, before
        DRAWN last
  Replay: natural (what was left out stays left out). ]]
local last = redis.call('GET', KEYS[1]) or '0'
if last ~= '0' then
  return {'KEPT', last}
end

redis.call('SET', KEYS[1], ARGV[1])
return {'DRAWN', ARGV[1]}
