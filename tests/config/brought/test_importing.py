"""A document of another program onto a cabinet: each value is accounted for, and nothing else changes."""

from __future__ import annotations

import difflib
import json
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jp_firmware.config.brought.aliases import aliases
from jp_firmware.config.brought.conversions import Outcome
from jp_firmware.config.brought.importing import HIDDEN, Import, imported
from jp_firmware.config.profiles import DATA
from jp_firmware.config.schema import ConfigError
from jp_firmware.config.text.edits import Put

DEMO = (DATA / "profiles/cabinets/demo.toml").read_text()
GOLDEN = Path(__file__).parent / "golden"


def onto_demo(document: object, **how: Any) -> Import:
    return imported(json.dumps(document), DEMO, **how)


def text_of(done: Import) -> str:
    assert done.examined is not None
    return done.examined.text


def test_the_controller_document_makes_exactly_this_of_the_demo_cabinet() -> None:
    done = imported((GOLDEN / "controller.json").read_text(), DEMO)

    made = difflib.unified_diff(DEMO.splitlines(True), text_of(done).splitlines(True), "demo.toml", "imported", n=1)
    assert "".join(made) == (GOLDEN / "controller.diff").read_text()
    assert [(one.name, one.outcome) for one in done.rows] == [
        ("controller.maxPowerPerGunKM", Outcome.TAKEN),
        ("controller.modulesPerGun", Outcome.DIFFERS),
        ("controller.maxCurrentA", Outcome.TAKEN),
        ("controller.ocpp.enabled", Outcome.SAME),
        ("controller.ocpp.chargePointId", Outcome.TAKEN),
    ]
    assert done.examined is not None
    assert done.examined.cabinet is not None


def test_the_misspelt_key_is_taken_with_a_warning_that_names_the_right_one() -> None:
    (row,) = onto_demo({"maxPowerPerGunKM": 60}).rows
    assert (row.warning, row.remarks) == (True, ("misspelt: maxPowerPerGunKW is meant",))
    (right,) = onto_demo({"maxPowerPerGunKW": 60}).rows
    assert (right.warning, right.to) == (False, 60_000)


def test_the_number_of_modules_is_told_for_each_connector_that_has_another() -> None:
    (row,) = onto_demo({"modulesPerGun": 1}).rows
    assert row.remarks[0].startswith("connector 1 has 2, 2 has 2, 3 has 2, 4 has 2; ")
    assert onto_demo({"modulesPerGun": 1}).edits == ()


def test_without_ocpp_the_url_goes_and_somebody_is_warned() -> None:
    done = onto_demo({"ocpp": {"enabled": False}})
    (row,) = done.rows
    assert row.warning
    assert "without a central system" in row.remarks[0]
    assert "url" not in tomllib.loads(text_of(done)).get("backend", {})


def test_ocpp_without_a_url_asks_for_one_unless_the_document_has_it() -> None:
    alone = DEMO.replace('[backend]\nurl = "ws://127.0.0.1:9016/ocpp"\n', "")
    assert alone != DEMO
    (row,) = imported('{"ocpp": {"enabled": true}}', alone).rows
    assert (row.outcome, row.warning) == (Outcome.NEEDS, True)

    both = imported('{"ocpp": {"enabled": true}, "Central System URL": "wss://cs.example/1.6"}', alone)
    assert [one.outcome for one in both.rows] == [Outcome.SAME, Outcome.TAKEN]
    assert both.edits == (Put("backend.url", "wss://cs.example/1.6"),)


@pytest.mark.parametrize(
    "document",
    ['{"maxCurrentA": 100, "Maximum current [A]": 120}', '{"maxCurrentA": 100, "maxCurrentA": 120}'],
)
def test_two_values_for_one_key_are_told_and_the_second_is_not_taken(document: str) -> None:
    done = imported(document, DEMO)
    assert [one.outcome for one in done.rows] == [Outcome.TAKEN, Outcome.REFUSED]
    assert "maxCurrentA says otherwise of connectors.1.max_current_a" in done.rows[1].remarks[0]
    assert text_of(done).count("max_current_a = 100") == 4


def test_no_ocpp_and_a_url_contradict_each_other() -> None:
    done = onto_demo({"OCPP Mode": "No OCPP", "Central System URL": "wss://cs.example"})
    assert [one.outcome for one in done.rows] == [Outcome.TAKEN, Outcome.REFUSED]


def test_a_value_for_a_table_that_the_cabinet_has_not_waits_for_it() -> None:
    done = onto_demo({"External Load Fallback": 20}, phase_voltage_v=230.0)
    assert done.rows[0].outcome is Outcome.NEEDS
    assert "no [site_meter]" in done.rows[0].remarks[0]
    assert text_of(done) == DEMO


def test_the_voltage_may_come_with_the_document() -> None:
    done = onto_demo({"Main Distribution Limit": 100, "Power Source Voltage": 240})
    assert done.rows[0].to == 72_000


def test_tags_are_added_and_those_there_stay_as_they_are() -> None:
    done = onto_demo({"List of entries in local whitelist": "04deadbeef0102:0A0E9B83:0a0e9b83"})
    listed = tomllib.loads(text_of(done))["authorize"]["local_list"]
    assert [(one["uid"], one.get("status")) for one in listed] == [
        ("04A1B2C3D4E5F6", None),
        ("04DEADBEEF0102", "blocked"),
        ("0A0E9B83", None),
    ]


def test_an_answer_to_get_configuration_is_a_document_too() -> None:
    answer = {
        "configurationKey": [
            {"key": "ConnectionTimeOut", "readonly": False, "value": "90"},
            {"key": "NumberOfConnectors", "readonly": True, "value": "4"},
        ],
        "unknownKey": [],
    }
    done = onto_demo(answer)
    assert [(one.name, one.outcome) for one in done.rows] == [
        ("ConnectionTimeOut", Outcome.TAKEN),
        ("NumberOfConnectors", Outcome.UNSUPPORTED),
        ("unknownKey", Outcome.UNKNOWN),
    ]
    assert tomllib.loads(text_of(done))["authorize"]["plug_timeout_s"] == 90


def test_a_secret_is_neither_shown_nor_written() -> None:
    done = onto_demo({"AuthorizationKey": "hush-hush-hush"})
    assert done.rows[0].value == HIDDEN
    assert "hush" not in repr(done)


def test_without_a_cabinet_the_values_are_only_told() -> None:
    done = imported('{"maxPowerPerGunKW": 60, "modulesPerGun": 1}')
    assert [(one.key, one.to) for one in done.rows] == [
        ("connectors.*.max_power_w", 60_000),
        ("modules.*.connector", None),
    ]
    assert (done.edits, done.examined) == ((), None)


def test_half_a_character_is_no_identity() -> None:
    (row,) = imported('{"chargePointId": "JC\\ud800"}', DEMO).rows
    assert row.outcome is Outcome.REFUSED


def test_a_value_out_of_range_is_an_error_of_the_cabinet_that_results() -> None:
    done = onto_demo({"Vehicle connection timeout": 2})
    assert done.examined is not None
    (error,) = done.examined.errors
    assert error.key == "authorize.plug_timeout_s"


@pytest.mark.parametrize(
    ("document", "told"),
    [
        ("", "line 1, column 1: expecting value; correct the JSON there"),
        ('{"a": 1,\n}', "line 2, column 1: "),
        ("[1]", "no JSON object"),
        ("[" * 100_000, "brackets"),
        ('{"maxCurrentA": ' + "9" * 5000 + "}", "is it the right file?"),
    ],
)
def test_what_is_no_document_is_told_with_its_place(document: str, told: str) -> None:
    with pytest.raises(ConfigError) as wrong:
        imported(document, DEMO)
    assert told in str(wrong.value)


def test_a_cabinet_that_is_not_toml_is_told_with_its_line() -> None:
    with pytest.raises(ConfigError, match="line 2 of the cabinet: "):
        imported("{}", "a = 1\nb = \n")


NAMES = [name for alias in aliases() for name in (*alias.names, *alias.misspelt)]
WORDS = st.text(max_size=8) | st.sampled_from(["On", "Off", "1/2/3"])
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(["On", "Off", "1/2/3"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=80, deadline=None)
@given(st.dictionaries(st.sampled_from(NAMES) | st.text(max_size=12), VALUES, max_size=6))
def test_any_document_is_accounted_for_value_by_value(document: dict[str, Any]) -> None:
    """Whatever the values are: a row for each, in order, and the same again changes nothing more."""
    done = imported(json.dumps(document), DEMO, phase_voltage_v=230.0)
    leaves = sum(1 for value in document.values() if not isinstance(value, dict))
    assert len(done.rows) >= leaves
    again = imported(json.dumps(document), text_of(done), phase_voltage_v=230.0)
    assert text_of(again) == text_of(done)
