#!lua flags=no-writes
--[[ What a user has of an event by one of their bookings, at one moment: for the audit.
  KEYS  1 {p07}:event:7            hash   the event
        2 {p07}:booking:7:42       hash   the booking
        3 {p07}:event:7:shares     hash   user → what they have of it, where there are caps
  ARGV  1 user
  Outcomes
        INSPECTED caps, last number not counted yet, the user's share, and of the booking: its user,
          stored status, seats, whether it counts   '' where there is none
  Replay: natural (it reads). ]]
local event = redis.call('HMGET', KEYS[1], 'caps', 'uncounted')
local booking = redis.call('HMGET', KEYS[2], 'user', 'status', 'seats', 'counted')
return {'INSPECTED', event[1] or '', event[2] or '', redis.call('HGET', KEYS[3], ARGV[1]) or '',
  booking[1] or '', booking[2] or '', booking[3] or '', booking[4] or ''}
