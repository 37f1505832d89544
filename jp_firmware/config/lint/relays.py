"""Whether what hangs on the boards' free relays fits together: switches and bridges of modules, ties of bus-bars.

Pure; each check is a rule's, or a part of one (`lint.fit`). Each relay does one thing, each way that a module has leads
somewhere, once, and each segment can come home.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from jp_firmware.config.schema import BusBar, Cabinet, Segment
from jp_firmware.config.structure import Mistake, suggest, twice
from jp_firmware.config.text.lines import KeyPath
from jp_firmware.model.ids import ConnectorId

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")


# --- switches and bridges --------------------------------------------------------------------------------------------


def bridges(cabinet: Cabinet) -> Iterator[Mistake]:
    for at, bridge in enumerate(cabinet.bridges):
        if all(one.bridge != bridge.name for one in cabinet.switches):
            what = f'no switch goes over bridge "{bridge.name}"; name it at one, or remove the bridge'
            yield Mistake(("bridges", at), what)
    names: list[tuple[KeyPath, str]] = [(("bridges", at, "name"), one.name) for at, one in enumerate(cabinet.bridges)]
    yield from twice(names, lambda name: f'"{name}" is used twice; give each bridge a name of its own')


def switches(cabinet: Cabinet) -> Iterator[Mistake]:
    bridges = [one.name for one in cabinet.bridges]
    ways: list[tuple[KeyPath, tuple[str, int]]] = []
    for at, switch in enumerate(cabinet.switches):
        path: KeyPath = ("switches", at)
        yield from _known_module((*path, "module"), switch.module, cabinet)
        yield from _known_connector((*path, "connector"), switch.connector, cabinet)
        if switch.bridge and switch.bridge not in bridges:
            yield Mistake((*path, "bridge"), f'there is no bridge "{switch.bridge}"; {suggest(switch.bridge, bridges)}')
        ways.append(((*path, "connector"), (switch.module, switch.connector)))
    yield from twice(ways, lambda way: f"{way[0]} has two ways to connector {way[1]}; remove one")


def homes(cabinet: Cabinet) -> Iterator[Mistake]:
    """A switched module's own connector is where it goes when nobody says otherwise."""
    ways = {(one.module, one.connector) for one in cabinet.switches}
    switched = {one.module for one in cabinet.switches}
    for at, module in enumerate(cabinet.modules):
        if module.id in switched and (module.id, module.connector) not in ways:
            yield Mistake(
                ("modules", at, "connector"),
                f"{module.id} has switches, but none to connector {module.connector}; add one, or name another",
            )


# --- bus-bars --------------------------------------------------------------------------------------------------------


def bus_bars(cabinet: Cabinet) -> Iterator[Mistake]:
    """Each bus-bar by itself."""
    for at, bar in enumerate(cabinet.bus_bars):
        path: KeyPath = ("bus_bars", at)
        yield from _bar(path, bar)
        for nth, segment in enumerate(bar.segments):
            yield from _modules((*path, "segments", nth), segment, cabinet)
            if segment.connector is None:
                yield from _home((*path, "segments", nth, "modules"), bar, nth, cabinet)


def _bar(path: KeyPath, bar: BusBar) -> Iterator[Mistake]:
    """Its ties, and who stands beside whom."""
    segments = bar.segments
    if not _NAME.fullmatch(bar.name):
        yield Mistake((*path, "name"), f'"{bar.name}" is no name; use letters, digits, "-" and "_"')
    if len(segments) < 2:
        yield Mistake((*path, "segments"), "are fewer than two; without a second segment there is nothing to join")
        return
    for at, segment in enumerate(segments[:-1]):
        if segment.tie is None:
            what = f"is missing: segment {at + 1} must be joined to segment {at + 2}; name the board and the relay"
            yield Mistake((*path, "segments", at, "tie"), what)
    last = len(segments) - 1
    is_ring = segments[last].tie is not None
    if is_ring and len(segments) < 3:
        what = "closes a ring of two segments, which are joined already; remove it, or add a segment"
        yield Mistake((*path, "segments", last, "tie"), what)
        return
    if all(segment.connector is None for segment in segments):
        yield Mistake((*path, "segments"), "host no connector; name the connector that stands at one of them")
        return
    for at in range(len(segments) if is_ring else last):
        one, other = segments[at], segments[(at + 1) % len(segments)]
        if one.connector is not None and other.connector is not None:
            what = (
                f"would join connectors {one.connector} and {other.connector}, which must never be; "
                "put a segment without a connector between them"
            )
            yield Mistake((*path, "segments", at, "tie"), what)


def _modules(path: KeyPath, segment: Segment, cabinet: Cabinet) -> Iterator[Mistake]:
    """Those that are wired to it; at a connector's own segment they are that connector's for good."""
    homes = {one.id: one.connector for one in cabinet.modules}
    own = segment.connector
    if not segment.modules:
        yield Mistake((*path, "modules"), "is empty; name the modules that are wired to this segment")
    if own is not None:
        yield from _known_connector((*path, "connector"), own, cabinet)
    for nth, module in enumerate(segment.modules):
        yield from _known_module((*path, "modules", nth), module, cabinet)
        if own is not None and homes.get(module, own) != own:
            what = f"{module} is at connector {own} for good; write connector = {own} at the module"
            yield Mistake((*path, "modules", nth), what)


def _home(path: KeyPath, bar: BusBar, at: int, cabinet: Cabinet) -> Iterator[Mistake]:
    """A segment that moves goes, when nobody says otherwise, to the one connector that all its modules name."""
    homes = {one.id: one.connector for one in cabinet.modules}
    wanted = sorted({homes[module] for module in bar.segments[at].modules if module in homes})
    if len(wanted) > 1:
        listed = " and ".join(map(str, wanted))
        yield Mistake(path, f"go home to connectors {listed}; a segment moves whole, so name one of them")
    elif wanted and not _comes_home(bar, at, wanted[0], homes):
        what = (
            f"go home to connector {wanted[0]}, which this segment does not reach over segments that go there too; "
            "write another connector at the modules"
        )
        yield Mistake(path, what)


def _comes_home(bar: BusBar, at: int, home: ConnectorId, homes: dict[Any, ConnectorId]) -> bool:
    """Whether on one side all segments up to its home's own go home there as well."""
    count, is_ring = len(bar.segments), bar.segments[-1].tie is not None
    for step in (1, -1):
        beside = at + step
        while is_ring or 0 <= beside < count:
            segment = bar.segments[beside % count]
            if segment.connector is not None:
                if segment.connector == home:
                    return True
                break
            if beside % count == at or any(homes.get(module) != home for module in segment.modules):
                break
            beside += step
    return False


def one_place_each(cabinet: Cabinet) -> Iterator[Mistake]:
    """A module is wired to one segment, or has switches; a connector stands at one segment."""
    names: list[tuple[KeyPath, str]] = [(("bus_bars", at, "name"), one.name) for at, one in enumerate(cabinet.bus_bars)]
    yield from twice(names, lambda name: f'"{name}" is used twice; give each bus-bar a name of its own')
    modules: list[tuple[KeyPath, str]] = []
    hosted: list[tuple[KeyPath, int]] = []
    switched = {one.module for one in cabinet.switches}
    for path, segment in _segments(cabinet):
        modules += [((*path, "modules", nth), one) for nth, one in enumerate(segment.modules)]
        if segment.connector is not None:
            hosted.append(((*path, "connector"), segment.connector))
    for path, module in modules:
        if module in switched:
            yield Mistake(path, f"{module} has switches; a module hangs on a segment or on switches, never on both")
    yield from twice(modules, lambda one: f"{one} is on two segments; it is wired to one")
    yield from twice(hosted, lambda one: f"connector {one} stands at two segments; it has contactors at one")


def _segments(cabinet: Cabinet) -> Iterator[tuple[KeyPath, Segment]]:
    for at, bar in enumerate(cabinet.bus_bars):
        for nth, segment in enumerate(bar.segments):
            yield ("bus_bars", at, "segments", nth), segment


# --- relays ----------------------------------------------------------------------------------------------------------


def relays(cabinet: Cabinet) -> Iterator[Mistake]:
    """Each is of a board that there is, and does one thing."""
    boards: list[str] = [one.id for one in cabinet.plc_boards]
    used: list[tuple[KeyPath, str, int]] = []
    used += [(("bridges", at), one.board, one.relay) for at, one in enumerate(cabinet.bridges)]
    used += [(("switches", at), one.board, one.relay) for at, one in enumerate(cabinet.switches)]
    used += [((*path, "tie"), one.tie.board, one.tie.relay) for path, one in _segments(cabinet) if one.tie]
    for path, board, _ in used:
        if board not in boards:
            yield Mistake((*path, "board"), f'there is no PLC board "{board}"; {suggest(board, boards)}')
    relays: list[tuple[KeyPath, tuple[str, int]]] = [((*path, "relay"), (board, one)) for path, board, one in used]
    yield from twice(
        relays, lambda one: f"R{one[1]} of {one[0]} is used twice; a relay is one switch, one bridge or one tie"
    )


def _known_module(path: KeyPath, module: str, cabinet: Cabinet) -> Iterator[Mistake]:
    modules: list[str] = [one.id for one in cabinet.modules]
    if module not in modules:
        yield Mistake(path, f'there is no module "{module}"; {suggest(module, modules)}')


def _known_connector(path: KeyPath, connector: int, cabinet: Cabinet) -> Iterator[Mistake]:
    known = [one.id for one in cabinet.connectors]
    if connector not in known:
        there = f"known: {', '.join(map(str, known))}" if known else "add one under [[connectors]]"
        yield Mistake(path, f"there is no connector {connector}; {there}")
