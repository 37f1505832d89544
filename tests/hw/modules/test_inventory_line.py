"""Claims about what an inventory says of one module: what is expected, and what was found there."""

from __future__ import annotations

import trio
from trio.testing import MockClock

from jp_firmware.hw.modules import infypower_wire as wire
from jp_firmware.hw.modules.driver import Identity
from jp_firmware.hw.modules.heard import Heard
from jp_firmware.hw.modules.inventory import Inventory
from jp_firmware.model.ids import ModuleId
from jp_firmware.model.power import StageRating
from tests.hw.can.test_bus import pulse
from tests.hw.modules.fake import PROFILE, Bench


async def test_expected_is_told_before_anything_is_found_and_found_while_it_answers(
    autojump_clock: MockClock, nursery: trio.Nursery
) -> None:
    bench = Bench()
    fake, task = bench.add()
    fake.ratings = wire.Ratings(750, 50, 67, 20_000)
    expected = Inventory(
        module_id=ModuleId("module-1"),
        wire="can0",
        address=0,
        driver="infypower",
        profile="test module",
        found=False,
    )
    assert expected == task.inventory
    nursery.start_soon(bench.bus.run, pulse(bench.bus.run))
    await trio.testing.wait_all_tasks_blocked()
    nursery.start_soon(task.run, pulse(task.run))
    await trio.sleep(1)
    found = task.inventory
    assert found.found
    assert found.rating == StageRating(max_voltage_v=750, min_voltage_v=50, max_current_a=67, max_power_w=20_000)

    fake.silent = True
    await trio.sleep(3)
    assert not task.inventory.found
    assert found.rating == task.inventory.rating, "what it said of itself stays known"
    nursery.cancel_scope.cancel()


def test_serial_number_and_firmware_may_come_one_after_the_other() -> None:
    heard = Heard(PROFILE.rating)
    heard.take(Identity(serial="V123"), 1)
    heard.take(Identity(firmware="1.07"), 2)

    assert Identity("V123", "1.07") == heard.identity
    heard.take(Identity(serial="V124", firmware="1.08"), 3)
    assert Identity("V124", "1.08") == heard.identity
