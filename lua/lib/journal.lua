-- Write down what happened. Every entry has the same fields, so that the stream packs them well;
-- seats are 'index:price,…' where prices matter, indexes alone otherwise.
local function journal(key, what, event, booking, user, seats, note)
  redis.call('XADD', key, '*', 'what', what, 'event', event, 'booking', booking,
    'user', user, 'seats', seats, 'note', note)
end
