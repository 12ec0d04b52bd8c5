"""Billetter: a seat engine on Redis that never sells a seat twice."""

from importlib.metadata import version

__version__ = version("billetter")
