"""Claims about found against configured: what is said of each module, and of those nobody expects."""

from __future__ import annotations

import attrs
import pytest

from jp_firmware.hw.modules.findings import Finding, is_replaced, judge, unexpected
from jp_firmware.hw.modules.identify import Found
from jp_firmware.hw.modules.inventory import Inventory
from jp_firmware.model.ids import ModuleId
from jp_firmware.model.power import StageRating

RATING = StageRating(max_voltage_v=1000, min_voltage_v=150, max_current_a=100, max_power_w=30_000)
HERE = Inventory(
    module_id=ModuleId("module-1"),
    wire="can0",
    address=1,
    driver="infypower",
    profile="InfyPower REG1K0100G",
    found=True,
    serial="V1",
    rating=RATING,
)
GONE = attrs.evolve(HERE, found=False, serial="", rating=None)
MAXWELL = Found(family="Maxwell V1.50", driver="maxwell", address=1)


def test_what_is_there_and_says_nothing_else_is_as_configured() -> None:
    assert (Finding.AS_CONFIGURED, "") == judge(HERE, RATING, "V1", ())
    assert (Finding.AS_CONFIGURED, "") == judge(HERE, RATING, "", ())
    silent = attrs.evolve(HERE, serial="", rating=None)
    assert (Finding.AS_CONFIGURED, "") == judge(silent, RATING, "V1", ())


def test_what_is_not_heard_is_missing_unless_another_family_answers_in_its_place() -> None:
    assert (Finding.MISSING, "no answer at address 1") == judge(GONE, RATING, "V1", ())
    assert Finding.MISSING is judge(GONE, RATING, "V1", [attrs.evolve(MAXWELL, address=2)])[0]
    assert Finding.MISSING is judge(GONE, RATING, "V1", [Found(family="", driver="infypower", address=1)])[0]
    assert (Finding.OTHER_FAMILY, "Maxwell V1.50 answers at its address 1") == judge(GONE, RATING, "V1", [MAXWELL])


def test_another_serial_number_is_another_module() -> None:
    assert (Finding.REPLACED, "serial number V2, was V1") == judge(attrs.evolve(HERE, serial="V2"), RATING, "V1", ())
    assert not is_replaced("V1", "V1")
    assert not is_replaced("", "V1"), "who says nothing is nobody else"
    assert not is_replaced("V1", ""), "nobody was accepted yet"


@pytest.mark.parametrize(
    ("changes", "detail"),
    [
        ({"max_voltage_v": 750}, "750 V, expected 1000 V (InfyPower REG1K0100G)"),
        (
            {"max_current_a": 50, "max_power_w": 15_000},
            "50 A, expected 100 A, 15 kW, expected 30 kW (InfyPower REG1K0100G)",
        ),
    ],
)
def test_ratings_that_differ_are_told_with_both_values(changes: dict[str, float], detail: str) -> None:
    told = attrs.evolve(HERE, rating=attrs.evolve(RATING, **changes))

    assert (Finding.OTHER_RATINGS, detail) == judge(told, RATING, "V1", ())


@pytest.mark.parametrize("changes", [{"max_current_a": 99}, {"max_power_w": 30_300}, {"min_voltage_v": 50}])
def test_rounding_and_the_lowest_voltage_are_no_difference(changes: dict[str, float]) -> None:
    told = attrs.evolve(HERE, rating=attrs.evolve(RATING, **changes))

    assert Finding.AS_CONFIGURED is judge(told, RATING, "V1", ())[0]


def test_nobody_expects_what_is_configured_nowhere_on_the_wire() -> None:
    stranger, neighbour = attrs.evolve(MAXWELL, address=7), Found(family="", driver="infypower", address=2)
    own = Found(family="", driver="infypower", address=1)

    assert (stranger, neighbour) == unexpected([own, stranger, neighbour], [HERE])
    assert (MAXWELL,) == unexpected([own, MAXWELL], [HERE]), "two at one address"
    assert () == unexpected([MAXWELL], [GONE]), "told as the other family in its place"
    assert (MAXWELL,) == unexpected([MAXWELL], [])
