"""The RPC core keeps its rules whatever the peer sends."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jp_firmware.ocpp.rpc import (
    MAX_WAITING,
    Answered,
    Busy,
    Incoming,
    Lost,
    Note,
    Refused,
    RpcCore,
    Send,
    TimedOut,
)
from tests.ocpp.test_envelope import JSON

HEARTBEAT = {"currentTime": "2026-01-01T00:00:00Z"}


def core():
    return RpcCore(supported={"Reset", "GetConfiguration", "RemoteStartTransaction", "ClearCache"})


def code_of(event):
    assert isinstance(event, Send)
    kind, _, code, text, details = json.loads(event.text)
    assert kind == 4
    assert isinstance(text, str)
    assert details == {}
    return code


def test_a_call_is_answered():
    rpc = core()
    call = rpc.call("Heartbeat", {}, deadline_s=30)

    assert [Answered(call.id, "Heartbeat", HEARTBEAT)] == rpc.receive(json.dumps([3, call.id, HEARTBEAT]))
    assert rpc.deadline_s is None


def test_only_one_call_is_under_way():
    rpc = core()
    rpc.call("Heartbeat", {}, deadline_s=30)

    with pytest.raises(Busy):
        rpc.call("Heartbeat", {}, deadline_s=30)


def test_message_ids_are_never_used_again_and_are_36_characters():
    rpc, ids = core(), set()
    for _ in range(200):
        ids.add(rpc.call("Heartbeat", {}, deadline_s=0).id)
        rpc.expire(0)

    assert len(ids) == 200
    assert {36} == {len(one) for one in ids}


def test_a_call_times_out_at_its_deadline_and_the_next_may_go():
    rpc = core()
    call = rpc.call("Heartbeat", {}, deadline_s=30)

    assert [] == rpc.expire(29.9)
    assert [TimedOut(call.id, "Heartbeat")] == rpc.expire(30)
    rpc.call("Heartbeat", {}, deadline_s=60)


def test_a_late_answer_is_noted_and_never_counts_for_the_next_call():
    rpc = core()
    late = rpc.call("Heartbeat", {}, deadline_s=30)
    rpc.expire(30)
    rpc.call("Heartbeat", {}, deadline_s=60)

    (note,) = rpc.receive(json.dumps([3, late.id, HEARTBEAT]))

    assert isinstance(note, Note)
    assert "late answer to Heartbeat" in note.text
    assert rpc.deadline_s == 60


def test_an_answer_to_nothing_is_noted():
    for frame in ([3, "who", {}], [4, "who", "InternalError", "", {}]):
        (note,) = core().receive(json.dumps(frame))
        assert isinstance(note, Note)


def test_a_refused_call_tells_the_code_as_the_peer_spelt_it():
    rpc = core()
    call = rpc.call("Heartbeat", {}, deadline_s=30)

    (event,) = rpc.receive(json.dumps([4, call.id, "RpcFrameworkError", "busy", {}]))

    assert Refused(call.id, "Heartbeat", "RpcFrameworkError", "busy") == event


def test_an_answer_that_breaks_its_schema_is_a_refusal_and_not_a_hang():
    rpc = core()
    call = rpc.call("Heartbeat", {}, deadline_s=30)

    (event,) = rpc.receive(json.dumps([3, call.id, {}]))

    assert isinstance(event, Refused)
    assert rpc.deadline_s is None


def test_an_answer_that_says_too_much_or_writes_null_for_nothing_is_taken():
    """The answer to a StartTransaction names the transaction; refusing it for a trifle would lose the name."""
    rpc = core()
    start = {"connectorId": 1, "idTag": "A", "meterStart": 0, "timestamp": "2026-01-01T00:00:00Z"}
    call = rpc.call("StartTransaction", start, deadline_s=30)
    info = {"status": "Accepted", "expiryDate": None, "parentIdTag": "P" * 30, "tenant": "x"}

    (event,) = rpc.receive(json.dumps([3, call.id, {"transactionId": 7, "idTagInfo": info, "price": None}]))

    assert isinstance(event, Answered)
    assert {"status": "Accepted", "parentIdTag": "P" * 30, "tenant": "x"} == event.payload["idTagInfo"]


@pytest.mark.parametrize(
    "payload",
    [{"transactionId": 7}, {"transactionId": None, "idTagInfo": {"status": "Accepted"}}, {"idTagInfo": {}, "x": 1}],
)
def test_an_answer_without_what_it_must_say_is_refused_whatever_else_it_says(payload):
    rpc = core()
    start = {"connectorId": 1, "idTag": "A", "meterStart": 0, "timestamp": "2026-01-01T00:00:00Z"}
    call = rpc.call("StartTransaction", start, deadline_s=30)

    (event,) = rpc.receive(json.dumps([3, call.id, payload]))

    assert isinstance(event, Refused)


def test_an_answer_that_is_malformed_ends_the_call_it_names():
    rpc = core()
    call = rpc.call("Heartbeat", {}, deadline_s=30)

    (event,) = rpc.receive(json.dumps([3, call.id, None]))

    assert isinstance(event, Refused)


def test_a_lost_link_ends_the_call_under_way():
    rpc = core()
    call = rpc.call("Heartbeat", {}, deadline_s=30)

    assert [Lost(call.id, "Heartbeat")] == rpc.lose()
    assert [] == rpc.lose()


def test_an_unknown_action_is_not_implemented_and_a_known_one_that_is_not_offered_is_not_supported():
    (unknown,) = core().receive('[2,"1","MakeCoffee",{}]')
    (known,) = core().receive('[2,"1","SetChargingProfile",{}]')

    assert "NotImplemented" == code_of(unknown)
    assert "NotSupported" == code_of(known)


def test_a_payload_that_breaks_its_schema_is_refused_by_its_code():
    (event,) = core().receive('[2,"1","Reset",{}]')

    assert "ProtocolError" == code_of(event)


def test_a_sound_call_waits_for_its_one_answer():
    rpc = core()

    assert [Incoming("1", "Reset", {"type": "Soft"})] == rpc.receive('[2,"1","Reset",{"type":"Soft"}]')
    assert ('[3,"1",{"status":"Accepted"}]', None) == rpc.answer("1", {"status": "Accepted"})
    with pytest.raises(KeyError):
        rpc.answer("1", {"status": "Accepted"})


def test_the_same_call_twice_is_answered_once():
    rpc = core()
    rpc.receive('[2,"1","Reset",{"type":"Soft"}]')

    (again,) = rpc.receive('[2,"1","Reset",{"type":"Soft"}]')
    (broken,) = rpc.receive('[2,"1",7,{}]')

    assert isinstance(again, Note)
    assert isinstance(broken, Note)


def test_an_answer_that_breaks_its_schema_becomes_an_internal_error():
    rpc = core()
    rpc.receive('[2,"1","Reset",{"type":"Soft"}]')

    text, fault = rpc.answer("1", {"status": "Perhaps"})

    assert fault is not None
    assert "InternalError" == json.loads(text)[2]


def test_a_peer_that_floods_is_refused_beyond_a_limit():
    rpc = core()
    for n in range(MAX_WAITING):
        assert isinstance(rpc.receive(f'[2,"{n}","ClearCache",{{}}]')[0], Incoming)

    (event,) = rpc.receive('[2,"last","ClearCache",{}]')

    assert "GenericError" == code_of(event)


ACTIONS = st.sampled_from(["Reset", "GetConfiguration", "ClearCache", "SetChargingProfile", "Authorize", "Coffee"])


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(st.sampled_from("abc"), ACTIONS | JSON, JSON | st.just({})), max_size=6))
def test_every_call_with_a_usable_id_gets_exactly_one_well_formed_answer(calls):
    """Those that wait under the same id at the same time are one call."""
    rpc = core()
    for id_, action, payload in calls:
        events = rpc.receive(json.dumps([2, id_, action, payload]))
        assert len(events) == 1
        (event,) = events
        assert isinstance(event, Incoming | Send)
        text = event.text if isinstance(event, Send) else rpc.refuse(event.id, "GenericError")
        answer = json.loads(text)
        assert answer[1] == id_
        assert (answer[0], len(answer)) in ((3, 3), (4, 5))
        assert [] == rpc.lose()


@settings(max_examples=100, deadline=None)
@given(st.lists(st.text() | st.binary() | st.lists(JSON, max_size=5).map(json.dumps), max_size=5))
def test_garbage_never_raises_and_never_touches_our_call(texts):
    rpc = core()
    call = rpc.call("Heartbeat", {}, deadline_s=30)
    for text in texts:
        rpc.receive(text)

    assert [Answered(call.id, "Heartbeat", HEARTBEAT)] == rpc.receive(json.dumps([3, call.id, HEARTBEAT]))
