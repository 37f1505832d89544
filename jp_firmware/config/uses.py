"""Which part of the tree uses which keys: what each part declares of itself, as data. Pure.

A change of a key reaches exactly the parts that use it. The paths are those of the tree that the controller builds from
the same cabinet, and how each part takes a change over stands in the composition; tests hold the three together.
"""

from __future__ import annotations

from collections.abc import Iterator

import attrs

from jp_firmware.config.schema import Cabinet
from jp_firmware.config.text.edits import Key, parts_of
from jp_firmware.config.watchdogs import SITE_METER, SWITCHING

WHOLE = "controller"  # the root of the tree: what no part can take over alone, all start anew with
PLANNER, CONNECTORS, CONSOLE, BACKEND = "planner", "connectors", "consoles/socket", "backend"
CENTRAL_SYSTEM = "backend/ocpp-1.6"  # what it takes over while its connection goes on

OF_A_WIRE = ("port", "host", "bitrate", "baud", "parity", "stop_bits")
OF_A_MODULE = ("address", "driver", "profile", "watchdog_s")
OF_A_CONNECTOR = (
    "max_voltage_v",
    "max_current_a",
    "cable_max_current_a",
    "max_power_w",
    "derate_from_c",
    "derate_to_c",
    "temperature_sensors",
    "temperature_lost_current_a",
)

OF_A_CONNECTION = ("url", "password", "connect_timeout_s", "call_timeout_s", "retry_first_s", "retry_cap_s")
OF_THE_MAINS = ("phase_voltage_v", "phases", "efficiency")  # what the central system's limits are in watts
OF_THE_CHARGER = ("identity", "vendor", "model", "serial")


@attrs.frozen
class Use:
    """A part, and the keys it uses: dotted, with the names of items; a table stands for all below it."""

    path: str
    keys: tuple[str, ...]

    def uses(self, key: str) -> bool:
        """Whether a change of this key is one for the part."""
        return any(_stands_for(parts_of(pattern), parts_of(key)) for pattern in self.keys)


def uses(cabinet: Cabinet) -> Iterator[Use]:
    """The parts that can take a change over alone, in the order of the tree. The whole tree uses everything."""
    yield Use(WHOLE, ("watchdogs",))  # live: the terms of its parts
    for wire in cabinet.wires:
        at = f"wires.{wire.name}"
        yield Use(f"wires/{wire.name}", tuple(f"{at}.{key}" for key in OF_A_WIRE))
    for board in cabinet.plc_boards:
        at = f"plc_boards.{board.id}"
        yield Use(f"wires/{board.wire}/{board.id}", (f"{at}.unit", f"{at}.watchdog_s"))
    for meter in cabinet.meters:
        at = f"meters.{meter.id}"
        yield Use(f"wires/{meter.wire}/{meter.id}", (f"{at}.unit", f"{at}.profile", f"{at}.watchdog_s"))
    if cabinet.site_meter:
        yield Use(
            f"wires/{cabinet.site_meter.wire}/{SITE_METER}",
            ("site_meter.unit", "site_meter.profile", "site_meter.watchdog_s"),
        )
    for module in cabinet.modules:
        at = f"modules.{module.id}"
        # Where a module moves, others have planned with what its type can do.
        keys = ("address", "watchdog_s") if module.id in cabinet.moving_modules else OF_A_MODULE
        yield Use(f"wires/{module.wire}/{module.id}", tuple(f"{at}.{key}" for key in keys))
    for reader in cabinet.readers:
        at = f"readers.{reader.id}"
        yield Use(f"wires/{reader.id}", (f"{at}.port", f"{at}.baud", f"{at}.connectors"))
    if cabinet.moving_modules:
        yield Use(SWITCHING, ("planner.move_dwell_s", "planner.moves_per_hour"))
    yield Use(
        PLANNER,
        (
            "site",
            "planner",
            "chains",
            "feeders",
            "connectors.*.weight",
            "connectors.*.tier",
            "site_meter.includes_chargers",
            "site_meter.fallback_w",
        ),
    )
    yield Use(CONNECTORS, ("authorize",))
    for connector in cabinet.connectors:
        at = f"connectors.{connector.id}"
        yield Use(f"connectors/connector-{connector.id}", tuple(f"{at}.{key}" for key in OF_A_CONNECTOR))
    yield Use(BACKEND, (*(f"backend.{key}" for key in OF_A_CONNECTION), *(f"charger.{key}" for key in OF_THE_CHARGER)))
    yield Use(
        CENTRAL_SYSTEM, ("ocpp", "authorize", "backend.ping_interval_s", *(f"site.{key}" for key in OF_THE_MAINS))
    )
    yield Use(CONSOLE, ("charger.name", "board", "brand"))


def _stands_for(pattern: Key, key: Key) -> bool:
    return len(pattern) <= len(key) and all(wanted in ("*", word) for wanted, word in zip(pattern, key, strict=False))
