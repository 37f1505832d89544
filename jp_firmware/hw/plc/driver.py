"""What a driver for a kind of PLC board must give. Drivers are found by name through `jp_firmware.plc`."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from importlib.metadata import entry_points
from typing import Protocol

from jp_firmware.charging.ports import EvLink, FaultSink
from jp_firmware.config import schema
from jp_firmware.config.schema import ConfigError
from jp_firmware.hw.modbus.master import ModbusMaster
from jp_firmware.hw.modules.module import ModuleTask
from jp_firmware.model.ids import ConnectorId
from jp_firmware.model.plc import PlcIdentity, PlcStatus
from jp_firmware.model.signals import Source
from jp_firmware.nursery.supervisor import Lifeline

ENTRY_POINTS = "jp_firmware.plc"


class BoardTask(Protocol):
    """One PLC board at work: a child of the tree, and an `EvLink` for each of its connectors."""

    behind: Callable[[], Sequence[ModuleTask]]
    """The modules that feed over its relays and contactors now: off, and measured so, before its task opens them."""

    @property
    def status(self) -> Source[PlcStatus]: ...

    @property
    def identity(self) -> PlcIdentity | None:
        """What the board says of itself; None while it is not connected."""

    @property
    def connectors(self) -> Mapping[ConnectorId, EvLink]: ...

    @property
    def free_relays(self) -> range:
        """Numbers of the outputs that `set_relays` may close; none while it is not connected."""

    def set_relays(self, closed: Collection[int], contained: Collection[int] = ()) -> None:
        """The free outputs that are to be closed, all others open. The end of the link opens all of them.

        A relay that does not follow its command ends the board's sessions, unless it is one of `contained`.
        """

    def configure(self, config: schema.PlcBoard) -> None:
        """Another unit or watchdog, from its next start on: to be called while it is down. Connectors stay."""

    async def run(self, lifeline: Lifeline) -> None: ...

    @property
    def safe_within_s(self) -> float:
        """The deadline that `safe` needs."""

    async def safe(self) -> None:
        """Commands all contactors open until the board confirms it, or nobody listens. Idempotent.

        Raises for a board that answers and keeps contactors closed: the tree then latches it.
        """


class BoardDriver(Protocol):
    """A kind of PLC board."""

    name: str

    def board(self, config: schema.PlcBoard, master: ModbusMaster, faults: FaultSink) -> BoardTask:
        """A board on `master`'s wire. Raises ConfigError for a configuration the board cannot serve."""


def load_driver(name: str) -> BoardDriver:
    """The driver installed under `name`. Raises ConfigError, naming those there are, if there is none."""
    found = entry_points(group=ENTRY_POINTS)
    if name not in found.names:
        known = ", ".join(sorted(found.names)) or "none"
        raise ConfigError(f"no PLC board driver {name!r} is installed; there are: {known}")
    driver: BoardDriver = found[name].load()
    return driver
