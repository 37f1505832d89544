"""Limits as a person types them become messages of smart charging that fit their schemas."""

from __future__ import annotations

import argparse
from datetime import UTC, datetime
from typing import Any

import pytest

from jp_firmware.csms import profiles
from jp_firmware.ocpp.schema import check_call

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


def asked(*words: str) -> tuple[str, dict[str, Any]]:
    parser = argparse.ArgumentParser()
    profiles.add_verbs(parser.add_subparsers(dest="verb", required=True))
    action, payload = profiles.request(parser.parse_args(words), NOW)
    assert check_call(action, payload) is None
    return action, payload


def test_a_limit_is_a_profile_that_begins_now() -> None:
    action, payload = asked("limit", "CP1", "60", "30.5@600", "--connector", "2", "--for", "1200", "--level", "3")

    assert action == "SetChargingProfile"
    assert payload == {
        "connectorId": 2,
        "csChargingProfiles": {
            "chargingProfileId": 1,
            "stackLevel": 3,
            "chargingProfilePurpose": "TxDefaultProfile",
            "chargingProfileKind": "Absolute",
            "chargingSchedule": {
                "startSchedule": "2026-11-20T12:00:00.000Z",
                "duration": 1200,
                "chargingRateUnit": "W",
                "chargingSchedulePeriod": [
                    {"startPeriod": 0, "limit": 60_000.0},
                    {"startPeriod": 600, "limit": 30_500.0},
                ],
            },
        },
    }


@pytest.mark.parametrize(
    ("words", "purpose"),
    [
        ([], "ChargePointMaxProfile"),
        (["--connector", "1"], "TxDefaultProfile"),
        (["--purpose", "default"], "TxDefaultProfile"),
        (["--connector", "1", "--purpose", "transaction"], "TxProfile"),
    ],
)
def test_whom_it_limits_says_its_purpose_unless_one_is_named(words: list[str], purpose: str) -> None:
    assert purpose == asked("limit", "CP1", "60", *words)[1]["csChargingProfiles"]["chargingProfilePurpose"]


def test_profiles_are_cleared_by_what_is_given_and_nothing_else() -> None:
    assert asked("unlimit", "CP1") == ("ClearChargingProfile", {})
    assert asked("unlimit", "CP1", "--id", "0", "--purpose", "station")[1] == {
        "id": 0,
        "chargingProfilePurpose": "ChargePointMaxProfile",
    }


def test_a_schedule_is_asked_for_an_hour_in_watts_unless_told_otherwise() -> None:
    assert asked("schedule", "CP1") == (
        "GetCompositeSchedule",
        {"connectorId": 0, "duration": 3600, "chargingRateUnit": "W"},
    )


@pytest.mark.parametrize("text", ["", "x", "30@x", "-1", "30@-5", "nan", "inf", "@5"])
def test_a_step_that_is_none_is_told_how_to_write_it(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match=r"KW|below 0"):
        profiles.step(text)
