#!lua flags=allow-oom
--[[ A payment succeeded: sell the booking's seats, or say that the money must go back.
  A booking that lapsed after its payment began takes its seats back if all of them are free and
  nobody waits, still seats of the event and within its caps. A second payment is due back. It runs
  when memory is full, too: what was paid for is written down.
  KEYS  1 {p07}:event:7            hash   the event
        2 {p07}:event:7:taken      bitmap held or sold
        3 {p07}:event:7:sold       bitmap sold
        4 {p07}:event:7:holders    hash   seat index → booking number
        5 {p07}:booking:7:42       hash   the booking
        6 {p07}:hold:7:42          string, TTL  its hold
        7 {p07}:deadlines          zset   when holds end
        8 {p07}:ended              zset   when ended bookings are forgotten
        9 {p07}:journal            stream
       10 {p07}:event:7:shares     hash   user → what they have of it, where there are caps
       11 {p07}:event:7:refunds    zset   bookings whose refund is due
       12 {p07}:event:7:unmatched  hash   payments that nothing could be sold for
       13 {p07}:once:<digest>      string, TTL  optional
  ARGV  1 once TTL ms   2 event id   3 booking number   4 payment id, percent-encoded, or ''
        5 minor units paid, '' where that is not said   6 their currency, '' where it is ours
        7 status in the gateway's words, percent-encoded
  Outcomes, first that applies
        NO_EVENT · NO_BOOKING
        CONFIRMED · REFUND_DUE · CANCELLED
                                   this payment was known before
        NOT_INITIATED dropped      no payment ever began, as of a place: it is kept, and may
                                   settle it later; dropped: see lib/unmatched, absent for none
        UNMATCHED reason dropped   amount, currency or too_many: it confirms nothing, and is kept
        REFUND_DUE                 it was paid before: this payment is due back
        CALLED_OFF booking number  the event is cancelled: the booking must be ended first
        LAPSED holders             its seats are held by bookings that have lapsed themselves
        CANCELLED                  ended, and it cost nothing
        REFUND_DUE                 ended, and it cannot have its seats back
        CONFIRMED
  Replay: natural (a payment that is known changes nothing; another sum is noted). ]]
--- @include "lib/booking"
--- @include "lib/caps"
--- @include "lib/digits"
--- @include "lib/find"
--- @include "lib/journal"
--- @include "lib/now"
--- @include "lib/once"
--- @include "lib/owe"
--- @include "lib/record"
--- @include "lib/seat_gone"
--- @include "lib/seats"
--- @include "lib/settled"
--- @include "lib/share"
--- @include "lib/take"
--- @include "lib/unmatched"
--- @include "lib/who_waits"
local event, number, payment, amount = ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local about = amount .. ':' .. ARGV[6] .. ':' .. ARGV[7]
local at = {
  event = KEYS[1], booking = KEYS[5], ended = KEYS[8], journal = KEYS[9], refunds = KEYS[11],
  unmatched = KEYS[12],
}

return once(KEYS[13], ARGV[1], function()
  local plan = redis.call('HMGET', KEYS[1], 'bits', 'state', 'caps', 'gone', 'waiting',
    'waiting_free')
  if not plan[1] then
    return {'NO_EVENT'}
  end
  local booking = read_booking(KEYS[5], KEYS[6])
  if not booking then
    return {'NO_BOOKING'}
  end
  local known = settled(at, event, number, booking, payment, amount, about)
  if known then
    return known
  end
  local now = now_ms()
  local again = booking.payments ~= ''
  if not booking.amount or not booking.armed then  -- A place never is, whatever became of it.
    return {'NOT_INITIATED', keep_unmatched(at, event, number, booking.user, payment, about,
      'not_initiated', now)}, true
  end
  local reason = misfit(booking, again, amount, ARGV[6])
  if reason then
    return {'UNMATCHED', reason,
      keep_unmatched(at, event, number, booking.user, payment, about, reason, now)}
  end
  local paid = amount ~= '' and amount or booking.amount
  if again then
    record_payment(at, event, number, booking, payment, paid)
    if paid == '0' then
      return {booking.stored == 'confirmed' and 'CONFIRMED' or 'CANCELLED'}
    end
    owe(at, event, number, booking, payment, paid, 'paid_twice', now)
    return {'REFUND_DUE'}
  end
  local called_off = plan[2] == 'cancelling' or plan[2] == 'cancelled'
  if called_off and booking.unfinished then
    return {'CALLED_OFF', number}, true
  end
  local seats, free = booking.seats, {}
  local owed = called_off and 'event_cancelled'
    or booking.stored == 'cancelled' and 'cancelled'
  if not owed and booking.stored == 'expired' then
    seats = booking.released
    local wanted, refusal, provisional = {}, nil, nil
    for index, price in string.gmatch(seats, '(%d+):(%d+)') do
      wanted[#wanted + 1] = index
      wanted[#wanted + 1] = price
      owed = owed or is_gone(plan[4] or '', index) and 'expired'
    end
    free, refusal, provisional = find_free(KEYS[2], KEYS[4], KEYS[7], event, number,
      tonumber(plan[1]), who_waits(plan[5], plan[6]), wanted, now)
    if not refusal and plan[3] then
      refusal, provisional =
        over_cap(KEYS[10], KEYS[7], event, number, booking.user, plan[3], #free, false, now)
    end
    if provisional and not owed then
      return refusal, true
    end
    owed = owed or refusal and 'expired'
  end

  if owed and paid == '0' then
    return {'CANCELLED'}
  end
  local id = record_payment(at, event, number, booking, payment, paid)
  if owed then
    owe(at, event, number, booking, id, paid, owed, now)
    return {'REFUND_DUE'}
  end
  redis.call('ZREM', KEYS[7], event .. ':' .. number)
  redis.call('ZREM', at.ended, event .. ':' .. number)
  redis.call('DEL', KEYS[6])
  if #free > 0 then
    take_seats(KEYS[2], KEYS[4], number, free)
  end
  local indexes = indexes_of(seats)
  for _, index in ipairs(indexes) do
    redis.call('SETBIT', KEYS[3], index, 1)
  end
  redis.call('HSET', at.booking, 'status', 'confirmed', 'seats', seats, 'updated', digits(now))
  redis.call('HDEL', at.booking, 'released', 'expires')
  -- What is sold counts only where there is a cap on it: a share stays short.
  local limited = plan[3] and string.find(plan[3], 'bought_max', 1, true)
  if limited or booking.counted then
    redis.call('HSET', at.booking, 'counted', '1')
    put_share(KEYS[10], booking.user, number, limited and '=', #indexes)
  end
  redis.call('HINCRBY', at.event, 'revenue', booking.amount)
  redis.call('HINCRBY', at.event, 'confirmed', 1)
  journal(at.journal, 'confirmed', event, number, booking.user, seats, booking.amount)
  return {'CONFIRMED'}
end)
