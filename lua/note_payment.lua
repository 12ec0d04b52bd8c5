#!lua
--[[ Write down what a payment gateway said of a booking, where it changes nothing.
  KEYS  1 {p07}:booking:7:42       hash   the booking
        2 {p07}:journal            stream
        3 {p07}:once:<digest>      string, TTL
  ARGV  1 once TTL ms   2 event id   3 booking number   4 what it said
  Outcomes, first that applies
        NO_BOOKING
        NOTED
  Replay: once (a second run would write a second entry). ]]
--- @include "lib/journal"
--- @include "lib/once"
local event, number, note = ARGV[2], ARGV[3], ARGV[4]

return once(KEYS[3], ARGV[1], function()
  local user = redis.call('HGET', KEYS[1], 'user')
  if not user then
    return {'NO_BOOKING'}
  end

  journal(KEYS[2], 'payment_note', event, number, user, '', note)
  return {'NOTED'}
end)
