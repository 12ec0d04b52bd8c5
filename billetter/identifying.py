"""Makes sure that a Redis holds the data that it should, before anything is done in it."""

from pathlib import Path

from billetter.domain.outcome import EngineError
from billetter.engine import Engine
from billetter.wire.files import EMPTY_BYTES_MAX, EmbeddedError, Mark, size
from billetter.wire.topology import open_wire

DEADLINE_S = 10.0


async def identify(url: str, data: Path | None, expected: str | None) -> str:
    """The id of the data in the Redis at `url`, which is given one if it is new, or old.

    data: the directory whose files that Redis has loaded, for an embedded one; it is marked with
    the id. expected: the id that it must have.
    Raises EngineError, EmbeddedError: it is other data, or the Redis started empty beside its
    files; nothing was changed then.
    """
    wire = open_wire(url, deadline_s=DEADLINE_S)
    await wire.start()
    try:
        return await claim(Engine(wire), data, expected)
    finally:
        await wire.close()


async def claim(engine: Engine, data: Path | None, expected: str | None = None) -> str:
    """The same, by an engine on that Redis."""
    mark = Mark.read(data) if data else None
    await confirm(engine, data)
    if mark and not mark.fresh:
        expected = expected or mark.id
    id_ = await engine.identity.claim(expected, fresh=mark.id if mark else None)
    if data and (mark is None or mark.fresh):
        Mark(id_, fresh=False).write(data)
    return id_


async def confirm(engine: Engine, data: Path | None) -> None:
    """Raise EngineError or EmbeddedError for the same reasons, and write nothing."""
    mark = Mark.read(data) if data else None
    seen = await engine.identity.see()
    wanted = mark.id if mark and not mark.fresh else None
    if fault := seen.fault(wanted):
        raise EngineError(f"this Redis does not hold {_named(wanted, data)}: {fault}.")
    if data and mark is None and seen.blank and size(data) > EMPTY_BYTES_MAX:
        keys = await engine.store.direct("DBSIZE", reads=True)
        if not keys:
            raise EmbeddedError(
                f"the Redis of {data} has started empty beside its files, which nothing was read"
                " of. They are left as they are: see `billetter restore --help`."
            )


def _named(wanted: str | None, data: Path | None) -> str:
    return f"the data {wanted} of {data}" if wanted else "its data any more"
