"""What a process remembers, up to so many bytes."""

import pkgutil
from importlib import import_module

import billetter
from billetter.engine.memory import Memory

LARGE = {"Layout", "Zone", "Rows", "Event", "Sales", "SeatMap", "SeatPage"}
"""What may be large: no cache that counts its entries, and not their bytes, has it."""


def test_what_came_first_makes_room() -> None:
    memory = Memory[str, int](10)
    for name, size in (("a", 4), ("b", 4), ("c", 4)):
        memory.keep(name, ord(name), size)
    assert [memory.get(name) for name in "abc"] == [None, ord("b"), ord("c")]
    assert memory.bytes == 8


def test_the_last_one_stays_however_large() -> None:
    memory = Memory[str, int](10)
    memory.keep("a", 1, 4)
    memory.keep("b", 2, 40)
    assert (memory.get("a"), memory.get("b"), memory.bytes) == (None, 2, 40)


def test_a_key_has_one_value_and_its_size() -> None:
    memory = Memory[str, int](10)
    memory.keep("a", 1, 8)
    memory.keep("a", 2, 3)
    assert (memory.get("a"), memory.bytes) == (2, 3)
    memory.forget("a")
    memory.forget("a")
    assert (memory.get("a"), memory.bytes) == (None, 0)


def test_what_grows_may_have_to_go() -> None:
    memory = Memory[str, int](10)
    memory.keep("a", 1, 4)
    memory.keep("b", 2, 4)
    memory.grow("b", 2)
    assert (memory.get("a"), memory.bytes) == (1, 10)
    memory.grow("b", 1)
    assert (memory.get("a"), memory.get("b"), memory.bytes) == (None, 2, 7)
    memory.grow("a", 5)
    assert memory.bytes == 7


def test_caches_that_count_entries_have_nothing_large() -> None:
    found = set()
    for module in pkgutil.walk_packages(billetter.__path__, "billetter."):
        if module.name == "billetter.__main__":
            continue
        for name, value in vars(import_module(module.name)).items():
            if hasattr(value, "cache_info"):
                types = {getattr(it, "__name__", it) for it in value.__annotations__.values()}
                found.add(name)
                assert not types & LARGE, f"{module.name}.{name}"
    assert "_known" in found
