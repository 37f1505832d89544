"""Payloads are judged by the package's schemas and named in the words of OCPP 1.6."""

import pytest

from jp_firmware.ocpp.schema import ACTIONS_16, check_call, check_result


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


def test_results_are_checked_too():
    assert check_result("Heartbeat", {"currentTime": "2026-01-01T00:00:00Z"}) is None
    assert "ProtocolError" == check_result("Heartbeat", {}).code
