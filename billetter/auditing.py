"""The audit as a command: finds the Redis, shows how far it is, and says what it found."""

import asyncio
import json
import sys
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Final, TextIO

from billetter.domain.outcome import EngineError
from billetter.engine.audit_report import Report, Violation
from billetter.saying import say
from billetter.visiting import VisitError, stoppable, visited
from billetter.wire.files import EmbeddedError

CLEAN: Final = 0
VIOLATED: Final = 1
WRONG: Final = 2
"""Exit codes: all is right, something is not, nothing could be looked at."""
NAMED_MAX: Final = 20
"""Violations named one by one; of the others, how many there are."""
BAR_WIDTH: Final = 30
BAR_EVENTS_MIN: Final = 10
BAR_EVERY_S: Final = 0.1


def run(url: str | None, data: Path, repair: bool, as_json: bool) -> int:
    """Audit the Redis at `url`, or the embedded one of `data`, and print what was found.

    Where no server runs for `data`, one is started and ended again. Returns the exit code.
    """
    try:
        report = asyncio.run(stoppable(_audit(url, data, repair)))
    except (VisitError, EmbeddedError, EngineError) as error:
        print(f"billetter: {error}", file=sys.stderr)
        return WRONG
    except (KeyboardInterrupt, asyncio.CancelledError):
        print("billetter: the audit was stopped before its end.", file=sys.stderr)
        return WRONG
    say(_as_json(report) if as_json else as_text(report))
    return CLEAN if report.clean else VIOLATED


async def _audit(url: str | None, data: Path, repair: bool) -> Report:
    async with visited(url, data, writes=repair) as engine:
        with _Bar(sys.stderr) as bar:
            return await engine.audit.run(repair=repair, progress=bar.show)


class _Bar:
    """A progress bar on a terminal; nothing elsewhere, or where it would be over at once."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._shown_at = 0.0

    def __enter__(self) -> "_Bar":
        return self

    def __exit__(self, *_: object) -> None:
        if self._shown_at:
            self._stream.write("\r\x1b[K")
            self._stream.flush()

    @property
    def show(self) -> Callable[[int, int], None]:
        return self._show if self._stream.isatty() else lambda *_: None

    def _show(self, done: int, total: int) -> None:
        now = time.monotonic()
        if total < BAR_EVENTS_MIN or now < self._shown_at + BAR_EVERY_S:
            return
        self._shown_at = now
        full = BAR_WIDTH * done // total
        bar = "#" * full + "." * (BAR_WIDTH - full)
        self._stream.write(f"\r[{bar}] {done} of {total} events")
        self._stream.flush()


def _as_json(report: Report) -> str:
    return json.dumps({"clean": report.clean, **asdict(report)})


def as_text(report: Report) -> str:
    """What an audit saw, as people read it; the verdict comes last."""
    mended = [each for each in report.violations if each.mended]
    left = [each for each in report.violations if not each.mended]
    lines = [f"mended: {_told(each)}" for each in mended]
    lines += [_told(each) for each in left[:NAMED_MAX]]
    if len(left) > NAMED_MAX:
        lines.append(f"… and {len(left) - NAMED_MAX} more")
    if report.unreplayed:
        lines.append(
            f"Not replayed, as the journal no longer tells of their creation: "
            f"{_counted(len(report.unreplayed), 'event')}."
        )
    seen = (
        f"{_counted(report.events, 'event')}, {_counted(report.bookings, 'booking')},"
        f" {_counted(report.seats, 'seat')} taken"
    )
    verdict = _counted(len(left), "violation") if left else "Clean"
    return "\n".join([*lines, f"{verdict}: {seen}."])


def _told(violation: Violation) -> str:
    return (
        violation.what if violation.event is None else f"event {violation.event}: {violation.what}"
    )


def _counted(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
