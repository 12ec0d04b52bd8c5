#!lua flags=no-writes
--[[ Read what a user has by a booking of one place.
  KEYS  1 {p07}:booking:7:42       hash   the booking
        2 {p07}:event:7:waiting    zset   who waits for a place, in order
  ARGV  1 booking number
  Outcomes, first that applies
        NO_BOOKING
        CONFIRMED · WAITING · CANCELLED
          number, position ('0' when not waiting), created_ms, updated_ms
  Replay: natural (it reads). ]]
--- @include "lib/standing"
return standing_of(KEYS[1], KEYS[2], ARGV[1]) or {'NO_BOOKING'}
