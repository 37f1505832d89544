"""For each key there is, a change of it that makes another good configuration: by its declaration, where that tells.

What a declaration cannot say (names that others go by, files that must be there) stands in `PARTICULAR`.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import NoneType
from typing import Any, get_args

import attrs

from jp_firmware.config.draft import Draft, InForce, draft, effective
from jp_firmware.config.key import Known
from jp_firmware.config.profiles import path_of
from jp_firmware.config.store import of_text
from jp_firmware.config.text.edits import Put, key_of, leaves
from jp_firmware.config.told.explain import all_keys
from jp_firmware.hw.modules import usable

Json = dict[str, Any]

ITEMS = {
    "wires": "can0",
    "modules": "module-3",
    "meters": "meter-2",
    "plc_boards": "plc-2",
    "readers": "reader-0",
    "connectors": "1",
    "chains": "A",
    "feeders": "NORTH",
    "watchdogs": "0",
    "local_list": "04A1B2C3D4E5F7",
    "bridges": "bridge",
    "switches": "0",
    "bus_bars": "ring",
    "segments": "0",
}
"""The item of each list whose keys are changed."""

COPY, LOGO = "copy", "logo.svg"  # what `copy_profiles` makes

ELSEWHERE = {
    "wires.*.host": "plc-2-wire",
    **dict.fromkeys(("wires.*.baud", "wires.*.parity", "wires.*.stop_bits"), "rs485-0"),
}
"""Keys that mean something at another item only."""

PARTICULAR: dict[str, tuple[tuple[str, Any], ...]] = {
    "board.profile": (("board.profile", "xtreme"),),
    "backend.url": (("backend.url", "ws://127.0.0.1:8/ocpp"),),
    "wires.*.kind": (("wires.can0.kind", "socketcan"), ("wires.can0.port", "can9")),
    "modules.*.wire": (("modules.module-3.wire", "can1"),),
    "modules.*.driver": (("modules.module-3.driver", "tonhe"), ("modules.module-3.profile", "tonhe-th30f10025c7")),
    "brand.profile": (("brand.profile", COPY),),
    "brand.logo": (("brand.logo", LOGO),),
    "modules.*.profile": (("modules.module-3.profile", COPY),),
    "meters.*.profile": (("meters.meter-2.profile", COPY),),
    "meters.*.wire": (("meters.meter-2.wire", "rs485-1"),),
    "meters.*.connector": (("meters.meter-1.connector", 2), ("meters.meter-2.connector", 1)),
    "plc_boards.*.wire": (("plc_boards.plc-2.wire", "rs485-1"),),
    "plc_boards.*.connectors": (("plc_boards.plc-1.connectors", [2]), ("plc_boards.plc-2.connectors", [1])),
    "site_meter.wire": (("site_meter.wire", "rs485-1"),),
    "site_meter.profile": (("site_meter.profile", "janitza-b23"),),
    "watchdogs.*.path": (("watchdogs.0.path", "journal"),),
    "modules.*.connector": (("modules.module-2.connector", 2),),
    "bridges.*.board": (("bridges.bridge.board", "plc-2"),),
    "switches.*.module": (("switches.0.module", "module-1"), ("switches.1.module", "module-1")),
    "switches.*.connector": (("switches.0.connector", 2), ("switches.1.connector", 1)),
    "switches.*.board": (("switches.0.board", "plc-2"), ("switches.0.relay", 5)),
    "switches.*.relay": (("switches.0.relay", 7),),
    "switches.*.bridge": (("switches.2.bridge", "bridge"),),
    "bus_bars.*.segments.*.modules": (("bus_bars.ring.segments.1.modules", ["module-2"]),),
    "bus_bars.*.segments.*.connector": (
        ("bus_bars.ring.segments.0.connector", 2),
        ("bus_bars.ring.segments.2.connector", 1),
        ("modules.module-1.connector", 2),
        ("modules.module-3.connector", 1),
    ),
    "bus_bars.*.segments.*.tie.board": (("bus_bars.ring.segments.0.tie.board", "plc-2"),),
    "bus_bars.*.segments.*.tie.relay": (("bus_bars.ring.segments.0.tie.relay", 9),),
}
"""More than one key where one alone makes no configuration."""

RENAMED = {
    "wires.*.name": '"can0"',
    "modules.*.id": '"module-3"',
    "meters.*.id": '"meter-2"',
    "plc_boards.*.id": '"plc-2"',
    "readers.*.id": '"reader-0"',
    "bridges.*.name": '"bridge"',
}
"""Names that other items go by: changed wherever they stand."""

NO_OTHER = ("meters.*.driver", "plc_boards.*.driver")
"""Keys for which there is one good value only: there is no other driver."""


def copy_profiles(directory: Path) -> None:
    """Profiles of other names, and a logo, for a directory that JP_PROFILES names."""
    for kind, name in (
        ("brands", "default"),
        ("modules", "infypower-reg1k0100g"),
        ("meters", "acrel-djsf1352-rn"),
    ):
        (directory / kind).mkdir(parents=True)
        (directory / kind / f"{COPY}.toml").write_text(path_of(kind, name).read_text())
    (directory / "brands" / LOGO).write_text("<svg/>")


@attrs.frozen
class Other:
    """A change of one key: what is asked for, and what it would come to."""

    key: Known
    asked: Json  # of `config.apply`
    draft: Draft = attrs.field(repr=False)


def other(known: Known, text: str) -> Other:
    """A change of this key in `text`. Raises LookupError if none makes a good configuration."""
    in_force = in_force_of(text)
    for asked in _asked(known, in_force):
        edits = [Put(one["put"], one["value"]) for one in asked.get("edits", [])]
        found = draft(
            in_force, text=asked.get("text"), edits=edits, secrets=asked.get("secrets"), further=usable.mistakes
        )
        if found.cabinet is not None and found.changes:
            return Other(known, asked, found)
    raise LookupError(f"no other value of {known.name} makes a good configuration")


def in_force_of(text: str) -> InForce:
    return InForce(number=1, text=text, cabinet=of_text(text, Path("cabinet.toml")))


def concrete(known: Known) -> str:
    """The key of one item that there is."""
    words = list(known.path)
    for at, word in enumerate(words):
        if word == "*":
            words[at] = ELSEWHERE.get(known.name) or ITEMS[known.path[at - 1]]
    return ".".join(words)


def values_of() -> tuple[Known, ...]:
    """All keys that hold a value of their own."""
    return tuple(one for one in all_keys() if not one.is_table)


def _asked(known: Known, in_force: InForce) -> Iterator[Json]:
    if known.key.secret:
        yield {"secrets": {known.name: "another"}}
    elif known.name in PARTICULAR:
        yield {"edits": [{"put": key, "value": value} for key, value in PARTICULAR[known.name]]}
    elif known.name in RENAMED:
        name = RENAMED[known.name]
        yield {"text": in_force.text.replace(name, f'{name[:-1]}x"')}
    elif known.name == "connectors.*.id":
        renamed = in_force.text.replace("= [2]", "= [7]").replace("connector = 2", "connector = 7")
        yield {"text": renamed.replace("id = 2", "id = 7")}
    else:
        key = concrete(known)
        held = {key_of(one): value for one, value in leaves(effective(in_force.cabinet)).items()}
        for value in _values(known, held.get(key)):
            yield {"edits": [{"put": key, "value": value}]}


def _values(known: Known, now: Any) -> Iterator[Any]:
    """Near the present value first, so that a charger goes on with it."""
    declared = known.key
    kind = next(one for one in get_args(known.type) or (known.type,) if one is not NoneType)
    kind = getattr(kind, "__supertype__", kind)
    if known.is_list and declared.one_of is not None:
        yield list(declared.one_of[:2])
    elif declared.one_of is not None:
        yield from (one for one in declared.one_of if one != now)
    elif known.is_list:
        yield from ([2], [1, 2], [1])
    elif kind is bool:
        yield not now
    elif kind is int or kind is float:
        low, high = declared.between or (0, 1000)
        steps = [] if now is None else [now * 0.9, now * 1.1, now - 1, now + 1]
        for value in (*steps, low + 0.02 * (high - low), high):
            if low <= value <= high and kind(value) != now:
                yield kind(value)
    else:
        yield from (f"{now or ''}9", "#010203", "19")
