#!lua
--[[ Take a token out of a bucket, which is full at first and regains one token every so often.
  KEYS  1 {l:<digest>}             string, TTL  when it is full again, µs
  ARGV  1 tokens of a full bucket   2 µs in which one comes back
  Outcomes, first that applies
        LIMITED retry_after_us reset_us     the bucket is empty
        TAKEN remaining reset_us            until it is full again
  Replay: natural (a token taken in vain comes back; to keep a reply would cost more than it). ]]
--- @include "lib/digits"
local tokens, interval = tonumber(ARGV[1]), tonumber(ARGV[2])
local capacity = tokens * interval
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local full = tonumber(redis.call('GET', KEYS[1]) or '0')
-- No bucket takes longer to fill than an empty one, unless the clock was set back: begin anew.
if full < now or full > now + capacity then
  full = now
end
local missing = full - now + interval
if missing > capacity then
  return {'LIMITED', digits(missing - capacity), digits(full - now)}
end

local ends_ms = digits(math.ceil((now + missing) / 1000))
redis.call('SET', KEYS[1], digits(now + missing), 'PXAT', ends_ms)
return {'TAKEN', digits(math.floor((capacity - missing) / interval)), digits(missing)}
