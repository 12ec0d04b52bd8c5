-- A script for wrk: sends the requests of a file in their order and counts the answers by status.
--   wrk … -s requests.lua http://127.0.0.1:8000 -- FILE once|again PAUSE_MS
-- Every line of the file is a request: METHOD path body. "once" sends none of them twice: it says
-- `exhausted` when there was none left. Before each a connection rests for up to twice the pause.
-- The result is one line of JSON.

-- Globals of a thread are what `done` can read of it.
statuses, exhausted = {}, false

local requests, sent, once = {}, 0, false
local threads = {}

function setup(thread)
  threads[#threads + 1] = thread
end

-- A wrk that has a `delay` asks it before each request, so that there is none without a pause.
local function rest(pause_ms)
  if pause_ms > 0 then
    function delay()
      return math.random(0, 2 * pause_ms)
    end
  end
end

function init(args)
  once = args[2] == 'once'
  rest(tonumber(args[3]))
  for line in io.lines(args[1]) do
    local method, path, body = line:match('^(%S+) (%S+) ?(.*)$')
    local headers = {
      ['Authorization'] = wrk.headers['Authorization'],
      ['Content-Type'] = body ~= '' and 'application/json' or nil,
    }
    requests[#requests + 1] = wrk.format(method, path, headers, body ~= '' and body or nil)
  end
end

function request()
  sent = sent + 1
  if sent > #requests then
    exhausted = exhausted or once
    sent = 1
  end
  return requests[sent]
end

function response(status)
  statuses[status] = (statuses[status] or 0) + 1
end

local function object(fields)
  local members = {}
  for name, value in pairs(fields) do
    members[#members + 1] = ('"%s":%s'):format(name, value)
  end
  return '{' .. table.concat(members, ',') .. '}'
end

function done(summary, latency)
  local answered, ran_out = {}, false
  for _, thread in ipairs(threads) do
    ran_out = ran_out or thread:get('exhausted')
    for status, count in pairs(thread:get('statuses')) do
      answered[status] = (answered[status] or 0) + count
    end
  end
  local failed = summary.errors
  print(object({
    seconds = summary.duration / 1e6,
    statuses = object(answered),
    lost = failed.connect + failed.read + failed.write + failed.timeout,
    exhausted = tostring(ran_out),
    p50_ms = latency:percentile(50) / 1e3,
    p95_ms = latency:percentile(95) / 1e3,
    p99_ms = latency:percentile(99) / 1e3,
  }))
end
