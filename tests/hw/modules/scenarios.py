"""What is tried with the tasks of every family in the same way: a start, OFF to one of them, a fault, a restart."""

from __future__ import annotations

from collections.abc import Set

import trio

from jp_firmware.sim.module import Alarm
from tests.hw.modules.emulated import EmulatedBench

EACH_A = 30.0
RISES_WITHIN_S = 6.0


async def rise(bench: EmulatedBench, each_a: float = EACH_A) -> None:
    """Modules that are up are asked for this much each, and deliver it."""
    bench.deliver(450, each_a)
    await bench.until(lambda: bench.bus.current_a > (each_a - 0.1) * len(bench.nodes), RISES_WITHIN_S)


async def delivering(bench: EmulatedBench, nursery: trio.Nursery, each_a: float = EACH_A) -> None:
    """From power-up to a current that has settled."""
    bench.plug(400)
    await bench.start(nursery)
    await rise(bench, each_a)
    await trio.sleep(1)


async def second_goes_off_alone(bench: EmulatedBench) -> None:
    """Of three that deliver, the one in the middle; what is said to it is said to no other."""
    bench.tasks[1].want_off()
    bench.renewing = False
    await trio.sleep(0.5)

    assert [True, False, True] == [node.module.on for node in bench.nodes]


async def alarm_is_told(bench: EmulatedBench, alarm: Alarm, codes: Set[str]) -> None:
    """A fault of the first of them, by these codes and no other, and of no other module."""
    bench.module.raise_alarm(alarm)
    await bench.until(lambda: bench.codes == codes, 1)
    await trio.sleep(1)

    assert bench.codes == codes, "also when all its frames have come"
    assert {bench.task.id} == {source for _, source in bench.faults.standing}
    assert not bench.status.on
    assert bench.status.alarms


async def alarm_clears(bench: EmulatedBench, within_s: float) -> None:
    """The cause has gone: the module is told sound, and delivers again within this time."""
    bench.module.clear_alarms()
    await bench.until(lambda: bench.codes == set() and bench.task.usable, 1.1)
    await bench.until(lambda: bench.bus.current_a > (EACH_A - 0.1) * len(bench.nodes), within_s)


async def restarted(bench: EmulatedBench, within_s: float) -> None:
    """The mains came back: it is set and switched on again within this time."""
    bench.module.power_up(trio.current_time())
    await bench.until(lambda: bench.bus.current_a < 40, 1)
    await bench.until(lambda: bench.bus.current_a > (EACH_A - 0.1) * len(bench.nodes), within_s)
