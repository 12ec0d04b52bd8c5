#!lua flags=allow-oom
--[[ Give a token back to the bucket it was taken out of: what it was taken for does not count.
  KEYS  1 {l:<digest>}             string, TTL  when it is full again, µs
  ARGV  1 µs in which a token comes back
  Outcomes
        REVOKED reset_us           until it is full again
  Replay: natural (a bucket gets no fuller than full; one token more lets in nobody but who has
     just been proven right). ]]
--- @include "lib/digits"
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local full = tonumber(redis.call('GET', KEYS[1]) or '0') - tonumber(ARGV[1])

redis.call('DEL', KEYS[1])
if full <= now then
  return {'REVOKED', '0'}
end
local ends_ms = digits(math.ceil(full / 1000))
redis.call('SET', KEYS[1], digits(full), 'PXAT', ends_ms)
return {'REVOKED', digits(full - now)}
