"""What the tests of one family's tasks share: its bench, up."""

from __future__ import annotations

import pytest
import trio

from tests.hw.modules.emulated import EmulatedBench


@pytest.fixture
async def up(bench: EmulatedBench, nursery: trio.Nursery) -> EmulatedBench:
    """The test file's own bench, its modules known, and a battery of 400 V."""
    bench.plug(400)
    await bench.start(nursery)
    return bench
