"""Found against configured: what is to be said of each module of a wire, and of those nobody has configured. Pure.

It judges nothing that a module did not say: one without a serial number is never a replaced one, and one that tells no
ratings has the right ones.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Sequence

from jp_firmware.hw.modules.identify import Found
from jp_firmware.hw.modules.inventory import Inventory
from jp_firmware.model.power import StageRating

TOLERANCE = 0.02
"""Ratings that differ by less are the same, told in other steps (ours)."""


class Finding(enum.StrEnum):
    """In the order in which they are looked for: the first that is true is told."""

    OTHER_FAMILY = "other family"
    MISSING = "missing"
    REPLACED = "replaced"
    OTHER_RATINGS = "other ratings"
    AS_CONFIGURED = "as configured"


def judge(line: Inventory, expected: StageRating, accepted: str, found: Sequence[Found]) -> tuple[Finding, str]:
    """What is to be said of a configured module, and the detail for a person.

    `expected` is its profile's rating, `accepted` its serial number as it was last accepted ("" if none was),
    `found` what a search of its wire came upon.
    """
    if not line.found:
        there = [one for one in found if one.address == line.address and one.driver != line.driver]
        if there:
            return Finding.OTHER_FAMILY, f"{_families(there)} answers at its address {line.address}"
        return Finding.MISSING, f"no answer at address {line.address}"
    if is_replaced(line.serial, accepted):
        return Finding.REPLACED, f"serial number {line.serial}, was {accepted}"
    differences = [] if line.rating is None else list(_differences(line.rating, expected))
    if differences:
        return Finding.OTHER_RATINGS, f"{', '.join(differences)} ({line.profile})"
    return Finding.AS_CONFIGURED, ""


def is_replaced(serial: str, accepted: str) -> bool:
    """Whether a module with this serial number is another one than that which was accepted."""
    return bool(serial and accepted) and serial != accepted


def unexpected(found: Iterable[Found], lines: Sequence[Inventory]) -> tuple[Found, ...]:
    """Those that are configured nowhere on their wire, nor stand where a silent one should."""
    expected = {(one.driver, one.address) for one in lines}
    silent = {one.address for one in lines if not one.found}
    return tuple(one for one in found if (one.driver, one.address) not in expected and one.address not in silent)


def _families(found: Iterable[Found]) -> str:
    return " and ".join(one.family for one in found)


def _differences(told: StageRating, expected: StageRating) -> Iterable[str]:
    """Its lowest voltage is left out: data sheets of one and the same module disagree about it."""
    for name, unit, scale in (("max_voltage_v", "V", 1.0), ("max_current_a", "A", 1.0), ("max_power_w", "kW", 1000.0)):
        has, should = getattr(told, name), getattr(expected, name)
        if abs(has - should) > TOLERANCE * should:
            yield f"{has / scale:g} {unit}, expected {should / scale:g} {unit}"
