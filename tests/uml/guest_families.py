"""Claims about every family of modules on a real CAN interface. Collected by name inside the user-mode kernel only.

The controller's side is what runs in a charger: `CanBus` and `ModuleTask` on vcan0. The other side is an emulated
module behind a socket of its own. Real frames, real time.
"""

from __future__ import annotations

import errno
import math
import socket
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path

import attrs
import pytest
import trio

from jp_firmware.config import schema
from jp_firmware.hw.can.bus import CanBus
from jp_firmware.hw.can.frame import Frame
from jp_firmware.hw.can.socketcan import pack, unpack
from jp_firmware.hw.modules.driver import load_profile
from jp_firmware.hw.modules.module import ModuleTask
from jp_firmware.model.ids import ConnectorId, ModuleId
from jp_firmware.sim.modules.families import EMULATED
from jp_firmware.sim.modules.stand_in import StandIn
from tests.e2e.test_families import PROFILES
from tests.hw.can.memory import FaultList
from tests.hw.lifelines import Lifelines
from tests.unhurried import BRIEFLY_S, LivedClock

STEP_S = 0.02
BATTERY_V = 400.0
WITHIN_S = 120.0  # patience with a kernel that is itself a process of a busy machine; a start takes 1 to 6 seconds


@attrs.define(eq=False, kw_only=True)
class Wired:
    """Two emulated modules on vcan0 and the tasks that drive them."""

    stand_in: StandIn
    tasks: list[ModuleTask]
    faults: FaultList
    order: tuple[float, float] | None = None
    heard: int = 0
    said: int = 0

    async def run(self, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """The modules' end of the wire."""
        with trio.socket.socket(socket.AF_CAN, socket.SOCK_RAW, socket.CAN_RAW) as raw:
            await raw.bind(("vcan0",))
            for module in self.stand_in.modules:
                module.power_up(trio.current_time())
            self.stand_in.plug(BATTERY_V)
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._live, raw)
                task_status.started()
                while True:
                    frame = unpack(await raw.recv(16))
                    if frame is not None:
                        self.heard += 1
                        await self._say(raw, self.stand_in.hear(frame, trio.current_time()))

    async def _live(self, raw: trio.socket.SocketType) -> None:
        last_s, renewed_s = trio.current_time(), -math.inf
        while True:
            await trio.sleep(STEP_S)
            now_s = trio.current_time()
            self.stand_in.step(now_s, now_s - last_s)
            await self._say(raw, self.stand_in.speak(now_s))
            last_s = now_s
            if self.order is not None and now_s - renewed_s >= 0.5:
                renewed_s = now_s
                self.tasks[0].want(*self.order, now_s + 2.0)

    async def _say(self, raw: trio.socket.SocketType, frames: Sequence[Frame]) -> None:
        for frame in frames:
            try:
                await raw.send(pack(frame))
            except OSError as error:
                if error.errno != errno.ENOBUFS:
                    raise
            else:
                self.said += 1

    async def until(self, condition: Callable[[], object], what: str) -> None:
        try:
            with trio.fail_after(WITHIN_S):
                while not condition():  # noqa: ASYNC110
                    await trio.sleep(STEP_S)
        except trio.TooSlowError:
            pytest.fail(f"{what}: {self.tasks[0].status.signal}, {self.faults.standing}")

    @property
    def current_a(self) -> float:
        return self.stand_in.modules[0].current_a

    @property
    def codes(self) -> set[str]:
        return {code for code, source in self.faults.standing if source == self.tasks[0].id}


@pytest.fixture(params=sorted(EMULATED))
def family(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
async def wired(family: str, nursery: trio.Nursery) -> AsyncIterator[Wired]:
    profile_name = PROFILES[family]
    profile, faults = load_profile(profile_name), FaultList()
    bus = CanBus.of_wire(schema.Wire(name="can0", kind="socketcan", port="vcan0"), Path("/dev"), faults)
    tasks = [
        ModuleTask(
            schema.Module(
                id=ModuleId(f"module-{address}"),
                wire="can0",
                address=address,
                connector=ConnectorId(1),
                driver=family,
                profile=profile_name,
            ),
            profile,
            bus,
            faults,
        )
        for address in (1, 2)
    ]
    wired = Wired(stand_in=StandIn(family, profile_name, (1, 2)), tasks=tasks, faults=faults)
    for module in wired.stand_in.modules:
        module.node.module.walk_in_s = min(module.node.module.walk_in_s, 1.0)
    await nursery.start(wired.run)
    await nursery.start(Lifelines().run, bus.run)
    with trio.fail_after(WITHIN_S):
        async with trio.open_nursery() as starting:
            for task in tasks:
                starting.start_soon(nursery.start, Lifelines().run, task.run)
    yield wired
    nursery.cancel_scope.cancel()


@pytest.fixture
def unhurried() -> LivedClock:
    """Modules and controller are in one process: where that gets no time, none passes."""
    return LivedClock(BRIEFLY_S)


async def test_it_starts_obeys_is_switched_off_and_is_missed_when_it_is_silent(
    unhurried: LivedClock, wired: Wired, family: str
) -> None:
    task, [module, neighbour] = wired.tasks[0], wired.stand_in.modules
    assert not module.on

    wired.order = (BATTERY_V + 50, 20.0)
    await wired.until(lambda: wired.current_a == pytest.approx(20, abs=0.5), "20 A flow")
    assert not neighbour.on
    wired.order = (BATTERY_V + 40, 8.0)
    await wired.until(lambda: wired.current_a == pytest.approx(8, abs=0.5), "8 A flow")
    await wired.until(lambda: module.set_voltage_v == pytest.approx(BATTERY_V + 40, abs=0.5), "440 V are set")
    await wired.until(lambda: told_a(task) == pytest.approx(8, abs=0.5), "8 A are told")

    wired.order = None
    task.want_off()
    await wired.until(lambda: not module.on and wired.current_a == 0, "it is off")
    await wired.until(lambda: task.status.signal.value is not None and not task.status.signal.value.on, "off is told")
    await wired.until(lambda: not wired.codes, "no fault stands")

    module.silence()
    await wired.until(lambda: "PM-01" in wired.codes and not task.usable, "it is missed")
    await wired.until(lambda: wired.tasks[1].usable, "its neighbour is heard")
    module.repair()
    await wired.until(lambda: not wired.codes and task.usable, "it is back")
    print(f"{family}: {wired.heard} frames heard, {wired.said} said")


def told_a(task: ModuleTask) -> float:
    status = task.status.signal.value
    return status.current_a if status is not None else math.nan
