"""What each part of the tree is watched by: one table of defaults, and what `[[watchdogs]]` of a cabinet changes.

Pure. The paths are those of the tree that the controller builds from the same cabinet; a test holds the two together.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from typing import Any

import attrs

from jp_firmware.config.schema import Cabinet, Watchdog
from jp_firmware.config.structure import Mistake, suggest


@attrs.frozen
class Kind:
    """A kind of part: its evidence of life, the periods that make sense for it, and its terms unless changed."""

    evidence: str
    shortest_s: float
    longest_s: float
    period_s: float = math.inf  # none; devices bring their own
    grace_s: float = 10.0  # from the start to the first evidence
    on_bus: bool = False


KINDS: Mapping[str, Kind] = {
    "journal": Kind("a commit, or a round trip through the writer's thread", 2, 120, period_s=10.0),
    # Far above any block that the process survives: the guard's silence is counted in beats, and ends it much earlier.
    "config": Kind("none: it acts when it is asked, and each step of it has a time of its own", 10, 3600),
    "guard": Kind("its answer to a beat of the loop", 10, 3600, period_s=60.0),
    "planner": Kind("a plan published, every 0.5 s", 1, 4, period_s=2.0),  # below 5 s, the life of an allocation
    "arrivals": Kind("the sessions read from the journal, every hour", 3700, 86_400, period_s=7_200.0),
    # Longer than the closing of a session; below it, leases of set-points end after 2 s. Recovery comes before ready.
    "connector": Kind("a scan of its machine", 15, 120, period_s=20.0, grace_s=30.0),
    "backend": Kind("a frame, a pong, or an attempt to connect", 10, 7200),  # its period follows from its timings
    "profiles": Kind("a look at the charging profiles, every second", 2, 60, period_s=5.0),
    "console": Kind("a socket drained, or none to serve", 2, 60, period_s=5.0),
    # An adapter that hangs says nothing, and only opening it anew wakes it. Modules answer many times a second.
    "can link": Kind("a frame of another node", 5, 3600, period_s=30.0, on_bus=True),
    # Its master gives up by itself after too many unanswered questions.
    "modbus link": Kind("a valid answer of any unit", 5, 3600, on_bus=True),
    "module": Kind("a plausible answer to a question that was asked", 0.2, 9, on_bus=True),  # its own time-out is 10 s
    "meter": Kind("a plausible reading that moves", 0.5, 60, on_bus=True),
    "site meter": Kind("a plausible reading that moves", 1, 300, on_bus=True),
    "plc board": Kind("a heartbeat that moved", 0.5, 15, on_bus=True),
    "switching": Kind("a look at every relay and module, ten times a second", 1, 10, period_s=2.0),
    "reader": Kind("bytes read; an idle reader says none", 10, 86_400),
    "process": Kind("a look at the whole tree that came to its end, every second", 2, 60, period_s=5.0),
}
# Parts that the process brings along, beside those of the cabinet.
GUARD = "guard/process"
PROCESS = "process/health"
SWITCHING = "switching/modules"
SITE_METER = "site-meter"  # its name in the tree and in faults
_TERMS = ("period_s", "grace_s", "at_expiry")
LINK = "link"  # what a wire's own child is called; a "*" in a path never means it


@attrs.frozen
class Watch:
    """The terms of one part."""

    kind: str
    period_s: float
    grace_s: float
    at_expiry: str = "restart"

    @property
    def terms(self) -> dict[str, Any]:
        """As a supervisor's child takes them."""
        at_expiry = {"restart-bus": "restart all"}.get(self.at_expiry, self.at_expiry)
        return {"watchdog_s": self.period_s, "ready_within_s": self.grace_s, "at_expiry": at_expiry}


def watches(cabinet: Cabinet, backend_s: float = math.inf) -> dict[str, Watch]:
    """Each part of the cabinet's tree by its path. `backend_s` is the period that the backend's timings ask for."""
    found = {
        path: Watch(kind, _own_s(kind, own_s), KINDS[kind].grace_s) for path, kind, own_s in _parts(cabinet, backend_s)
    }
    for entry in cabinet.watchdogs:
        changed = {key: value for key in _TERMS if (value := getattr(entry, key)) is not None}
        for path in _meant(entry, found):
            found[path] = attrs.evolve(found[path], **changed)
    return found


def mistakes(cabinet: Cabinet) -> Iterator[Mistake]:
    """Entries that name no part, or ask of a part what does not fit it."""
    known = watches(attrs.evolve(cabinet, watchdogs=()))
    for at, entry in enumerate(cabinet.watchdogs):
        meant = _meant(entry, known)
        if not meant:
            yield Mistake(
                ("watchdogs", at, "path"), f'there is no "{entry.path}" in the tree; {_nearest(entry.path, known)}'
            )
        for path in meant:
            kind = KINDS[known[path].kind]
            if entry.period_s is not None and not kind.shortest_s <= entry.period_s <= kind.longest_s:
                yield Mistake(
                    ("watchdogs", at, "period_s"),
                    f"{entry.period_s:g} is out of range for {path}; "
                    f"allowed: {kind.shortest_s:g} to {kind.longest_s:g}",
                )
            if entry.at_expiry == "restart-bus" and not kind.on_bus:
                yield Mistake(("watchdogs", at, "at_expiry"), f'{path} is on no bus; choose "restart" or "escalate"')


def overruled(cabinet: Cabinet) -> Iterator[Mistake]:
    """What an entry says and later ones say otherwise, of every part that it means."""
    known = watches(attrs.evolve(cabinet, watchdogs=()))
    said = [(at, key, path) for at, entry in enumerate(cabinet.watchdogs) for key, path in _said(entry, known)]
    last = {(key, path): at for at, key, path in said}
    for at, key in dict.fromkeys((at, key) for at, key, _ in said):
        later = {last[key, path] for one, of, path in said if (one, of) == (at, key)}
        if at not in later:
            paths = " and ".join(f'"{cabinet.watchdogs[one].path}"' for one in sorted(later))
            yield Mistake(("watchdogs", at, key), f"never holds: the later {paths} says it anew; remove one of them")


def _said(entry: Watchdog, known: Mapping[str, Watch]) -> list[tuple[str, str]]:
    keys = [key for key in _TERMS if getattr(entry, key) is not None]
    return [(key, path) for key in keys for path in _meant(entry, known)]


def _meant(entry: Watchdog, known: Mapping[str, Watch]) -> list[str]:
    return [
        path
        for path in known
        if len(path.split("/")) == len(entry.path.split("/"))
        and all(map(fnmatchcase, path.split("/"), entry.path.split("/")))
        and (not path.endswith(f"/{LINK}") or entry.path.endswith(f"/{LINK}"))
    ]


def _nearest(path: str, known: Mapping[str, Watch]) -> str:
    """A branch has no watchdog of its own, but the parts below it have."""
    below = [one for one in known if one.startswith(f"{path}/")]
    return f"did you mean {' or '.join(below[:3])}?" if below else suggest(path, list(known))


def _own_s(kind: str, own_s: float | None) -> float:
    return KINDS[kind].period_s if own_s is None else own_s


def _parts(cabinet: Cabinet, backend_s: float) -> Iterator[tuple[str, str, float | None]]:
    """Path, kind, and the period that it brings along."""
    yield "journal", "journal", None
    yield "config/changes", "config", None
    yield GUARD, "guard", None
    for wire in cabinet.wires:
        yield f"wires/{wire.name}/{LINK}", "can link" if wire.is_can else "modbus link", None
    for board in cabinet.plc_boards:
        # Without a heartbeat its signals are stale after watchdog_s; the tree is the second line, for a hung task.
        yield f"wires/{board.wire}/{board.id}", "plc board", 2 * board.watchdog_s + 1.0
    for meter in cabinet.meters:
        yield f"wires/{meter.wire}/{meter.id}", "meter", meter.watchdog_s
    if cabinet.site_meter:
        yield f"wires/{cabinet.site_meter.wire}/{SITE_METER}", "site meter", cabinet.site_meter.watchdog_s
    for module in cabinet.modules:
        yield f"wires/{module.wire}/{module.id}", "module", module.watchdog_s
    for reader in cabinet.readers:
        yield f"wires/{reader.id}", "reader", None
    if cabinet.moving_modules:
        yield SWITCHING, "switching", None
    yield "planner", "planner", None
    for connector in cabinet.connectors:
        yield f"connectors/connector-{connector.id}", "connector", None
    yield "forecast/arrivals", "arrivals", None
    yield "backend/ocpp-1.6", "backend", backend_s
    yield "backend/charging-profiles", "profiles", None
    yield "consoles/socket", "console", None
    yield PROCESS, "process", None
