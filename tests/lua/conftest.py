"""What every script test starts from: an event on sale, on each server in turn."""

from collections.abc import AsyncIterator

import pytest

from billetter.wire.topology import Wire
from tests.lua.stage import Stage


@pytest.fixture
async def stage(wire: Wire) -> AsyncIterator[Stage]:
    stage = Stage(wire)
    await stage.create()
    yield stage
    # Others that share the server may sweep; what they would find here has no layout.
    await stage.command("SREM", stage.own.promote, stage.event)
    await stage.command("ZREM", stage.own.openings, stage.event)
