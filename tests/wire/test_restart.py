"""Wires that are closed and started again, in another loop; and several of one server."""

import asyncio

import pytest

from billetter.testing import RedisServer
from billetter.wire.errors import NotRun, ReplyLost
from billetter.wire.topology import open_wire, wire_opener


@pytest.mark.parametrize("url", ["fake://", "real"])
def test_a_closed_one_starts_again_in_another_loop(own_server: RedisServer, url: str) -> None:
    wire = open_wire(own_server.url if url == "real" else url, deadline_s=0.5)

    async def once(found: int) -> None:
        await wire.start()
        assert await wire.call("INCR", "times") == found
        if url == "real":
            # Its deadlines are kept again, too.
            with pytest.raises(ReplyLost):
                await wire.call("BLPOP", "nothing", 5)
            assert await wire.call("PING") == b"PONG"
        await wire.close()

    asyncio.run(once(1))
    asyncio.run(once(2))


async def test_one_that_starts_again_waits_until_it_is_connected(own_server: RedisServer) -> None:
    wire = open_wire(own_server.url, deadline_s=0.2)
    await wire.start()
    await wire.close()
    own_server.kill()
    with pytest.raises(NotRun):
        await wire.start()
    await wire.close()


async def test_wires_of_one_opener_reach_the_same_server() -> None:
    opener = wire_opener("fake://")
    first, second, other = opener(), opener(), open_wire("fake://")
    for wire in (first, second, other):
        await wire.start()
    await first.call("SET", "key", "value")
    assert await second.call("GET", "key") == b"value"
    assert await other.call("GET", "key") is None
    for wire in (first, second, other):
        await wire.close()
