"""What a process remembers of what it can work out or read again, up to so many bytes."""

from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")


class Memory(Generic[K, V]):
    """Values by their keys. Those that came first make room, until one is left.

    bytes_max: what all of them may take; each is counted with what its owner says that it takes.
    """

    def __init__(self, bytes_max: int) -> None:
        self.bytes_max = bytes_max
        self.bytes = 0
        self._values: dict[K, V] = {}
        self._sizes: dict[K, int] = {}
        self.get = self._values.get

    def keep(self, key: K, value: V, size: int) -> None:
        """Remember a value of so many bytes, instead of the one that had the key."""
        self.forget(key)
        self._values[key] = value
        self._sizes[key] = size
        self.bytes += size
        self._make_room()

    def grow(self, key: K, size: int) -> None:
        """The value of this key takes so many bytes more, if it is remembered still."""
        if key in self._sizes:
            self._sizes[key] += size
            self.bytes += size
            self._make_room()

    def forget(self, key: K) -> None:
        if key in self._values:
            del self._values[key]
            self.bytes -= self._sizes.pop(key)

    def _make_room(self) -> None:
        while self.bytes > self.bytes_max and len(self._values) > 1:
            self.forget(next(iter(self._values)))
