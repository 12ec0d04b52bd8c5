#!lua
--[[ Draw the next id of an event or an account.
  KEYS  1 {events}:next            counter   the last id drawn
  ARGV  1 '1' where the counter may be begun: its Redis was never prepared
  Outcomes, first that applies
        NO_COUNTER                 it is lost: from the beginning again, ids would be given twice
        DRAWN id
  Replay: natural (an id drawn in vain is skipped). ]]
if ARGV[1] ~= '1' and redis.call('EXISTS', KEYS[1]) == 0 then
  return {'NO_COUNTER'}
end

redis.call('INCR', KEYS[1])
return {'DRAWN', redis.call('GET', KEYS[1])}
