"""The mutants of scripts: what is taken out, and that nothing else is touched."""

from bench.torture.equivalent import EQUIVALENT
from bench.torture.mutation import every_mutant, mutants_of

SCRIPT = """\
local seats = redis.call('HGET', KEYS[1], 'seats')
if not seats then
  return {'NONE'}
end
if seats == ''
  and full then
  return {'EMPTY',
    seats}
end
for _, seat in ipairs(seats) do
  redis.call('SETBIT', KEYS[2], seat, 0)
end
if late then
  redis.call('SET', KEYS[3], ARGV[1], 'PX', ttl_ms)
elseif early then
  return {'EARLY'}
else
  journal(KEYS[4], (late))
end
return {'DONE',
  redis.call('GET', KEYS[3]), redis.call('EXISTS', KEYS[3])}
"""


def test_each_guard_write_and_expiry_is_deleted() -> None:
    mutants = list(mutants_of("x", SCRIPT))
    assert [(mutant.line, mutant.gone) for mutant in mutants] == [
        (2, "if not seats then return {'NONE'} end"),
        (5, "if seats == '' and full then return {'EMPTY', seats} end"),
        (11, "redis.call('SETBIT', KEYS[2], seat, 0)"),
        (13, "if late then (always true)"),
        (13, "if late then (always false)"),
        (14, "redis.call('SET', KEYS[3], ARGV[1], 'PX', ttl_ms)"),
        (14, ", 'PX', ttl_ms"),
        (15, "elseif early then (always true)"),
        (15, "elseif early then (always false)"),
        (18, "journal(KEYS[4], (late))"),
    ]
    lines = SCRIPT.splitlines(keepends=True)
    assert mutants[0].text == "".join([lines[0], *lines[4:]])
    assert mutants[1].text == "".join([*lines[:4], *lines[9:]])
    assert mutants[4].text == SCRIPT.replace("if late", "if false")
    assert mutants[5].text == "".join([*lines[:13], *lines[14:]])
    assert mutants[6].text == SCRIPT.replace(", 'PX', ttl_ms", "")
    assert mutants[7].text == SCRIPT.replace("elseif early", "elseif true")


def test_what_is_called_equivalent_is_there() -> None:
    named = [(mutant.script, mutant.gone) for mutant in every_mutant()]
    assert [each for each in EQUIVALENT if named.count(each) != 1] == []
    assert len(named) > 150
