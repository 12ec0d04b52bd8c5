-- Milliseconds since 1970 by the server's clock. Call it once in a script: the clock moves on
-- while the script runs, key expiry does not.
local function now_ms()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end
