"""What a driver for a family of meters must give. Drivers are found by name through `jp_firmware.meters`."""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import entry_points
from typing import Protocol

from jp_firmware.charging.ports import FaultSink
from jp_firmware.config import schema
from jp_firmware.config.schema import ConfigError
from jp_firmware.hw.modbus.master import ModbusMaster
from jp_firmware.model.power import MeterReading
from jp_firmware.model.signals import Source
from jp_firmware.nursery.supervisor import Lifeline

ENTRY_POINTS = "jp_firmware.meters"


def nothing_known() -> float | None:
    return None


class MeterTask(Protocol):
    """One meter at work: a child of the tree, and the port `charging.ports.Meter`."""

    @property
    def reading(self) -> Source[MeterReading]: ...

    def configure(self, config: schema.Meter) -> None:
        """Another unit, profile or watchdog, from its next start on: to be called while it is down.

        Raises ConfigError for a profile that is missing or wrong, and changes nothing then.
        """

    async def run(self, lifeline: Lifeline) -> None: ...


class MeterDriver(Protocol):
    """A family of meters."""

    name: str

    def meter(
        self,
        config: schema.Meter,
        master: ModbusMaster,
        faults: FaultSink,
        flowing_w: Callable[[], float | None] = nothing_known,
    ) -> MeterTask:
        """A meter on `master`'s wire. `flowing_w` is what somebody else measures there, None if nobody knows now.

        Raises ConfigError for a profile that is missing or wrong.
        """


def load_driver(name: str) -> MeterDriver:
    """The driver installed under `name`. Raises ConfigError, naming those there are, if there is none."""
    found = entry_points(group=ENTRY_POINTS)
    if name not in found.names:
        known = ", ".join(sorted(found.names)) or "none"
        raise ConfigError(f"no meter driver {name!r} is installed; there are: {known}")
    driver: MeterDriver = found[name].load()
    return driver
