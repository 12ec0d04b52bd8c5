--- @include "lib/digits"
--- @include "lib/journal"
--- @include "lib/oldest"
-- A payment that nothing can be sold for is kept where people see it, under the booking and the
-- payment that it names; `at` names the keys. about: 'amount:currency:status'. One that was kept
-- before changes nothing. HDEL goes first: it is allowed when memory is full.
-- Gives what had to go for it, 'number:payment', if anything: there are as many as there may be.
local UNMATCHED_MAX = 1000

local function keep_unmatched(at, event, number, user, payment, about, reason, now)
  local field = number .. ':' .. payment
  local kept = about .. ':' .. reason .. ':'
  local before = redis.call('HGET', at.unmatched, field)
  if before and string.sub(before, 1, #kept) == kept then
    return nil
  end
  local dropped = nil
  redis.call('HDEL', at.unmatched, field)
  if redis.call('HLEN', at.unmatched) >= UNMATCHED_MAX then
    local said
    dropped, said = oldest_unmatched(at.unmatched)
    redis.call('HDEL', at.unmatched, dropped)
    journal(at.journal, 'unmatched_dropped', event, string.match(dropped, '^%d*'), '', '',
      dropped .. ' ' .. said)
  end
  redis.call('HSET', at.unmatched, field, kept .. digits(now))
  -- Where money has come in, the event can be cancelled but not deleted. Who names no payment may
  -- say anything.
  if payment ~= '' and redis.call('EXISTS', at.event) == 1 then
    redis.call('HSETNX', at.event, 'payments', '1')
  end
  journal(at.journal, 'payment_unmatched', event, number, user, '',
    payment .. ' ' .. about .. ' ' .. reason)
  return dropped
end
