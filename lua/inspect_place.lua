#!lua flags=no-writes
--[[ What a user has by a booking of one place, at one moment: for the audit.
  KEYS  1 {p07}:booking:7:42       hash   the booking
        2 {p07}:event:7:patrons    hash   user → their one place
        3 {p07}:event:7:waiting    zset   who waits for a place, in order
  ARGV  1 user, or '' for the booking's   2 booking number
  Outcomes
        INSPECTED the user's place, the booking's user, its stored status, its score in the line
          '' where there is none
  Replay: natural (it reads). ]]
local booking = redis.call('HMGET', KEYS[1], 'user', 'status')
local user = ARGV[1] ~= '' and ARGV[1] or booking[1] or ''
return {'INSPECTED', redis.call('HGET', KEYS[2], user) or '', booking[1] or '', booking[2] or '',
  redis.call('ZSCORE', KEYS[3], ARGV[2]) or ''}
