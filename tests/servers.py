"""The servers that tests run against."""

from billetter.testing import Binary, RedisServer, find_binaries

__all__ = ["Binary", "RedisServer", "find_binaries"]
