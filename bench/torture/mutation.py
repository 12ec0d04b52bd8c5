"""Row 19: each guard, write and expiry of each script deleted in turn; do the tests notice?

A mutant is the tree with one piece taken out of one file under lua/. It is killed when a test
under tests/lua fails. The fast tests on fakeredis go first; who survives them meets real servers.
"""

import asyncio
import os
import re
import shutil
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bench.torture.equivalent import EQUIVALENT
from bench.torture.run import Figure, Run, Torture

ROOT: Final = Path(__file__).parents[2]
COPIED: Final = ("billetter", "lua", "tests", "pyproject.toml")
TREES: Final = 2
"""Copies of the tree, each with its own pytest at work."""
ALL_TESTS: Final = "tests/lua"
QUICK: Final = 25
TESTS_S_MAX: Final = 300.0
"""Seconds after which the tests of a mutant hang; that they notice, too."""

_HELPERS: Final = (
    *("journal", "free_seats", "take_seats", "put_share", "tell", "drop_tokens"),
    *("unsell", "put_patron", "call_line", "count_line", "leave_line", "join_line"),
    *("keep_gone", "owe", "record_payment", "name_payment", "keep_unmatched"),
)
"""Snippets that write, called as statements."""
_WRITES: Final = (
    *("DEL", "HDEL", "HINCRBY", "HSET", "HSETNX", "INCR", "PEXPIRE", "SET", "SETBIT"),
    *("SADD", "SREM", "XADD", "ZADD", "ZREM", "ZREMRANGEBYRANK"),
)
_STATEMENT = re.compile(
    rf"^ *(?:redis\.call\('(?:{'|'.join(_WRITES)})'|(?:{'|'.join(_HELPERS)})\()"
)
_EXPIRY = re.compile(r", '(?:PX|PXAT)', \w+")
_PROBE: Final = "from billetter.engine.scripts import directory; print(directory())"


@dataclass(frozen=True, slots=True)
class Mutant:
    """A script or snippet (`claim_seats`, `lib/once`) with a piece taken out.

    gone: that piece on one line; text: what is left of the file.
    """

    script: str
    line: int
    gone: str
    text: str

    def __str__(self) -> str:
        return f"lua/{self.script}.lua:{self.line} without {self.gone}"


def mutants_of(script: str, text: str) -> Iterator[Mutant]:
    """Every mutant of one file."""
    lines = text.splitlines()
    for start, line in enumerate(lines):
        if line.lstrip().startswith(("if ", "elseif ")):
            yield from _without_condition(script, lines, start)
        elif _STATEMENT.match(line):
            yield _without(script, lines, start, _end_of_call(lines, start))
        for expiry in _EXPIRY.finditer(line):
            rest = line[: expiry.start()] + line[expiry.end() :]
            yield _replaced(script, lines, start, start, [rest], expiry[0])


def _without_condition(script: str, lines: Sequence[str], start: int) -> Iterator[Mutant]:
    """A block that only returns goes altogether; another happens always, and never."""
    opening = re.match(r"( *)(if|elseif) ", lines[start])
    assert opening is not None
    indent, word = opening.groups()
    then = next(at for at in range(start, len(lines)) if lines[at].endswith(" then"))
    end = next(at for at in range(then, len(lines)) if lines[at] == f"{indent}end")
    inside = lines[then + 1 : end]
    alone = word == "if" and not any(line.startswith(f"{indent}else") for line in inside)
    if alone and inside[0].lstrip().startswith("return"):
        yield _without(script, lines, start, end)
        return
    condition = " ".join(line.strip() for line in lines[start : then + 1])
    for always in ("true", "false"):
        gone = f"{condition} (always {always})"
        changed = [f"{indent}{word} {always} then"]
        yield _replaced(script, lines, start, then, changed, gone)


def _end_of_call(lines: Sequence[str], start: int) -> int:
    """The line on which the call that begins on line `start` is closed."""
    open_ = 0
    for at in range(start, len(lines)):
        open_ += lines[at].count("(") - lines[at].count(")")
        if open_ == 0:
            return at
    raise ValueError(f"a call is never closed: {lines[start]}")


def _without(script: str, lines: Sequence[str], start: int, end: int) -> Mutant:
    gone = " ".join(line.strip() for line in lines[start : end + 1])
    return _replaced(script, lines, start, end, [], gone)


def _replaced(
    script: str, lines: Sequence[str], start: int, end: int, by: Sequence[str], gone: str
) -> Mutant:
    text = "\n".join([*lines[:start], *by, *lines[end + 1 :]]) + "\n"
    return Mutant(script, start + 1, gone, text)


def every_mutant() -> list[Mutant]:
    folder = ROOT / "lua"
    return [
        mutant
        for path in sorted(folder.rglob("*.lua"))
        for mutant in mutants_of(
            str(path.relative_to(folder).with_suffix("")), path.read_text(encoding="utf-8")
        )
    ]


class Tree:
    """A copy of the tree, one mutant at a time in it."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self._folder = folder.resolve()
        for name in COPIED:
            if (ROOT / name).is_dir():
                ignored = shutil.ignore_patterns("__pycache__")
                shutil.copytree(ROOT / name, folder / name, ignore=ignored)
            else:
                shutil.copy(ROOT / name, folder / name)

    async def check(self) -> None:
        """RuntimeError unless the copy is what the tests use, and they pass on it as it is."""
        code, told = await self._python("-c", _PROBE)
        if code or told.strip() != str(self._folder / "lua"):
            raise RuntimeError(f"the tests would use other scripts than the copy: {told}")
        if told := await self._noticed(ALL_TESTS, "fake"):
            raise RuntimeError(f"the tests fail without any mutant: {told}")

    async def kills(self, mutant: Mutant) -> bool:
        """Whether any test notices the mutant."""
        script = self._folder / "lua" / f"{mutant.script}.lua"
        whole = script.read_text(encoding="utf-8")
        script.write_text(mutant.text, encoding="utf-8")
        own = f"tests/lua/test_{mutant.script}.py"
        try:
            # The nearest tests first, the slowest last: what fakeredis lacks, real servers show.
            return bool(
                ("/" not in mutant.script and await self._noticed(own, "fake"))
                or await self._noticed(ALL_TESTS, "fake")
                or await self._noticed(ALL_TESTS, "not fake")
            )
        finally:
            script.write_text(whole, encoding="utf-8")

    async def _noticed(self, tests: str, which: str) -> str:
        """What the tests say when they fail; nothing if they pass."""
        options = ("-q", "-x", "-p", "no:cacheprovider", "--tb=line", "-k", which)
        code, told = await self._python("-m", "pytest", tests, *options)
        # 0: all pass; 1: one fails; anything else is no answer, unless the tests hang.
        if code not in (0, 1, -signal.SIGKILL):
            raise RuntimeError(f"pytest ended with {code}: {told[-2_000:]}")
        return told if code else ""

    async def _python(self, *arguments: str) -> tuple[int, str]:
        """Exit code and output of a Python process in the copy; it is killed if it hangs."""
        env = {**os.environ, "PYTHONPATH": str(self._folder), "PYTHONDONTWRITEBYTECODE": ""}
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, *arguments),
            cwd=self._folder,
            env=env,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            told, _ = await asyncio.wait_for(process.communicate(), TESTS_S_MAX)
        except TimeoutError:
            told = b"no end"
        finally:
            if process.returncode is None:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                await process.wait()
        return process.returncode or 0, told.decode(errors="replace")


async def survivors_of(mutants: Sequence[Mutant], directory: Path) -> list[Mutant]:
    """Those mutants that no test notices."""
    left = list(reversed(mutants))
    survivors: list[Mutant] = []

    async def work(folder: Path) -> None:
        tree = Tree(folder)
        await tree.check()
        while left:
            mutant = left.pop()
            if not await tree.kills(mutant):
                survivors.append(mutant)

    async with asyncio.TaskGroup() as group:
        for number in range(TREES):
            group.create_task(work(directory / f"tree{number}"))
    return sorted(survivors, key=lambda mutant: (mutant.script, mutant.line))


async def play(run: Run) -> list[Figure]:
    """Quick: some mutants. Full: all of them, those held to be equivalent as well."""
    every = every_mutant()
    excused = [mutant for mutant in every if (mutant.script, mutant.gone) in EQUIVALENT]
    stale = EQUIVALENT.keys() - {(mutant.script, mutant.gone) for mutant in excused}
    tried = (
        every
        if run.full
        else run.random.sample([mutant for mutant in every if mutant not in excused], QUICK)
    )
    survivors = await survivors_of(tried, run.directory)
    wrong = [mutant for mutant in survivors if mutant not in excused]
    if run.full:
        stale |= {(it.script, it.gone) for it in excused if it not in survivors}
    return [
        Figure("mutants", f"{len(tried)} of {len(every)}"),
        Figure("killed", str(len(tried) - len(survivors))),
        Figure("equivalent, with the reason", str(len(excused))),
        Figure("no longer equivalent", "; ".join(map(str, sorted(stale))) or "0", "0", not stale),
        Figure("survivors", "; ".join(map(str, wrong)) or "0", "0", not wrong),
    ]


TORTURES = [Torture(19, "each guard, write and expiry of each script deleted in turn", play)]
