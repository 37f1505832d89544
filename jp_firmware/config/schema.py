"""What a cabinet's configuration may say: each key with its meaning, unit, range and default, and what a change takes.

The classes mirror the TOML file one to one; they stand in `tables`, and this is their face. Checks that need more than
one key are rules: see `lint`.
"""

from typing import Annotated

import attrs

from jp_firmware.config.key import Key, Reload, declared
from jp_firmware.config.tables.charger import Board, Brand, Charger, Process, Watchdog
from jp_firmware.config.tables.hardware import (
    Bridge,
    BusBar,
    Connector,
    Meter,
    Module,
    PlcBoard,
    Reader,
    Segment,
    Switch,
    Tie,
    Wire,
)
from jp_firmware.config.tables.people import MEASURANDS, Authorize, Backend, LocalTag, Ocpp
from jp_firmware.config.tables.power import Chain, Feeder, Planner, Site, SiteMeter
from jp_firmware.model.ids import ModuleId

__all__ = [
    "MEASURANDS",
    "Authorize",
    "Backend",
    "Board",
    "Brand",
    "Bridge",
    "BusBar",
    "Cabinet",
    "Chain",
    "Charger",
    "ConfigError",
    "Connector",
    "Feeder",
    "LocalTag",
    "Meter",
    "Module",
    "Ocpp",
    "Planner",
    "PlcBoard",
    "Process",
    "Reader",
    "Segment",
    "Site",
    "SiteMeter",
    "Switch",
    "Tie",
    "Watchdog",
    "Wire",
]

RECONNECT = Reload.RECONNECT
RESTART = Reload.RESTART_CHILD


class ConfigError(Exception):
    """A mistake in the configuration: what, where (file, line or key) and what to do, in one line."""


@attrs.frozen(kw_only=True, field_transformer=declared)
class Cabinet:
    """The whole configuration of one charger."""

    charger: Annotated[Charger, Key("Who the charger is.")]
    site: Annotated[Site, Key("What the site may draw.")]
    board: Annotated[Board, Key("The board that the controller runs on.")] = attrs.field(factory=Board)
    brand: Annotated[Brand, Key("Under whose name the charger stands.")] = attrs.field(factory=Brand)
    backend: Annotated[Backend, Key("The central system.", reload=RECONNECT)] = attrs.field(factory=Backend)
    ocpp: Annotated[Ocpp, Key("What is agreed with the central system.")] = attrs.field(factory=Ocpp)
    authorize: Annotated[Authorize, Key("Who may charge, and who decides while the central system is away.")] = (
        attrs.field(factory=Authorize)
    )
    process: Annotated[Process, Key("The controller as a process of the machine.", reload=RESTART)] = attrs.field(
        factory=Process
    )
    wires: Annotated[tuple[Wire, ...], Key("The buses.", reload=RESTART)] = ()
    modules: Annotated[tuple[Module, ...], Key("The power modules.", reload=RESTART)] = ()
    meters: Annotated[tuple[Meter, ...], Key("The meters that energy is billed by.", reload=RESTART)] = ()
    plc_boards: Annotated[tuple[PlcBoard, ...], Key("The boards that own safety.", reload=RESTART)] = ()
    readers: Annotated[tuple[Reader, ...], Key("The RFID readers.", reload=RESTART)] = ()
    connectors: Annotated[tuple[Connector, ...], Key("The connectors.", reload=RESTART)] = ()
    watchdogs: Annotated[tuple[Watchdog, ...], Key("How parts of the tree are watched.")] = ()
    planner: Annotated[Planner, Key("How the site's power is shared.")] = attrs.field(factory=Planner)
    chains: Annotated[tuple[Chain, ...], Key("Groups of connectors with a limit, and a share of their own.")] = ()
    feeders: Annotated[tuple[Feeder, ...], Key("Supply lines that carry some of the connectors.")] = ()
    bridges: Annotated[tuple[Bridge, ...], Key("Contactors between the chains' bus-bars.", reload=RESTART)] = ()
    switches: Annotated[tuple[Switch, ...], Key("The relays by which modules move.", reload=RESTART)] = ()
    bus_bars: Annotated[tuple[BusBar, ...], Key("Bus-bars whose segments move.", reload=RESTART)] = ()
    site_meter: Annotated[SiteMeter | None, Key("The meter of the site.", reload=RESTART)] = None

    def wire(self, name: str) -> Wire:
        return next(wire for wire in self.wires if wire.name == name)

    @property
    def moving_modules(self) -> frozenset[ModuleId]:
        """Those that relays bring to one connector or another: with switches, or on a segment without a connector."""
        free = (segment for bar in self.bus_bars for segment in bar.segments if segment.connector is None)
        return frozenset(one.module for one in self.switches) | {key for segment in free for key in segment.modules}
