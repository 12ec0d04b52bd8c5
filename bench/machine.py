"""Where and with what the figures were measured."""

import os
import platform
import re
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psutil

from billetter.testing import Binary

PACKAGES = ("billetter", "uvicorn", "uvloop", "httptools", "starlette", "hiredis")


def described(binary: Binary) -> dict[str, Any]:
    """The machine, the versions of all that takes part, and the moment."""
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": {
            "cpu": _cpu(),
            "cores": os.cpu_count(),
            "memory_gb": round(psutil.virtual_memory().total / 1e9, 1),
            "kernel": f"{platform.system()} {platform.release()}",
            "load_before": round(os.getloadavg()[0], 2),
        },
        "versions": {
            "python": platform.python_version(),
            binary.product.lower(): ".".join(map(str, binary.version)),
            **{package: version(package) for package in PACKAGES},
        },
    }


def _cpu() -> str:
    facts = Path("/proc/cpuinfo")
    found = re.search(r"^model name\s*: (.*)", facts.read_text(), re.M) if facts.exists() else None
    return found[1] if found else platform.processor() or platform.machine()
