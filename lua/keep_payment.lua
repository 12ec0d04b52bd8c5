#!lua flags=allow-oom
--[[ Write down what a gateway said of a payment of which nobody knows what it is for, and keep it
  where money may have come in.
  KEYS  1 {p07}:event:7            hash   the event, or that of number 0
        2 {p07}:event:7:unmatched  hash   payments that nothing could be sold for
        3 {p07}:journal            stream
        4 {p07}:once:<digest>      string, TTL  optional
  ARGV  1 once TTL ms   2 event id   3 booking number, '0' for none
        4 payment id, percent-encoded, or ''   5 'amount:currency:status', see confirm_booking
        6 why nothing can be sold   7 '1' to keep it
  Outcomes, first that applies
        NO_EVENT                   it is gone: the payment is to be kept as one of number 0
        UNMATCHED reason dropped   dropped: the oldest one kept, 'number:payment', where there were
                                   too many; absent otherwise
  Replay: once (a second run would write down again what is not kept). ]]
--- @include "lib/journal"
--- @include "lib/now"
--- @include "lib/once"
--- @include "lib/unmatched"
local event, number, payment, about, reason = ARGV[2], ARGV[3], ARGV[4], ARGV[5], ARGV[6]
local at = {event = KEYS[1], unmatched = KEYS[2], journal = KEYS[3]}

return once(KEYS[4], ARGV[1], function()
  if event ~= '0' and redis.call('EXISTS', at.event) == 0 then
    return {'NO_EVENT'}
  end
  if ARGV[7] == '1' then
    return {'UNMATCHED', reason,
      keep_unmatched(at, event, number, '', payment, about, reason, now_ms())}
  end
  redis.call('HDEL', at.unmatched, '')
  journal(at.journal, 'payment_unmatched', event, number, '', '',
    payment .. ' ' .. about .. ' ' .. reason)
  return {'UNMATCHED', reason}
end)
