"""billetter restore: makes a data directory of a backup, and says what is in it."""

import argparse
import asyncio
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from billetter.auditing import as_text
from billetter.domain.outcome import EngineError
from billetter.engine import keys
from billetter.engine.audit_report import Report
from billetter.identifying import confirm
from billetter.saying import say
from billetter.visiting import VisitError, engine_at, started, stoppable
from billetter.wire.embedded import LOG
from billetter.wire.files import (
    DUMP,
    ID,
    LOG_DIRECTORY,
    MANIFEST,
    SINGLE,
    EmbeddedError,
    Mark,
    holds_data,
    log_files,
    manifest_of,
)

DONE: Final = 0
ODD: Final = 1
WRONG: Final = 2
"""Exit codes: restored, restored and the audit found something, not restored."""
TORN: Final = b"aof-load-truncated is enabled"
"""What a server says of a log whose last entry is cut short."""
LEFT: Final = ("billetter.lock", "redis.lock", LOG, "redis.sock", "redis.sock.directory")
"""What the server that loaded the data leaves besides the data."""


class RestoreError(Exception):
    """It cannot be restored. The message is one sentence for the operator."""


def declare(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command to the command line."""
    restore = commands.add_parser(
        "restore",
        help="make a data directory of a backup, and say what is in it",
        description="Make a data directory of a backup: of a snapshot (RDB), an append-only file,"
        " an appendonlydir, with or without its manifest, or a copy of a data directory. All of it"
        " is loaded and audited before it takes its place; nothing is ever overwritten, and the"
        " backup is only read. Exit code: 0 restored, 1 restored and the audit found something,"
        " 2 not restored.",
        argument_default=argparse.SUPPRESS,
    )
    restore.add_argument("source", metavar="FILE|DIR", help="the backup")
    restore.add_argument("--data", metavar="DIR", help="the directory to make")


def run(source: Path, data: Path) -> int:
    """Make the directory `data` of a backup, print what is in it, and return the exit code.

    source: a snapshot (RDB), an append-only file, an appendonlydir, or a data directory. It is
    only read. Whatever goes wrong, `data` is as it was.
    """
    try:
        report, id_ = _restore(source, data.absolute())
    except (RestoreError, VisitError, EmbeddedError, EngineError) as error:
        print(f"billetter: {error}", file=sys.stderr)
        return WRONG
    except OSError as error:
        told = f"{source} cannot be restored to {data}: {error.strerror or error}"
        print(f"billetter: {told}.", file=sys.stderr)
        return WRONG
    except (KeyboardInterrupt, asyncio.CancelledError):
        print("billetter: the restoring was stopped; nothing was restored.", file=sys.stderr)
        return WRONG
    named = f"the data {id_}" if id_ else "data of an older version"
    say(f"{as_text(report)}\n{data} holds {named}, restored from {source}.")
    return DONE if report.clean else ODD


def _restore(source: Path, data: Path) -> tuple[Report, str | None]:
    if data.exists() and (not data.is_dir() or any(data.iterdir())):
        kept = "holds data already" if holds_data(data) else "is not empty"
        raise RestoreError(
            f"{data} {kept}, and is never overwritten: move it away, or name another --data."
        )
    with _beside(data) as made:
        _gather(source, made)
        report, id_ = asyncio.run(stoppable(_load(made, source)))
        torn = TORN in (made / LOG).read_bytes()
        for name in LEFT:
            (made / name).unlink(missing_ok=True)
        if id_:
            Mark(id_, fresh=False).write(made)
        _sync(made)
        made.replace(data)  # An empty directory gives way; nothing else does.
    _sync(data.parent)
    if torn:
        say(f"billetter: {source} is torn, and what was written last is lost.", sys.stderr)
    return report, id_


@contextmanager
def _beside(data: Path) -> Iterator[Path]:
    """A directory on the same disk, gone again unless it was moved."""
    data.parent.mkdir(parents=True, exist_ok=True)
    made = Path(tempfile.mkdtemp(prefix=f".{data.name[:50]}.", dir=data.parent))
    try:
        yield made
    finally:
        shutil.rmtree(made, ignore_errors=True)


def _gather(source: Path, made: Path) -> None:
    """Copy a backup to where a server looks for it. RestoreError: it is none."""
    if source.is_dir():
        return _gather_directory(source, made)
    if not source.is_file():
        raise RestoreError(f"there is no {source}.")
    if source.stat().st_size == 0:
        raise RestoreError(f"{source} is empty.")
    # A log may begin with a snapshot, and a snapshot alone is a log of which nothing follows it:
    # taken as a log, neither loses anything.
    shutil.copyfile(source, made / SINGLE)


def _gather_directory(source: Path, made: Path) -> None:
    home = source if (source / LOG_DIRECTORY).is_dir() else source.parent
    multipart = home / LOG_DIRECTORY
    if source.name != LOG_DIRECTORY and home != source:
        for name in (SINGLE, DUMP):
            if (source / name).is_file():
                return _gather(source / name, made)
        # An appendonlydir under another name.
        multipart = source
    parts = sorted(path for path in multipart.iterdir() if path.name.startswith(SINGLE))
    if not parts:
        raise RestoreError(f"{source} holds neither an append-only file nor a snapshot.")
    (made / LOG_DIRECTORY).mkdir(mode=0o700)
    for path in parts:
        shutil.copyfile(path, made / LOG_DIRECTORY / path.name)
    manifest = made / LOG_DIRECTORY / MANIFEST
    if not manifest.exists():
        manifest.write_text(manifest_of(multipart))
    if missing := [path.name for path in log_files(made) if not path.exists()]:
        raise RestoreError(f"{multipart} lacks {missing[0]}, which its manifest names.")
    if (home / ID).is_file():
        shutil.copyfile(home / ID, made / ID)


async def _load(made: Path, source: Path) -> tuple[Report, str | None]:
    """Let a server read it all, and look at what it has read."""
    async with started(made) as redis, engine_at(redis.url) as engine:
        if not await engine.store.direct("DBSIZE", reads=True):
            raise RestoreError(f"nothing was read of {source}: it holds no data.")
        await confirm(engine, made)
        if await engine.store.direct("HGET", keys.META, "format", reads=True) is None:
            raise RestoreError(f"{source} holds data, but none of Billetter's.")
        seen = await engine.identity.see()
        return await engine.audit.run(), seen.claimed if seen.settled else None


def _sync(directory: Path) -> None:
    """Let the names in a directory, and the files, reach the disk."""
    for path in (*(each for each in directory.rglob("*") if each.is_file()), directory):
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
