#!lua flags=no-writes
--[[ An event's sums and how far its journal had come with them, at one moment: for the audit.
  KEYS  1 {p07}:event:7            hash   the event
        2 {p07}:journal            stream
  ARGV  none
  Outcomes, first that applies
        NO_EVENT
        INSPECTED revenue, confirmed bookings, last booking number, id of the last journal entry
          '' where there is none
  Replay: natural (it reads). ]]
local event = redis.call('HMGET', KEYS[1], 'version', 'revenue', 'confirmed', 'bookings')
if not event[1] then
  return {'NO_EVENT'}
end
local last = redis.call('XREVRANGE', KEYS[2], '+', '-', 'COUNT', 1)[1]
return {'INSPECTED', event[2] or '', event[3] or '', event[4] or '', last and last[1] or ''}
