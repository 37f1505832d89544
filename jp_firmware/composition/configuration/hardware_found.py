"""What a charger that runs has found of its hardware, as data that a configuration is compared with."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import attrs

from jp_firmware.config.lint.hardware import FoundBoard, FoundModule, Hardware, against_hardware
from jp_firmware.config.schema import Cabinet
from jp_firmware.config.structure import Mistake

if TYPE_CHECKING:
    from jp_firmware.controller import Controller

INTERFACES = Path("/sys/class/net")


def found(controller: Controller) -> Hardware:
    """What modules and boards have said. Ports are a matter of the machine: `with_ports` looks.

    Meters are left out: which of them answer now says nothing of one that is to come.
    """
    return Hardware(
        searched=frozenset(controller.inventory.searched),
        modules=tuple(_modules(controller)),
        boards=tuple(
            FoundBoard(
                id=key,
                map_major=identity.map_version >> 8,
                map_minor=identity.map_version & 0xFF,
                connectors=identity.connectors,
            )
            for key, board in controller.plant.boards.items()
            if (identity := board.identity) is not None
        ),
    )


def with_ports(hardware: Hardware, cabinet: Cabinet, device_dir: Path) -> Hardware:
    """The same, with those ports of a configuration that are there. Looks into the file system."""
    ports = {wire.port for wire in cabinet.wires if (_place(wire.kind, device_dir) / wire.port).exists()}
    ports |= {reader.port for reader in cabinet.readers if (device_dir / reader.port).exists()}
    return attrs.evolve(hardware, ports=frozenset(ports))


def new_mistakes(before: Cabinet, after: Cabinet, hardware: Hardware) -> list[Mistake]:
    """What `after` says otherwise than the hardware, and `before` did not: what stood before is not its doing."""
    known = {(one.rule, one.text) for one in against_hardware(before, hardware)}
    return [one for one in against_hardware(after, hardware) if (one.rule, one.text) not in known]


def _modules(controller: Controller) -> Iterator[FoundModule]:
    """Those that answer where they are expected, and those that a search has found beside them."""
    expected = set()
    for module in controller.plant.modules.values():
        line = module.inventory
        if line.found:
            expected.add((line.wire, line.address))
            yield FoundModule(
                wire=line.wire,
                address=line.address,
                family=line.driver,
                driver=line.driver,
                serial=line.serial,
                rating=line.rating,
            )
    for wire, others in controller.inventory.searched.items():
        for one in others:
            if (wire, one.address) not in expected:
                yield FoundModule(
                    wire=wire,
                    address=one.address,
                    family=one.family,
                    driver=one.driver,
                    serial=one.serial,
                    rating=one.rating,
                )


def _place(kind: str, device_dir: Path) -> Path:
    return INTERFACES if kind == "socketcan" else device_dir
