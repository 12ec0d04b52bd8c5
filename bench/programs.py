"""Other programs, run to their end."""

import asyncio
from pathlib import Path

STOP_S_MAX = 30.0


async def said_by(*command: object, limit_s: float, cwd: Path | None = None) -> str:
    """All that the program prints. It is ended with the caller, or after `limit_s` seconds.

    Raises TimeoutError.
    """
    process = await asyncio.create_subprocess_exec(
        *map(str, command),
        cwd=cwd,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        start_new_session=True,  # Ctrl-C is for the benchmark, which then ends the program.
    )
    try:
        async with asyncio.timeout(limit_s):
            return (await process.communicate())[0].decode()
    finally:
        if process.returncode is None:
            process.terminate()
            async with asyncio.timeout(STOP_S_MAX):
                await process.wait()
