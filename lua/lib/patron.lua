-- The one place of a user in an event is text: the booking's number and what became of it,
-- '42:active', '42:waiting', '42:past'. It is of the user's newest booking of this kind.

-- Put down what became of a booking. Without a word for it nothing is left of it.
local function put_patron(patrons, user, number, became)
  local place = redis.call('HGET', patrons, user)
  if not place or string.match(place, '^%d+') ~= number then
    return
  end
  if became then
    redis.call('HSET', patrons, user, number .. ':' .. became)
  else
    redis.call('HDEL', patrons, user)
  end
end
