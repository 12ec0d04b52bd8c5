#!lua flags=no-writes
--[[ All that says whose a seat is, at one moment: for the audit.
  KEYS  1 {p07}:event:7:taken      bitmap held or sold
        2 {p07}:event:7:sold       bitmap sold
        3 {p07}:event:7:holders    hash   seat index → booking number
        4 {p07}:booking:7:42       hash   the booking that the caller believes to hold it
        5 {p07}:journal            stream
  ARGV  1 seat index
  Outcomes
        INSPECTED taken, sold (0 or 1), holder, the booking's stored status, its seats, id of the
          last journal entry   '' where there is none
  Replay: natural (it reads). ]]
local booking = redis.call('HMGET', KEYS[4], 'status', 'seats')
local last = redis.call('XREVRANGE', KEYS[5], '+', '-', 'COUNT', 1)[1]
return {'INSPECTED', redis.call('GETBIT', KEYS[1], ARGV[1]), redis.call('GETBIT', KEYS[2], ARGV[1]),
  redis.call('HGET', KEYS[3], ARGV[1]) or '', booking[1] or '', booking[2] or '',
  last and last[1] or ''}
