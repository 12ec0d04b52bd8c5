"""Finds, expands, loads and runs the scripts under lua/.

Everything the engine sends to Redis goes through a `Store`, which is also the one place where
failures of the wire become the domain's errors.
"""

import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from functools import cache
from hashlib import sha1
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any, cast

from billetter.domain.outcome import (
    ASIDE,
    REFUSALS,
    Answer,
    EngineError,
    Outcome,
    OutcomeUnknown,
    Unavailable,
)
from billetter.engine.keys import EventKeys
from billetter.engine.once import Once
from billetter.engine.unit_of_work import note_change, note_refusal
from billetter.wire.errors import NotRun, Rejected, ReplyLost, WireError
from billetter.wire.lane import Argument
from billetter.wire.link import Reply
from billetter.wire.topology import Wire

SCAN_COUNT = 500

_INCLUDE = re.compile(r'^--- @include "([a-z_/]+)"\n', re.MULTILINE)
_FLAGGED = "#!lua flags=no-writes\nreturn 1"
_REPLAYED = b"="


def _note_of(outcome: Outcome) -> Callable[[], None] | None:
    if outcome in ASIDE:
        return None
    return note_refusal if outcome in REFUSALS else note_change


_OUTCOMES = {
    mark + outcome.value.encode(): (outcome, bool(mark), _note_of(outcome))
    for outcome in Outcome
    for mark in (b"", _REPLAYED)
}
"""What a reply begins with → outcome, whether it is given again, what a unit of work notes."""


@cache
def directory() -> Traversable:
    """Where the scripts are: inside the installed package, or beside it in a checkout."""
    packaged = files("billetter") / "lua"
    return packaged if packaged.is_dir() else Path(__file__).parents[2] / "lua"


def names() -> list[str]:
    """The names of all scripts, without `.lua`."""
    entries = (entry.name for entry in directory().iterdir())
    return sorted(name.removesuffix(".lua") for name in entries if name.endswith(".lua"))


@cache
def expanded(name: str) -> str:
    """The text of a script with every include put in once, before its first use."""
    return "".join(_expand(name, set(), ()))


def _expand(name: str, included: set[str], path: tuple[str, ...]) -> Iterator[str]:
    if name in path:
        raise ValueError(f"lua/{name}.lua includes itself by way of {' → '.join(path)}")
    text = directory().joinpath(*f"{name}.lua".split("/")).read_text(encoding="utf-8")
    end = 0
    for include in _INCLUDE.finditer(text):
        yield text[end : include.start()]
        end = include.end()
        if include[1] not in included:
            included.add(include[1])
            yield from _expand(include[1], included, (*path, name))
    yield text[end:]


class Script:
    """One script, in the form that the server takes.

    Servers from 7.0 on read the flags in the first line; older ones and fakeredis do not know
    that line, so they get the text without it.
    """

    __slots__ = ("_plain", "name", "reads", "sha", "source")

    def __init__(self, name: str) -> None:
        self.name = name
        self.source = expanded(name)
        first_line, _, rest = self.source.partition("\n")
        self._plain = "\n" + rest
        self.reads = "no-writes" in first_line
        self.sha = _sha(self.source)

    async def load(self, wire: Wire) -> None:
        """Load it where it is missing. Rejected: the server does not understand the script."""
        if self.source != self._plain:
            try:
                # Not SCRIPT LOAD itself: fakeredis loads what it cannot run.
                await wire.call("EVAL", _FLAGGED, 0)
            except Rejected:
                self.source, self.sha = self._plain, _sha(self._plain)
        await wire.call("SCRIPT", "LOAD", self.source)


class Store:
    """Runs scripts and plain commands on a wire.

    Every method raises Unavailable (it surely did not happen) or OutcomeUnknown (it may have).
    refusal: why nothing is run now, but for `direct`; None where it is.
    prepared: the counters of ids are made, so that one that is missing is never begun again.
    claimed: the data was seen to be there, with all of its counters.
    """

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self.refusal: str | None = None
        self.prepared = self.claimed = False
        self._scripts = {name: Script(name) for name in names()}

    @property
    def repeats(self) -> int:
        """How many calls the wire had to send again so far; one that does not say never does."""
        return getattr(self._wire, "repeats", 0)

    async def load(self) -> None:
        """Load every script, so that the first calls find them."""
        try:
            for script in self._scripts.values():
                await script.load(self._wire)
        except WireError as error:
            raise _translated(error, reads=True) from error

    async def run(self, name: str, keys: Sequence[str], *args: Argument) -> Answer:
        """Run a script and name its outcome. A read never leaves an outcome unknown."""
        reply = await self.run_raw(name, keys, *args)
        outcome, replayed, note = _OUTCOMES[reply[0]]
        if note is not None and not self._scripts[name].reads:
            note()
        return Answer(outcome, tuple(map(_text, reply[1:])), replayed)

    def change(
        self,
        name: str,
        own: EventKeys,
        declared: Sequence[str],
        once: Once | None,
        *args: Argument,
    ) -> Awaitable[Answer]:
        """Run a script that can record its reply, and let it do so if `once` names the call."""
        if once is None:
            return self.run(name, declared, 0, *args)
        return self.run(name, [*declared, own.once(once.digest)], once.ttl_ms, *args)

    async def run_raw(self, name: str, keys: Sequence[str], *args: Argument) -> list[Any]:
        """The same, with the reply as it comes: bytes and integers."""
        self._check_refusal()
        script = self._scripts[name]
        try:
            reply = await self._wire.call("EVALSHA", script.sha, len(keys), *keys, *args)
        except Rejected as error:
            if error.code != "NOSCRIPT":
                raise _translated(error, script.reads) from error
            reply = await self._bring(script, keys, args)
        except WireError as error:
            raise _translated(error, script.reads) from error
        return cast(list[Any], reply)

    async def command(self, *args: Argument, reads: bool = False) -> Any:
        """A plain command on keys that no script guards: indexes, counters, scans."""
        self._check_refusal()
        return await self.direct(*args, reads=reads)

    async def direct(self, *args: Argument, reads: bool = False) -> Any:
        """The same, for what finds out whether anything may be run at all."""
        try:
            return await self._wire.call(*args)
        except WireError as error:
            raise _translated(error, reads) from error

    async def draw_id(self, counter: str) -> int:
        """The next id that a counter gives. Unavailable: it is gone, with all the rest of it."""
        drawn = await self.run("draw_id", [counter], int(not self.prepared))
        if drawn.outcome is Outcome.NO_COUNTER:
            gone = f"{counter} is gone from this Redis: it was emptied, or is not ready"
            if self.claimed:
                # Nothing more is read or changed before it is seen whether the data is there.
                self.refusal = gone
            raise Unavailable(gone)
        return int(drawn.fields[0])

    def begin(self, *args: Argument) -> Awaitable[Reply]:
        """Send a command ahead of what is sent next. Nobody has to wait for its end.

        Raises Unavailable at once; what goes wrong later is for `ensure` to see.
        """
        self._check_refusal()
        try:
            return self._wire.call(*args)
        except WireError as error:
            raise _translated(error, reads=False) from error

    def begin_run(self, name: str, keys: Sequence[str], *args: Argument) -> Awaitable[Reply]:
        """The same for a script; Rejected may mean that the server does not know it yet."""
        return self.begin("EVALSHA", self._scripts[name].sha, len(keys), *keys, *args)

    async def ensure(self, begun: Awaitable[Reply], *args: Argument) -> None:
        """Wait for what was begun, and do it again if it failed."""
        try:
            await begun
        except WireError:
            await self.command(*args)

    async def scan(self, pattern: str) -> AsyncIterator[list[bytes]]:
        """All keys that match, in batches; a key may come twice."""
        async for batch in self._scan(("SCAN",), "MATCH", pattern):
            yield batch

    async def scan_hash(self, key: str) -> AsyncIterator[list[tuple[bytes, bytes]]]:
        """All fields of a hash with their values, in batches; a field may come twice."""
        async for batch in self._scan(("HSCAN", key)):
            yield list(zip(batch[::2], batch[1::2], strict=True))

    async def _scan(self, command: Sequence[str], *options: str) -> AsyncIterator[list[bytes]]:
        cursor = b"0"
        while True:
            cursor, batch = await self.command(
                *command, cursor, *options, "COUNT", SCAN_COUNT, reads=True
            )
            yield batch
            if cursor == b"0":
                return

    def _check_refusal(self) -> None:
        if self.refusal:
            raise Unavailable(self.refusal)

    async def _bring(self, script: Script, keys: Sequence[str], args: Sequence[Argument]) -> Reply:
        """Run a script that the server did not know; it did not run."""
        try:
            await script.load(self._wire)
            # EVAL brings the text along, so no flush can come between.
            return await self._wire.call("EVAL", script.source, len(keys), *keys, *args)
        except WireError as error:
            raise _translated(error, script.reads) from error


def _translated(error: WireError, reads: bool) -> Exception:
    if isinstance(error, ReplyLost) and not reads:
        return OutcomeUnknown(str(error))
    if isinstance(error, NotRun | ReplyLost):
        return Unavailable(str(error))
    return EngineError(str(error))


def _sha(source: str) -> str:
    return sha1(source.encode(), usedforsecurity=False).hexdigest()


def _text(field: bytes | int) -> str:
    return field.decode() if isinstance(field, bytes) else str(field)
