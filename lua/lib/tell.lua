--- @include "lib/journal"
-- Write down what became of an account, by its id alone: the journal outlives names and secrets.
local function tell(key, what, account, note)
  journal(key, what, '', '', 'a:' .. account, '', note)
end
