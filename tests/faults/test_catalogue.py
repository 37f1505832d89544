"""The catalogue: whole, useful to a person on site, and in OCPP's own words."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from ocpp.v16.enums import ChargePointErrorCode

import jp_firmware
from jp_firmware.faults import catalogue
from jp_firmware.faults.catalogue import CatalogueError
from jp_firmware.model.faults import FaultKind, Severity

PACKAGE = Path(jp_firmware.__file__).parent


def test_every_fault_the_program_speaks_of_is_in_it() -> None:
    spoken_of = {
        code
        for path in PACKAGE.rglob("*.py")
        for code in re.findall(r'"([A-Z]{2,3}-[0-9]{2})"', path.read_text(encoding="utf-8"))
        if not code.startswith("CFG-")  # the rules of the configuration are named alike
    }

    assert "SAF-01" in spoken_of
    assert spoken_of - catalogue.load().keys() == set()


def test_our_ocpp_codes_are_those_of_the_specification() -> None:
    assert {code.value for code in ChargePointErrorCode} - {"NoError"} == catalogue.OCPP_CODES


def test_a_danger_that_people_must_look_at_is_latched_and_the_emergency_stop_is_not() -> None:
    kinds = catalogue.load()

    assert {code for code, kind in kinds.items() if kind.latched} == {
        "SAF-08",
        "PLC-04",
        "CON-01",
        "CON-03",
        "CON-06",
        "CTL-01",
    }
    assert all(kind.severity <= Severity.STOP for kind in kinds.values() if kind.latched)


def test_what_keeps_a_connector_from_beginning_a_session() -> None:
    kinds = catalogue.load()

    assert {code for code, kind in kinds.items() if kind.blocks} == {"EV-01", "PM-18"}
    assert all(kind.puts_out_of_order for kind in kinds.values() if kind.severity <= Severity.STOP or kind.blocks)
    assert not kinds["PM-01"].puts_out_of_order


def test_remedies_differ_and_are_more_than_their_titles() -> None:
    kinds = catalogue.load().values()

    assert len({kind.title for kind in kinds}) == len(kinds)
    assert len({kind.remedy for kind in kinds}) == len(kinds)
    assert all(len(kind.remedy.split()) >= 8 for kind in kinds)


def test_the_catalogue_cannot_be_changed_by_who_reads_it() -> None:
    with pytest.raises(TypeError):
        catalogue.load()["SAF-01"] = None  # type: ignore[index]


def test_one_entry_as_it_is_read() -> None:
    assert catalogue.load()["EV-01"] == FaultKind(
        code="EV-01",
        title="Control pilot out of range",
        severity=Severity.STOP_SESSION,
        remedy="Unplug, look for dirt or bent pins, plug in again. If every car shows it, the cable's pilot wire is"
        " broken.",
        latched=False,
        blocks=True,
        ocpp_code="EVCommunicationError",
        mrec="CX014",
    )


GOOD = """
[SAF-01]
title = "Emergency stop"
severity = 1
remedy = "Release it."
"""


@pytest.mark.parametrize(
    ("wrong", "what"),
    [
        (GOOD + 'colour = "red"', "unknown key colour"),
        (GOOD.replace("SAF-01", "SAFETY"), "a code looks like SAF-01"),
        (GOOD.replace("severity = 1", "severity = 6"), "severity is a number from 1 to 5"),
        (GOOD.replace("severity = 1", "severity = true"), "severity is a number from 1 to 5"),
        (GOOD.replace("severity = 1", ""), "severity is a number from 1 to 5"),
        (GOOD.replace("Release it.", " "), "remedy is missing"),
        (GOOD.replace("Release it.", "Release it"), "ends with a full stop"),
        (GOOD.replace("Emergency stop", "x" * 51), "title has 51 of 50 characters"),
        (GOOD + 'ocpp_code = "EmergencyStop"', "ocpp_code is one of"),
        (GOOD + 'mrec = "CX027"', "mrec is one of CX001 to CX026"),
        (GOOD + 'latched = "yes"', "latched is true or false"),
        (GOOD + "blocks = 1", "blocks is true or false"),
        (GOOD + GOOD, "Cannot declare"),
        ("SAF-01 = 1", "a fault is a table"),
    ],
)
def test_a_mistake_is_told_in_one_line_with_file_and_code(tmp_path: Path, wrong: str, what: str) -> None:
    path = tmp_path / "catalogue.toml"
    path.write_text(wrong)
    with pytest.raises(CatalogueError) as caught:
        catalogue.load(path)

    assert what in str(caught.value)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)


def test_the_example_of_these_tests_is_right_without_a_mistake(tmp_path: Path) -> None:
    path = tmp_path / "catalogue.toml"
    path.write_text(GOOD)

    assert catalogue.load(path)["SAF-01"].ocpp_code == "OtherError"
