#!lua flags=allow-oom
--[[ The money has gone back: mark what is due of a booking as done. A payment that is kept as
  unmatched goes from there.
  KEYS  1 {p07}:event:7            hash   the event
        2 {p07}:booking:7:42       hash   the booking
        3 {p07}:hold:7:42          string, TTL  its hold
        4 {p07}:ended              zset   when ended bookings are forgotten
        5 {p07}:event:7:refunds    zset   bookings whose refund is due
        6 {p07}:journal            stream
        7 {p07}:event:7:unmatched  hash   payments that nothing could be sold for
        8 {p07}:once:<digest>      string, TTL  optional
  ARGV  1 once TTL ms   2 organizer, or '' when whoever asks may   3 event id   4 booking number
        5 payment id, percent-encoded, '*' for all that are due   6 reference, percent-encoded
        7 ms to keep an ended booking
  Outcomes, first that applies
        NO_EVENT · NO_BOOKING      unless such a payment is kept all the same
        NOT_YOURS
        NO_REFUND                  nothing is due, nor ever was
        SETTLED amount mark        '0' where it was done before, or nobody knows how much it was; the
                                   mark 'refund' as it is by now, '' for none
  Replay: natural (what is done stays done). ]]
--- @include "lib/booking"
--- @include "lib/digits"
--- @include "lib/journal"
--- @include "lib/now"
--- @include "lib/once"
--- @include "lib/refunds"
local user, event, number, payment, reference = ARGV[2], ARGV[3], ARGV[4], ARGV[5], ARGV[6]

return once(KEYS[8], ARGV[1], function()
  local field = number .. ':' .. payment
  local stray = redis.call('HGET', KEYS[7], field)
  local plan = redis.call('HMGET', KEYS[1], 'version', 'organizer')
  if not plan[1] and not stray then
    return {'NO_EVENT'}
  end
  local booking = read_booking(KEYS[2], KEYS[3])
  if not booking and not stray then
    return {'NO_BOOKING'}
  end
  if user ~= '' and plan[2] ~= user then
    return {'NOT_YOURS'}
  end
  if stray then
    local amount = string.match(stray, '^%d+') or '0'
    redis.call('HDEL', KEYS[7], field)
    journal(KEYS[6], 'unmatched_settled', event, number, booking and booking.user or '', '',
      amount .. ' ' .. payment .. ' ' .. reference)
    return {'SETTLED', amount, booking and booking.refund or ''}
  end
  -- Who names a payment that nobody knows by its id means the one without.
  local wanted = has_refund(booking.refunds, payment) and payment or payment ~= '*' and '' or '*'
  local parts, done, found, left = {}, {}, false, false
  for part in string.gmatch(booking.refunds, '[^,]+') do
    local id, amount, reason, state = string.match(part, '^([^:]*):(%d+):([^:]*):(%l+):')
    local meant = wanted == '*' or id == wanted
    found = found or meant
    if meant and state == 'due' then
      part = id .. ':' .. amount .. ':' .. reason .. ':done:' .. reference
      done[#done + 1] = {id, amount}
    elseif state == 'due' then
      left = true
    end
    parts[#parts + 1] = part
  end
  if not found then
    return {'NO_REFUND'}
  end
  if #done == 0 then
    return {'SETTLED', '0', booking.refund}
  end
  local now, settled = now_ms(), 0
  local ended = booking.stored == 'cancelled' or booking.stored == 'expired'

  if not left then
    redis.call('ZREM', KEYS[5], number)
  end
  redis.call('HDEL', KEYS[2], 'refund')
  redis.call('HSET', KEYS[2], 'refund', left and 'due' or 'done', 'updated', digits(now),
    'payments', booking.payments, 'refunds', table.concat(parts, ','))
  if ended and not left then
    redis.call('ZADD', KEYS[4], digits(now + tonumber(ARGV[7])), event .. ':' .. number)
  end
  for _, each in ipairs(done) do
    settled = settled + tonumber(each[2])
    journal(KEYS[6], 'refund_settled', event, number, booking.user, '',
      each[2] .. ' ' .. each[1] .. ' ' .. reference)
  end
  return {'SETTLED', digits(settled), left and 'due' or 'done'}
end)
