"""Payloads are judged by the package's schemas and named in the words of OCPP 1.6."""

import pytest

from jp_firmware.ocpp import schema
from jp_firmware.ocpp.schema import ACTIONS_16, check_call, check_result
from jp_firmware.ocpp.v16.charging_profile import MAX_PERIODS
from jp_firmware.ocpp.v16.keys import MAX_KEYS_ASKED


def test_the_table_of_actions_is_that_of_the_package():
    from ocpp.v16 import call

    assert {name for name in vars(call) if name[0].isupper() and hasattr(vars(call)[name], "__dataclass_fields__")} == (
        set(ACTIONS_16)
    )


@pytest.mark.parametrize(
    ("payload", "code"),
    [
        ({}, "ProtocolError"),
        ({"idTag": 12}, "TypeConstraintViolation"),
        ({"idTag": "x" * 21}, "TypeConstraintViolation"),
        ({"idTag": "x", "colour": "red"}, "FormationViolation"),
    ],
)
def test_each_kind_of_fault_has_its_code(payload, code):
    assert code == check_call("Authorize", payload).code


def test_a_value_outside_an_enumeration_is_a_property_constraint_violation():
    assert "PropertyConstraintViolation" == check_call("Reset", {"type": "Medium"}).code


def test_an_empty_list_that_needs_an_element_is_an_occurence_constraint_violation_in_the_spelling_of_1_6():
    fault = check_call("MeterValues", {"connectorId": 1, "meterValue": []})

    assert "OccurenceConstraintViolation" == fault.code


def test_a_fault_never_tells_the_value():
    assert "SECRETTAG" not in check_call("Authorize", {"idTag": "SECRETTAG" * 4}).text


def _start_with_limit(limit):
    return {
        "idTag": "A",
        "chargingProfile": {
            "chargingProfileId": 1,
            "stackLevel": 0,
            "chargingProfilePurpose": "TxProfile",
            "chargingProfileKind": "Relative",
            "chargingSchedule": {
                "chargingRateUnit": "A",
                "chargingSchedulePeriod": [{"startPeriod": 0, "limit": limit}],
            },
        },
    }


def test_limits_are_checked_as_decimals_and_left_as_they_were():
    payload = _start_with_limit(21.4)

    assert check_call("RemoteStartTransaction", payload) is None
    assert "PropertyConstraintViolation" == check_call("RemoteStartTransaction", _start_with_limit(4.11)).code
    assert payload == _start_with_limit(21.4)


@pytest.mark.parametrize("limit", [1e300, 1e-300, -1e308, 2**62])
def test_absurd_limits_raise_nothing(limit):
    check_call("RemoteStartTransaction", _start_with_limit(limit))


@pytest.mark.parametrize("action", ["../../v201/schemas/HeartbeatRequest", "HeartbeatResponse", "Heart\0beat", ""])
def test_a_name_that_is_no_action_never_reaches_the_file_system(action):
    with pytest.raises(ValueError, match="no action"):
        check_call(action, {})


def _periods(number):
    return [{"startPeriod": n, "limit": 1.5} for n in range(number)]


def test_a_long_list_costs_no_more_than_the_longest_that_is_used(monkeypatch):
    """One of 7000 periods took 350 ms of a PC in which no module heard anything, so seconds on the charger."""
    payload, looked_at = _start_with_limit(1), []
    schedule = payload["chargingProfile"]["chargingSchedule"]
    real = schema._check
    monkeypatch.setattr(
        schema,
        "_check",
        lambda kind, action, shown, **more: (
            looked_at.append(str(shown).count("startPeriod")) or real(kind, action, shown, **more)
        ),
    )
    for number in (96, schema.LOOKED_AT, schema.LOOKED_AT + 1, 7000):
        schedule["chargingSchedulePeriod"] = _periods(number)
        assert check_call("RemoteStartTransaction", payload) is None

    assert [96, 128, 128, 128] == looked_at
    schedule["chargingSchedulePeriod"][100]["limit"] = 4.11
    assert "PropertyConstraintViolation" == check_call("RemoteStartTransaction", payload).code


def test_what_is_not_looked_at_is_not_used_either():
    assert schema.LOOKED_AT > max(MAX_PERIODS, MAX_KEYS_ASKED)


def test_results_are_checked_too():
    assert check_result("Heartbeat", {"currentTime": "2026-01-01T00:00:00Z"}) is None
    assert "ProtocolError" == check_result("Heartbeat", {}).code
