"""The central system answers as 1.6 wants, gives a start one id however often it hears it, and counts repetitions."""

from datetime import UTC, datetime

import pytest

from jp_firmware.csms.central import CentralSystem, TagsError, read_tags
from jp_firmware.ocpp.schema import check_result

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
START = {"connectorId": 1, "idTag": "A1", "meterStart": 1000, "timestamp": "2026-11-20T12:00:00Z"}


@pytest.fixture
def central():
    system = CentralSystem(read_tags("B1 blocked  # lost\n\n# nothing\n"))
    system.connect("CP1", NOW)
    system.connect("CP2", NOW)
    return system


def stop(transaction_id, **more):
    return {"transactionId": transaction_id, "meterStop": 1500, "timestamp": "2026-11-20T13:00:00Z", **more}


def test_every_answer_fits_its_schema(central):
    asked = {
        "Authorize": {"idTag": "A1"},
        "BootNotification": {"chargePointVendor": "JP", "chargePointModel": "X"},
        "DataTransfer": {"vendorId": "x"},
        "Heartbeat": {},
        "MeterValues": {"connectorId": 1, "meterValue": []},
        "StartTransaction": START,
        "StatusNotification": {"connectorId": 1, "errorCode": "NoError", "status": "Available"},
        "StopTransaction": stop(1),
    }

    assert dict.fromkeys(asked) == {
        name: check_result(name, central.answer("CP1", name, payload, NOW)) for name, payload in asked.items()
    }


def test_a_start_heard_twice_is_one_transaction_with_one_id(central):
    first = central.answer("CP1", "StartTransaction", START, NOW)
    again = central.answer("CP1", "StartTransaction", START, NOW)

    assert first == again
    assert [(2, 1)] == [(one.starts, one.to_json()["duplicates"]) for one in central.transactions.values()]


def test_transaction_ids_are_unique_over_all_stations(central):
    ids = [central.answer(who, "StartTransaction", START, NOW)["transactionId"] for who in ("CP1", "CP2")]

    assert 2 == len(set(ids))


def test_a_stop_is_written_down_once_and_its_repetitions_are_counted(central):
    number = central.answer("CP1", "StartTransaction", START, NOW)["transactionId"]
    central.answer("CP1", "StopTransaction", stop(number, reason="Remote", idTag="A1"), NOW)
    central.answer("CP1", "StopTransaction", stop(number, reason="Local"), NOW)

    (told,) = [one.to_json() for one in central.transactions.values()]
    assert (1000, 1500, 500, "Remote", "A1", 2, 1) == tuple(
        told[key]
        for key in ("meter_start_wh", "meter_stop_wh", "energy_wh", "reason", "stop_id_tag", "stops", "duplicates")
    )


@pytest.mark.parametrize("number", [-1, 0, 4711])
def test_a_stop_of_what_was_never_started_here_is_taken_and_kept_apart(central, number):
    assert {} == central.answer("CP1", "StopTransaction", stop(number), NOW)
    assert [number] == [one["transactionId"] for one in central.orphans]


def test_a_station_cannot_stop_the_transaction_of_another(central):
    number = central.answer("CP1", "StartTransaction", START, NOW)["transactionId"]
    central.answer("CP2", "StopTransaction", stop(number), NOW)

    assert central.transactions[number].stops == 0


def test_tags_are_accepted_unless_they_are_listed_otherwise(central):
    assert {"status": "Accepted"} == central.answer("CP1", "Authorize", {"idTag": "anybody"}, NOW)["idTagInfo"]
    assert {"status": "Blocked"} == central.answer("CP1", "Authorize", {"idTag": "b1"}, NOW)["idTagInfo"]


def test_the_star_stands_for_all_other_tags():
    central = CentralSystem(read_tags("* invalid\nA1 accepted"))

    assert ("Accepted", "Invalid") == (central.verdict("A1"), central.verdict("A2"))


@pytest.mark.parametrize("line", ["A1", "A1 perhaps", "A1 accepted today"])
def test_a_mistake_in_the_file_of_tags_names_its_line(line):
    with pytest.raises(TagsError, match="line 2"):
        read_tags(f"# first\n{line}")


def test_registers_are_read_in_either_unit_and_garbage_is_left_out(central):
    number = central.answer("CP1", "StartTransaction", START, NOW)["transactionId"]
    values = [
        {"value": "1100"},
        {"value": "1.2", "unit": "kWh", "measurand": "Energy.Active.Import.Register"},
        {"value": "many"},
        {"value": "400", "measurand": "Voltage"},
    ]
    payload = {
        "connectorId": 1,
        "transactionId": number,
        "meterValue": [{"timestamp": "2026-11-20T12:01:00Z", "sampledValue": values}],
    }
    central.answer("CP1", "MeterValues", payload, NOW)

    assert [1100.0, 1200.0] == [register for _, register in central.transactions[number].registers]


def test_an_answer_is_written_down_under_the_action_it_answers(central):
    central.record("CP1", "received", [2, "x", "Heartbeat", {}], NOW)
    central.record("CP1", "sent", [3, "x", {}], NOW)
    central.record("CP1", "sent", [3, "y", {}], NOW)

    assert ["Heartbeat", "Heartbeat", ""] == [message["action"] for message in central.heard()]
    assert [2] == [message["number"] for message in central.heard(since=1, action="Heartbeat")]
