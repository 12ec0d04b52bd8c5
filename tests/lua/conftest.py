"""What every script test starts from: an event on sale, on each server in turn."""

import pytest

from billetter.wire.topology import Wire
from tests.lua.stage import Stage


@pytest.fixture
async def stage(wire: Wire) -> Stage:
    stage = Stage(wire)
    await stage.create()
    return stage
