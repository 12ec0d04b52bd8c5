"""How the processes of Billetter log: a line for people on standard error, each with its time."""

import logging
import time
from typing import Final

FORMAT: Final = "%(asctime)s.%(msecs)03dZ billetter: %(message)s"
TIME: Final = "%Y-%m-%dT%H:%M:%S"


def open_logs() -> None:
    """Let everything that is logged go to standard error, with its time in UTC.

    Warnings and worse only: what is usual is not worth a line.
    """
    handler = logging.StreamHandler()
    formatter = logging.Formatter(FORMAT, TIME)
    formatter.converter = time.gmtime
    handler.setFormatter(formatter)
    logging.basicConfig(handlers=[handler], level=logging.WARNING)
