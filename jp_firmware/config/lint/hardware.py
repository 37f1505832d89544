"""Rules against what is really there: modules, boards, meters and ports that were found, as plain data.

What was not looked for is not missed, and what a device did not say is not compared. Whoever asks decides what follows:
a finding that stood before a change is no reason to refuse the change.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeAlias

import attrs

from jp_firmware.config.lint.ratings_of import module_type
from jp_firmware.config.lint.rule import Explained, Severity
from jp_firmware.config.schema import Cabinet, Module
from jp_firmware.config.structure import Mistake
from jp_firmware.config.text.lines import KeyPath
from jp_firmware.model.ids import MeterId, PlcId
from jp_firmware.model.plc import RELAYS
from jp_firmware.model.power import StageRating

MAP_MAJOR = 1
"""Of the PLC link: boards of another major version are not driven (docs/plc-link.md, section 6)."""

LAST_RELAY_OF_MAP_1_0 = 4
"""Boards have relays up to R4 in the first map, all 16 since 1.1."""

TOLERANCE = 0.02
"""Ratings that differ by less are the same, told in other steps (ours)."""


@attrs.frozen(kw_only=True)
class FoundModule:
    """A module that answered. What it did not say is empty, or None."""

    wire: str
    address: int
    family: str  # for people
    driver: str = ""  # "" where there is none for its family
    serial: str = ""
    rating: StageRating | None = None


@attrs.frozen(kw_only=True)
class FoundBoard:
    """A PLC board that has identified itself, under the name that the configuration gives it."""

    id: PlcId
    map_major: int
    map_minor: int
    connectors: int  # blocks served

    @property
    def last_relay(self) -> int:
        """The highest number of its relays."""
        return RELAYS if self.map_minor >= 1 else LAST_RELAY_OF_MAP_1_0


@attrs.frozen(kw_only=True)
class Hardware:
    """What was found. None: not looked for."""

    searched: frozenset[str] = frozenset()  # the CAN wires on which all modules are known
    modules: tuple[FoundModule, ...] = ()
    boards: tuple[FoundBoard, ...] = ()
    meters: frozenset[MeterId] | None = None  # those that answer
    ports: frozenset[str] | None = None  # ttys below the device directory, and network interfaces


Check: TypeAlias = Callable[[Cabinet, Hardware], Iterator[Mistake]]


@attrs.frozen(kw_only=True)
class HardwareRule(Explained):
    """One that compares the configuration with what was found."""

    check: Check

    def mistakes(self, cabinet: Cabinet, hardware: Hardware) -> Iterator[Mistake]:
        """What breaks it, each with its id."""
        for one in self.check(cabinet, hardware):
            yield attrs.evolve(one, rule=self.id)


def against_hardware(cabinet: Cabinet, hardware: Hardware) -> list[Mistake]:
    """What the configuration says otherwise than what was found. `examine.findings_of` gives each its line."""
    return [mistake for rule in HARDWARE_RULES for mistake in rule.mistakes(cabinet, hardware)]


# --- modules -------------------------------------------------------------------------------------------------------


def _at(hardware: Hardware, module: Module) -> list[FoundModule]:
    return [one for one in hardware.modules if (one.wire, one.address) == (module.wire, module.address)]


def _families(cabinet: Cabinet, hardware: Hardware) -> Iterator[Mistake]:
    for at, module in enumerate(cabinet.modules):
        there = _at(hardware, module)
        if there and all(one.driver != module.driver for one in there):
            found = " and ".join(f"{one.family}, driver {one.driver}" if one.driver else one.family for one in there)
            yield Mistake(
                ("modules", at, "driver"),
                f"{module.driver}, but at address {module.address} of {module.wire} answers {found}; write what "
                "is there",
            )


def _ratings(cabinet: Cabinet, hardware: Hardware) -> Iterator[Mistake]:
    for at, module in enumerate(cabinet.modules):
        kind = module_type(module.profile)
        for one in _at(hardware, module):
            if kind and one.rating and one.driver == module.driver and (said := _differences(one.rating, kind.rating)):
                yield Mistake(
                    ("modules", at, "profile"),
                    f"{module.id} says of itself {', '.join(said)} ({module.profile}); choose the profile of its type",
                )


def _differences(told: StageRating, expected: StageRating) -> list[str]:
    """Its lowest voltage is left out: data sheets of one and the same module disagree about it."""
    pairs = (
        ("V", told.max_voltage_v, expected.max_voltage_v),
        ("A", told.max_current_a, expected.max_current_a),
        ("W", told.max_power_w, expected.max_power_w),
    )
    return [
        f"{has:.12g} {unit}, {'below' if has < should else 'above'} the profile's {should:.12g} {unit}"
        for unit, has, should in pairs
        if abs(has - should) > TOLERANCE * should
    ]


def _unexpected(cabinet: Cabinet, hardware: Hardware) -> Iterator[Mistake]:
    places = {(one.wire, one.address) for one in cabinet.modules}
    for one in hardware.modules:
        if (one.wire, one.address) not in places:
            serial = f", serial number {one.serial}" if one.serial else ""
            yield Mistake(
                ("modules",),
                f"nobody has configured the module at address {one.address} of {one.wire} ({one.family}{serial}); add "
                "it under [[modules]], or take it off the bus",
            )


def _missing(cabinet: Cabinet, hardware: Hardware) -> Iterator[Mistake]:
    for at, module in enumerate(cabinet.modules):
        if module.wire in hardware.searched and not _at(hardware, module):
            yield Mistake(
                ("modules", at, "address"),
                f"{module.id} does not answer at address {module.address} of {module.wire}; check its address and "
                "its supply",
            )


# --- boards, meters, ports -----------------------------------------------------------------------------------------


def _blocks(cabinet: Cabinet, hardware: Hardware) -> Iterator[Mistake]:
    found = {one.id: one for one in hardware.boards}
    for at, board in enumerate(cabinet.plc_boards):
        one = found.get(board.id)
        if one and one.connectors != len(board.connectors):
            yield Mistake(
                ("plc_boards", at, "connectors"),
                f"{board.id} serves {one.connectors}, and {len(board.connectors)} are named here; name those that are "
                "wired to it",
            )


def _relays(cabinet: Cabinet, hardware: Hardware) -> Iterator[Mistake]:
    found = {one.id: one for one in hardware.boards}
    for path, board, relay in _used_relays(cabinet):
        one = found.get(board)
        if one and relay > one.last_relay:
            yield Mistake(
                (*path, "relay"),
                f"R{relay} is not there: {board} speaks PLC link {one.map_major}.{one.map_minor}, which ends at "
                f"R{one.last_relay}; use another relay, or update the board",
            )


def _used_relays(cabinet: Cabinet) -> Iterator[tuple[KeyPath, PlcId, int]]:
    yield from ((("bridges", at), one.board, one.relay) for at, one in enumerate(cabinet.bridges))
    yield from ((("switches", at), one.board, one.relay) for at, one in enumerate(cabinet.switches))
    for at, bar in enumerate(cabinet.bus_bars):
        for nth, segment in enumerate(bar.segments):
            if segment.tie:
                yield ("bus_bars", at, "segments", nth, "tie"), segment.tie.board, segment.tie.relay


def _maps(cabinet: Cabinet, hardware: Hardware) -> Iterator[Mistake]:
    found = {one.id: one for one in hardware.boards}
    for at, board in enumerate(cabinet.plc_boards):
        one = found.get(board.id)
        if one and one.map_major != MAP_MAJOR:
            yield Mistake(
                ("plc_boards", at),
                f"{board.id} speaks PLC link {one.map_major}.{one.map_minor}, this controller {MAP_MAJOR}; update the "
                f"{'controller' if one.map_major > MAP_MAJOR else 'board'}",
            )


def _ports(cabinet: Cabinet, hardware: Hardware) -> Iterator[Mistake]:
    if hardware.ports is None:
        return
    used: list[tuple[KeyPath, str]] = [
        (("wires", at, "port"), one.port) for at, one in enumerate(cabinet.wires) if one.kind != "modbus-tcp"
    ]
    used += [(("readers", at, "port"), one.port) for at, one in enumerate(cabinet.readers)]
    for path, port in used:
        if port not in hardware.ports:
            yield Mistake(path, f'there is no "{port}" on this machine; plug its adapter in, or name another')


def _meters(cabinet: Cabinet, hardware: Hardware) -> Iterator[Mistake]:
    if hardware.meters is None:
        return
    for at, meter in enumerate(cabinet.meters):
        if meter.id not in hardware.meters:
            yield Mistake(
                ("meters", at, "unit"),
                f"{meter.id} does not answer as unit {meter.unit} on {meter.wire}; check its unit, the line's speed "
                "and parity, and its wiring",
            )


HARDWARE_RULES: tuple[HardwareRule, ...] = (
    HardwareRule(
        id="RULE-80",
        title="A module of another family than is configured",
        reason="It does not understand its driver: it never switches on, or not when it should.",
        fix="Write the driver and the profile of the family that is there.",
        check=_families,
    ),
    HardwareRule(
        id="RULE-81",
        title="A module with other ratings than its profile",
        reason="The module's own word holds, so power is right; but limits and checks were made with the profile's.",
        fix="Choose the profile of its type, or add one.",
        severity=Severity.WARNING,
        check=_ratings,
    ),
    HardwareRule(
        id="RULE-82",
        title="A module that nobody has configured",
        reason="It hangs on the bus and gives no power, and nobody watches it.",
        fix="Add it under [[modules]], or take it off the bus.",
        severity=Severity.WARNING,
        check=_unexpected,
    ),
    HardwareRule(
        id="RULE-83",
        title="A configured module that does not answer",
        reason="Its connector has less power than is written, and a fault stands for it.",
        fix="Check its address, its supply and the bus.",
        severity=Severity.WARNING,
        check=_missing,
    ),
    HardwareRule(
        id="RULE-84",
        title="A PLC board with another number of connectors",
        reason="Blocks of the board and connectors of the charger would not belong together: it is not driven.",
        fix="Name the connectors that are wired to the board, in the order of its blocks.",
        check=_blocks,
    ),
    HardwareRule(
        id="RULE-85",
        title="A relay that the PLC board has not got",
        reason="A way over it never closes, and its module never arrives. Relays above R4 came with map version 1.1.",
        fix="Use R3 or R4, or update the board.",
        check=_relays,
    ),
    HardwareRule(
        id="RULE-86",
        title="A PLC board of another major version of the link",
        reason="Its registers mean something else: it is not driven (PLC-05).",
        fix="Update the older of the two.",
        check=_maps,
    ),
    HardwareRule(
        id="RULE-87",
        title="A port that is not there",
        reason="Its wire or reader stays down until it is.",
        fix="Plug the adapter in, or name the port that it has: udev/70-jp.rules gives ports their names.",
        severity=Severity.WARNING,
        check=_ports,
    ),
    HardwareRule(
        id="RULE-88",
        title="A meter that does not answer",
        reason="Without readings its connector does not charge.",
        fix="Check unit, speed and parity against the meter's own menu, and the wiring.",
        severity=Severity.WARNING,
        check=_meters,
    ),
)
