"""A module small enough to be seen through: obeys at once, measures what it was told, misbehaves on demand."""

from __future__ import annotations

import attrs
import trio

from jp_firmware.config import schema
from jp_firmware.hw.can.bus import CanBus
from jp_firmware.hw.can.frame import Frame
from jp_firmware.hw.modules import infypower_wire as wire
from jp_firmware.hw.modules.driver import Condition, Frames, ModuleDriver, ModuleProfile, Report
from jp_firmware.hw.modules.infypower import DRIVER, InfyPowerCodec, InfyPowerDriver
from jp_firmware.hw.modules.infypower_wire import Bit, Command
from jp_firmware.hw.modules.module import ModuleTask
from jp_firmware.model.ids import ConnectorId, ModuleId
from tests.hw.can.memory import FaultList, MemoryBus

# What the first module is told, as a bus wrote it down.
SET = "029C00F0#"
ON = "029A00F0#0000000000000000"
OFF = "029A00F0#0100000000000000"

PROFILE = ModuleProfile(
    name="test module",
    max_voltage_v=1000,
    min_voltage_v=150,
    max_current_a=100,
    max_power_w=30_000,
    walk_in="disable",
)
TWO_RANGES = attrs.evolve(PROFILE, low_range_max_voltage_v=500, high_range_max_current_a=50)
RANGE_OBJECT = wire.Range(high=True).encode()[:2]


@attrs.define(eq=False)
class FakeModule:
    """Answers as a module at `address`. `orders` is what it was switched and set to, and when."""

    address: int = 0
    on: bool = False
    set_voltage_v: float = 0.0
    set_current_a: float = 0.0
    bits: Bit = Bit.WALK_IN  # without DC_OFF, which follows `on`
    ratings: wire.Ratings = attrs.field(factory=lambda: wire.Ratings(1000, 150, 100, 30_000))
    measured: wire.Output | None = None  # in place of what it was told
    silent: bool = False
    deaf_to: set[int] = attrs.field(factory=set)  # commands that it acknowledges and does not obey
    lost: int = 0  # OFF frames that do not arrive
    error: int = wire.Error.NONE
    high: bool = True  # output range
    stuck_range: bool = False  # acknowledges a change of it, and does nothing
    ambient_c: int = 31
    available_a: float = 0.0
    most_a: float | None = None  # delivers no more than this, and says nothing about it
    load_v: float | None = None  # a battery at the output: then the voltage is not that of the set-point
    orders: list[tuple[float, str]] = attrs.field(factory=list)

    def hear(self, frame: Frame) -> list[Frame]:
        asked = wire.Identifier.decode(frame.can_id)
        if asked.destination != self.address or asked.source != wire.CONTROLLER:
            return []
        if asked.command == Command.SET_SWITCH and frame.data == wire.OFF.encode() and self.lost:
            self.lost -= 1
            return []
        if not self.silent and asked.command not in self.deaf_to:
            self._obey(asked.command, frame.data)
        if self.silent:
            return []
        return [wire.reply(asked, self.address, self._data(asked.command, frame.data), error=self.error)]

    def output(self) -> wire.Output:
        if self.measured is not None:
            return self.measured
        if not self.on:
            return wire.Output(0, 0)
        current_a = self.set_current_a if self.most_a is None else min(self.set_current_a, self.most_a)
        return wire.Output(self.load_v or self.set_voltage_v, current_a)

    def _obey(self, command: int, data: bytes) -> None:
        now_s = trio.current_time()
        match command:
            case Command.SET_SWITCH:
                self.on = data == wire.ON.encode()
                self.orders.append((now_s, "on" if self.on else "off"))
            case Command.SET_OUTPUT:
                output = wire.Output.decode(data)
                self.set_voltage_v, self.set_current_a = output.voltage_v, output.current_a
                self.orders.append((now_s, f"{output.voltage_v:g} V {output.current_a:g} A"))
            case Command.SET_COMPREHENSIVE if data[:2] == RANGE_OBJECT:
                assert not self.on, "an output range is changed while off only"
                high = data == wire.Range(high=True).encode()
                self.high = self.high if self.stuck_range else high
                self.orders.append((now_s, "high range" if high else "low range"))
            case Command.SET_WALK_IN:
                self.bits = self.bits & ~Bit.WALK_IN

    def _data(self, command: int, data: bytes) -> bytes:
        match command:
            case Command.READ_OUTPUT:
                return self.output().encode()
            case Command.READ_STATUS:
                bits = self.bits if self.on else self.bits | Bit.DC_OFF
                return wire.Status(bits, self.ambient_c, range_flag=int(self.high)).encode()
            case Command.READ_EXTERNAL:
                return wire.External(0, self.available_a).encode()
            case Command.READ_RATINGS:
                return self.ratings.encode()
        return data


@attrs.frozen
class RangeCodec(InfyPowerCodec):
    """As InfyPower's, of a module that reports its output range and what it has available with its condition."""

    def ask_condition(self) -> Frames:
        return (wire.request(Command.READ_EXTERNAL, self.address), *super().ask_condition())

    def decode(self, frame: Frame) -> tuple[Report, ...]:
        flag = wire.Status.decode(frame.data).range_flag
        return tuple(
            attrs.evolve(one, high_range=bool(flag)) if isinstance(one, Condition) else one
            for one in super().decode(frame)
        )


@attrs.frozen
class RangeDriver(InfyPowerDriver):
    """A family whose modules report their output range."""

    def codec(self, address: int, _profile: ModuleProfile) -> InfyPowerCodec:
        return RangeCodec(address)


@attrs.define(eq=False)
class Bench:
    """A bus in memory with fake modules on it, and the tasks that drive them."""

    memory: MemoryBus = attrs.field(factory=MemoryBus)
    faults: FaultList = attrs.field(factory=FaultList)
    bus: CanBus = attrs.field(init=False)
    fakes: list[FakeModule] = attrs.field(factory=list)
    tasks: list[ModuleTask] = attrs.field(factory=list)

    def __attrs_post_init__(self) -> None:
        self.bus = CanBus("can0", 125_000, self.memory.open, self.faults)

    def add(
        self,
        fake: FakeModule | None = None,
        profile: ModuleProfile = PROFILE,
        driver: ModuleDriver = DRIVER,
    ) -> tuple[FakeModule, ModuleTask]:
        fake = fake or FakeModule(address=len(self.fakes))
        config = schema.Module(
            id=ModuleId(f"module-{fake.address + 1}"), wire="can0", address=fake.address, connector=ConnectorId(1)
        )
        task = ModuleTask(config, profile, self.bus, self.faults, driver)
        self.fakes.append(fake)
        self.tasks.append(task)
        self.memory.devices.append(fake.hear)
        return fake, task
