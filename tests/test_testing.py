"""Finding the servers to test on."""

import os
from pathlib import Path

import pytest

from billetter.testing import find_binaries


def _server(folder: Path, name: str, version: str) -> Path:
    """A program that says it is a server of that version, and is nothing else."""
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_text(f'#!/bin/sh\necho "Redis server v={version} sha=0:0"\n')
    path.chmod(0o755)
    return path


def test_servers_of_every_folder_are_found_each_version_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An activated environment has an older one first on the PATH; the newer is tested, too."""
    older = _server(tmp_path / "venv", "redis-server", "1.2.3")
    newer = _server(tmp_path / "system", "redis-server", "9.9.9")
    _server(tmp_path / "other", "redis-server", "1.2.3")
    folders = [str(tmp_path / name) for name in ("venv", "system", "other", "missing")]
    monkeypatch.setenv("PATH", os.pathsep.join([*folders, os.environ["PATH"]]))
    found = {binary.version: binary.path for binary in find_binaries()}
    assert (found[1, 2, 3], found[9, 9, 9]) == (str(older), str(newer))
    assert len(found) == len(find_binaries())
