"""What was found is compared with what is configured, and with nothing that a device did not say."""

from __future__ import annotations

from pathlib import Path

import attrs
import pytest

from jp_firmware.config.examine import examine
from jp_firmware.config.lint.hardware import FoundModule, Hardware, against_hardware
from jp_firmware.config.schema import Cabinet
from jp_firmware.model.power import StageRating

GOOD = Path(__file__).parent / "RULE-01/good.toml"
THERE = FoundModule(wire="can0", address=0, family="InfyPower", driver="infypower")
RATING = StageRating(max_voltage_v=1000, min_voltage_v=150, max_current_a=100, max_power_w=30_000)


@pytest.fixture
def cabinet() -> Cabinet:
    found = examine(GOOD.read_text()).cabinet
    assert found is not None
    return found


def told(cabinet: Cabinet, *modules: FoundModule) -> list[tuple[str, str]]:
    hardware = Hardware(searched=frozenset({"can0"}), modules=modules)
    return [(one.rule, one.text) for one in against_hardware(cabinet, hardware)]


def test_a_module_that_tells_no_ratings_has_the_right_ones(cabinet: Cabinet) -> None:
    assert told(cabinet, THERE) == []


@pytest.mark.parametrize(
    ("max_power_w", "said"),
    [
        (30_600, []),
        (29_400, []),
        (30_601, ["30601 W, above the profile's 30000 W"]),
        (20_000, ["20000 W, below the profile's 30000 W"]),
    ],
)
def test_ratings_that_are_told_in_other_steps_are_the_same(
    cabinet: Cabinet, max_power_w: float, said: list[str]
) -> None:
    """And its lowest voltage is not compared: data sheets disagree about it."""
    rating = attrs.evolve(RATING, max_power_w=max_power_w, min_voltage_v=50)
    found = told(cabinet, attrs.evolve(THERE, rating=rating))

    assert [rule for rule, _ in found] == ["RULE-81"] * len(said)
    assert all(words in text for words, (_, text) in zip(said, found, strict=True))


def test_a_family_without_a_driver_is_named(cabinet: Cabinet) -> None:
    ((rule, text),) = told(cabinet, attrs.evolve(THERE, family="Winline", driver="", rating=RATING))

    assert rule == "RULE-80"
    assert "at address 0 of can0 answers Winline; " in text


def test_of_two_that_answer_at_one_address_the_configured_one_is_enough(cabinet: Cabinet) -> None:
    assert told(cabinet, THERE, attrs.evolve(THERE, family="TonHe", driver="tonhe")) == []


def test_a_module_of_another_wire_is_not_the_one_that_is_missing(cabinet: Cabinet) -> None:
    assert [rule for rule, _ in told(cabinet, attrs.evolve(THERE, wire="can1"))] == ["RULE-82", "RULE-83"]


def test_a_wire_that_was_not_searched_misses_nobody(cabinet: Cabinet) -> None:
    assert against_hardware(cabinet, Hardware(searched=frozenset({"can1"}))) == []


def test_none_was_found_is_not_the_same_as_nobody_looked(cabinet: Cabinet) -> None:
    nothing = Hardware(meters=frozenset(), ports=frozenset())

    assert [(one.rule, one.path) for one in against_hardware(cabinet, nothing)] == [
        *(("RULE-87", ("wires", at, "port")) for at in range(3)),
        ("RULE-87", ("readers", 0, "port")),
        ("RULE-88", ("meters", 0, "unit")),
    ]
