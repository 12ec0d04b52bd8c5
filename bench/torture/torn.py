"""The log of commands is torn."""

import asyncio
import shutil
from dataclasses import dataclass
from pathlib import Path

from bench.torture.ledger import bookings_of
from bench.torture.power import aof_of
from bench.torture.resp import taken, words
from bench.torture.run import Figure, Run, Torture, none_of
from bench.torture.steps import STEPS
from bench.torture.steps.bed import FORGOTTEN_AT_ONCE
from bench.torture.workload import Load, engine_on, fresh, planned
from billetter.domain.booking import Status
from billetter.domain.ids import AccountId, EventId
from billetter.engine import Engine, keys
from billetter.testing import RedisServer

TEARS_QUICK, TEARS_FULL = 24, 400
CONTROL_TEARS = 12
AT_ONCE = 18
"""Servers started at once."""
TORN_CHANGES = 150
TAIL = 12_000
"""Bytes of the load in which its AOF is torn: some twenty scripts. One of each kind follows."""
BRACKETS = (b"MULTI", b"EXEC")
INDEX_ENTRIES = ("is not in its user's list", "the event is not listed")
"""What the audit says where an index entry, a command of its own, was torn off."""


def commands_of(aof: bytes) -> list[bytes]:
    """The commands of an AOF, as they are written there."""
    return list(taken(bytearray(aof)))


def unbracketed(aof: bytes) -> bytes:
    """The same without what makes the commands of a script one."""
    return b"".join(raw for raw in commands_of(aof) if words(raw)[0].upper() not in BRACKETS)


async def torn_aof(run: Run) -> list[Figure]:
    """Row 5: the AOF ends anywhere inside its last scripts; Redis starts and none is half there."""
    directory = fresh(run, "whole")
    with RedisServer(run.binary, directory, appendonly=True) as server:
        async with engine_on(server.url, retention=FORGOTTEN_AT_ONCE) as engine:
            load = Load(engine, event := await planned(engine), run.random, buyers=8)
            task = asyncio.create_task(load())
            await load.progress(TORN_CHANGES)
            load.stop()
            await task
            loaded = aof_of(directory).stat().st_size
            for step in STEPS:
                await step.act(engine, await step.prepare(engine), None)
    whole = aof_of(directory).read_bytes()
    tail = len(whole) - loaded + TAIL
    places = _places(run, whole, tail, run.many(TEARS_QUICK, TEARS_FULL))
    torn = await _torn(run, "torn", event, [whole[:place] for place in places])
    loose = unbracketed(whole)
    places = _places(run, loose, tail, CONTROL_TEARS)
    control = await _torn(run, "loose", event, [loose[:place] for place in places])
    seen = sum(1 for each in control if each.half)
    return [
        Figure("tears", f"{len(torn)}, in the last {tail} of {len(whole)} bytes"),
        none_of("starts that failed", [each.refused for each in torn if each.refused]),
        none_of("half-applied scripts", [half for each in torn for half in each.half]),
        Figure("index entries the audit mended", str(sum(each.mended for each in torn))),
        Figure(
            "control, brackets removed: tears seen", f"{seen} of {len(control)}", "> 0", seen > 0
        ),
    ]


def _places(run: Run, aof: bytes, tail: int, count: int) -> list[int]:
    """Where to tear: half of them between two commands, where a bracket is open or not."""
    ends, end = [], 0
    for raw in commands_of(aof):
        end += len(raw)
        ends.append(end)
    ends = [each for each in ends[:-1] if each > len(aof) - tail]
    anywhere = range(len(aof) - tail, len(aof))
    places = run.random.sample(ends, min(len(ends), count // 2))
    return places + run.random.sample(anywhere, min(len(anywhere), count - len(places)))


@dataclass(frozen=True, slots=True)
class Torn:
    """What became of one torn AOF. half: signs of a script that is there in part."""

    refused: str = ""
    half: tuple[str, ...] = ()
    mended: int = 0


async def _torn(run: Run, name: str, event: EventId, files: list[bytes]) -> list[Torn]:
    limit = asyncio.Semaphore(AT_ONCE)

    async def one(number: int, content: bytes) -> Torn:
        async with limit:
            directory = run.directory / f"{name}{number}"
            shutil.copytree(run.directory / "whole", directory)
            aof_of(directory).write_bytes(content)
            try:
                return await _started(run, directory, event)
            finally:
                shutil.rmtree(directory)

    return await asyncio.gather(*(one(*each) for each in enumerate(files)))


async def _started(run: Run, directory: Path, event: EventId) -> Torn:
    server = RedisServer(run.binary, directory, appendonly=True)
    try:
        await asyncio.to_thread(server.start)
    except RuntimeError as error:
        return Torn(refused=str(error))
    try:
        async with engine_on(server.url) as engine:
            report = await engine.audit.run(repair=True)
            found = await bookings_of(engine, event)
            accounts = await _account_faults(engine)
    except AttributeError as error:
        # An event without a field that each one has cannot even be read.
        return Torn(half=(repr(error),))
    finally:
        await asyncio.to_thread(server.stop)
    violations = [each.what for each in report.violations]
    broken = [it for it in violations if not any(entry in it for entry in INDEX_ENTRIES)]
    lapsed = [each for each in found.values() if each.status is Status.EXPIRED]
    mended = len(violations) - len(broken)
    broken += [f"booking {each.id} has no hold" for each in lapsed]
    return Torn(half=(*broken, *accounts), mended=mended)


async def _account_faults(engine: Engine) -> list[str]:
    """Where accounts, their names and their tokens do not agree; the audit looks at events only."""
    command = engine.store.command
    last = int(await command("GET", keys.USERS_NEXT, reads=True) or 0)
    told: dict[str, set[tuple[bytes, bytes]]] = {}
    for index in (keys.EMAILS, keys.USERNAMES, keys.TOKENS):
        flat = await command("HGETALL", index, reads=True)
        told[index] = set(zip(flat[::2], flat[1::2], strict=True))
    made: dict[str, set[tuple[bytes, bytes]]] = {index: set() for index in told}
    for account in map(AccountId, range(1, last + 1)):
        id_ = str(account).encode()
        names = ("email_key", "username_key")
        row = await command("HMGET", keys.account(account), *names, reads=True)
        tokens = await command("HKEYS", keys.account_tokens(account), reads=True)
        for index, found in zip(made, ([row[0]], [row[1]], tokens), strict=True):
            made[index] |= {(name, id_) for name in found if name is not None}
    return [f"{index}: {told[index] ^ made[index]}" for index in told if told[index] != made[index]]


TORTURES = [Torture(5, "torn AOF", torn_aof)]
