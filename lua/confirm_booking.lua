#!lua flags=allow-oom
--[[ A payment succeeded: sell the booking's seats, or say that the money must go back.
  A booking that lapsed after its payment began takes its seats back if all of them are free and
  nobody waits, still seats of the event and within its caps. It runs when memory is full, too: what was paid for is
  written down.
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
       11 {p07}:once:<digest>      string, TTL  optional
  ARGV  1 once TTL ms   2 event id   3 booking number
  Outcomes, first that applies
        NO_EVENT · NO_BOOKING
        NOT_INITIATED              no payment ever began: nothing changes
        CALLED_OFF booking number  the event is cancelled: the booking must be ended first
        LAPSED holders             its seats are held by bookings that have lapsed themselves
        REFUND_DUE                 ended, and it cannot have its seats back
        CONFIRMED
  Replay: natural (confirmed stays confirmed, a refund that is due stays due). ]]
--- @include "lib/booking"
--- @include "lib/caps"
--- @include "lib/digits"
--- @include "lib/find"
--- @include "lib/journal"
--- @include "lib/now"
--- @include "lib/once"
--- @include "lib/seats"
--- @include "lib/share"
--- @include "lib/take"
local event, number = ARGV[2], ARGV[3]

-- Whether a seat is one of those that the event no longer has: 'first-last,first-last'.
local function is_gone(gone, index)
  for first, last in string.gmatch(gone, '(%d+)-(%d+)') do
    if tonumber(index) >= tonumber(first) and tonumber(index) <= tonumber(last) then
      return true
    end
  end
  return false
end

return once(KEYS[11], ARGV[1], function()
  local plan = redis.call('HMGET', KEYS[1], 'bits', 'state', 'caps', 'gone', 'waiting')
  if not plan[1] then
    return {'NO_EVENT'}
  end
  local booking = read_booking(KEYS[5], KEYS[6])
  if not booking then
    return {'NO_BOOKING'}
  end
  if booking.stored == 'confirmed' then
    return {'CONFIRMED'}
  end
  if booking.refund then
    return {'REFUND_DUE'}
  end
  if not booking.amount then
    return {'NOT_INITIATED'}
  end
  local called_off = plan[2] == 'cancelling' or plan[2] == 'cancelled'
  if called_off and booking.unfinished then
    return {'CALLED_OFF', number}, true
  end
  local now = now_ms()
  local seats, free = booking.seats, {}
  local owed = called_off or booking.stored == 'cancelled'
  if not owed and booking.stored == 'expired' then
    seats = booking.released
    local wanted, refusal, provisional = {}, nil, nil
    for index, price in string.gmatch(seats, '(%d+):(%d+)') do
      wanted[#wanted + 1] = index
      wanted[#wanted + 1] = price
      owed = owed or is_gone(plan[4] or '', index)
    end
    free, refusal, provisional = find_free(KEYS[2], KEYS[4], KEYS[7], event, number,
      tonumber(plan[1]), plan[5], wanted, now)
    if not refusal and plan[3] then
      refusal, provisional =
        over_cap(KEYS[10], KEYS[7], event, number, booking.user, plan[3], #free, false, now)
    end
    if provisional and not owed then
      return refusal, true
    end
    owed = owed or refusal ~= nil
  end

  if owed then
    redis.call('ZREM', KEYS[8], event .. ':' .. number)
    redis.call('HSET', KEYS[5], 'refund', 'due', 'updated', digits(now))
    journal(KEYS[9], 'refund_due', event, number, booking.user, '', booking.amount)
    return {'REFUND_DUE'}
  end
  redis.call('ZREM', KEYS[7], event .. ':' .. number)
  redis.call('ZREM', KEYS[8], event .. ':' .. number)
  redis.call('DEL', KEYS[6])
  if #free > 0 then
    take_seats(KEYS[2], KEYS[4], number, free)
  end
  local indexes = indexes_of(seats)
  for _, index in ipairs(indexes) do
    redis.call('SETBIT', KEYS[3], index, 1)
  end
  redis.call('HSET', KEYS[5], 'status', 'confirmed', 'seats', seats, 'updated', digits(now))
  redis.call('HDEL', KEYS[5], 'released', 'expires')
  -- What is sold counts only where there is a cap on it: a share stays short.
  local limited = plan[3] and string.find(plan[3], 'bought_max', 1, true)
  if limited or booking.counted then
    redis.call('HSET', KEYS[5], 'counted', '1')
    put_share(KEYS[10], booking.user, number, limited and '=', #indexes)
  end
  redis.call('HINCRBY', KEYS[1], 'revenue', booking.amount)
  redis.call('HINCRBY', KEYS[1], 'confirmed', 1)
  journal(KEYS[9], 'confirmed', event, number, booking.user, seats, booking.amount)
  return {'CONFIRMED'}
end)
