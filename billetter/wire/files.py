"""The files of an embedded Redis, looked at before a server is let at them.

A server that does not find its files where it looks does not complain: it starts empty beside
them. So whatever would be passed over is refused here, with what to do, and nothing is changed.
"""

import os
import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from secrets import token_hex
from typing import Final, Self

ID: Final = "billetter.id"
LOG_DIRECTORY: Final = "appendonlydir"
SINGLE: Final = "appendonly.aof"
MANIFEST: Final = "appendonly.aof.manifest"
DUMP: Final = "dump.rdb"
EMPTY_BYTES_MAX: Final = 512
"""What a server that was never told anything leaves: a header, and where it stood."""
HEADER_BYTES: Final = 9
MAGIC: Final = (b"REDIS", b"VALKEY")
_PART: Final = re.compile(r"appendonly\.aof\.(\d+)\.(base|incr)\.(?:rdb|aof)")
_FRESH: Final = "new "


class EmbeddedError(Exception):
    """The private Redis cannot be had. The message is one sentence for the operator."""


@dataclass(frozen=True, slots=True)
class Mark:
    """The id beside the files. fresh: the data was only about to be given it."""

    id: str
    fresh: bool

    @classmethod
    def read(cls, data: Path) -> Self | None:
        """The mark of a directory; None where it has none."""
        try:
            text = (data / ID).read_text(encoding="ascii", errors="replace").strip()
        except FileNotFoundError:
            return None
        return cls(text.removeprefix(_FRESH), text.startswith(_FRESH)) if text else None

    def write(self, data: Path) -> None:
        """Put it beside the files, on disk before this returns."""
        beside = data / f"{ID}.{os.getpid()}"
        for_its_owner = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with open(for_its_owner, "w", encoding="ascii") as file:
            file.write(f"{_FRESH if self.fresh else ''}{self.id}\n")
            file.flush()
            os.fsync(file.fileno())
        beside.replace(data / ID)


def holds_data(data: Path) -> bool:
    """Whether a server kept anything in the directory, or was about to."""
    return any((data / name).exists() for name in (LOG_DIRECTORY, SINGLE, DUMP, ID))


def log_files(data: Path) -> list[Path]:
    """The files of the append-only log, in the order in which they are read."""
    if (manifest := data / LOG_DIRECTORY / MANIFEST).exists():
        return [manifest.parent / name for name in _listed(manifest)]
    return [data / SINGLE] if (data / SINGLE).exists() else []


def check(data: Path) -> None:
    """Refuse files beside which a server would start empty. EmbeddedError: what, and what to do."""
    multipart, mark = data / LOG_DIRECTORY, Mark.read(data)
    if mark and mark.fresh:
        return  # A first start that was cut short: nothing has been kept yet.
    stray = sorted(multipart.iterdir()) if multipart.is_dir() else []
    files = log_files(data)
    if stray and not (multipart / MANIFEST).exists():
        raise EmbeddedError(_refused(data, f"{multipart} has no {MANIFEST}", multipart))
    if missing := [file for file in files if not file.exists()]:
        raise EmbeddedError(_refused(data, f"{missing[0]} is missing", multipart))
    if not files and (data / DUMP).exists():
        raise EmbeddedError(_refused(data, "there is a dump, and no append-only file", data / DUMP))
    if not files and mark:
        raise EmbeddedError(
            _refused(data, f"its files are gone, and only {data / ID} is left", None)
        )


def begin(data: Path) -> None:
    """Mark a directory in which nothing is yet, before a server starts in it."""
    if not holds_data(data):
        Mark(token_hex(16), fresh=True).write(data)


def manifest_of(directory: Path) -> str:
    """A manifest for the files of a log that has lost its own. EmbeddedError: they are not whole.

    Its base comes first, and then what was written since, by number.
    """
    numbered = [(_PART.fullmatch(path.name), path.name) for path in sorted(directory.iterdir())]
    parts = [(match[2], int(match[1]), name) for match, name in numbered if match]
    bases = [part for part in parts if part[0] == "base"]
    since = sorted(part for part in parts if part[0] == "incr")
    if len(bases) != 1 or [part[1] - since[0][1] for part in since] != [*range(len(since))]:
        told = ", ".join(name for *_, name in parts) or "none"
        raise EmbeddedError(
            f"{directory} has no {MANIFEST}, and its files do not make one log: {told}."
        )
    rows = [(*part, "b" if part[0] == "base" else "i") for part in bases + since]
    return "".join(f"file {name} seq {number} type {kind}\n" for _, number, name, kind in rows)


def copy_data(data: Path, to: Path) -> None:
    """Copy what a server reads, whole and readable, and the mark. OSError: it cannot be done."""
    wanted = [*log_files(data), data / LOG_DIRECTORY / MANIFEST, data / DUMP, data / ID]
    for file in wanted:
        if file.exists():
            target = to / file.relative_to(data)
            target.parent.mkdir(mode=0o700, exist_ok=True)
            shutil.copyfile(file, target)


def size(data: Path) -> int:
    """Bytes of the append-only log."""
    return sum(file.stat().st_size for file in log_files(data))


def snapshot_header(data: Path) -> bytes | None:
    """The first bytes of what is loaded first, if that is a snapshot: they tell its version."""
    files = log_files(data)
    if not files or not files[0].is_file():
        return None
    with files[0].open("rb") as file:
        start = file.read(HEADER_BYTES)
    return start if start.startswith(MAGIC) else None


def _listed(manifest: Path) -> list[str]:
    """The files that a manifest names, base first; not those of its history."""
    lines = manifest.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    rows = (line.split() for line in lines if line.strip() and not line.startswith("#"))
    pairs = [dict(zip(row[::2], row[1::2], strict=False)) for row in rows]
    kept = [pair for pair in pairs if pair.get("type") != "h" and "file" in pair]
    return [pair["file"] for pair in sorted(kept, key=lambda pair: pair.get("type") != "b")]


def _refused(data: Path, why: str, source: Path | None) -> str:
    what = f"`billetter restore {source} --data DIR`" if source else "`billetter restore`"
    return (
        f"{data} holds data beside which a Redis would start empty, and sell all again: {why}."
        f" Nothing was changed. Put it back, or make a new directory of what there is by {what};"
        " to begin anew, choose another directory."
    )
