"""The envelope lets one sound frame through or raises its own error."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jp_firmware.ocpp.envelope import MAX_CHARS, MAX_DEPTH, MAX_VALUES, Call, Error, Malformed, Result, build, parse

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63) + 1, 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=8,
)
IDS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=36)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)
PAYLOADS = st.dictionaries(TEXTS, JSON, max_size=4)
FRAMES = (
    st.builds(Call, IDS, TEXTS, PAYLOADS)
    | st.builds(Result, IDS, PAYLOADS)
    | st.builds(Error, IDS, TEXTS, TEXTS, PAYLOADS)
)


@settings(max_examples=60, deadline=None)
@given(FRAMES)
def test_parse_of_build_is_the_identity(frame):
    assert frame == parse(build(frame))


@settings(max_examples=150, deadline=None)
@given(st.text() | st.binary() | JSON.map(json.dumps) | st.lists(JSON, max_size=6).map(json.dumps))
def test_garbage_raises_nothing_but_malformed(text):
    try:
        frame = parse(text)
    except Malformed:
        return

    assert 1 <= len(frame.id) <= 36


@settings(max_examples=60, deadline=None)
@given(st.sampled_from([2, 3, 4]), JSON, JSON, JSON)
def test_a_frame_of_the_right_type_with_wrong_parts_raises_nothing_but_malformed(kind, second, third, fourth):
    try:
        frame = parse(json.dumps([kind, second, third, fourth]))
    except Malformed:
        return

    assert second == frame.id


@pytest.mark.parametrize(
    "text",
    [
        "[" * 100_000,
        '[2,"id","Heartbeat",' + '{"a":' * 5000 + "1" + "}" * 5000 + "]",
        '[2,"id","Heartbeat",{"a":' + "[" * (MAX_DEPTH + 1) + "]" * (MAX_DEPTH + 1) + "}]",
        '[2,"id","Heartbeat",{"a":1e400}]',
        '[2,"id","Heartbeat",{"a":NaN}]',
        '[2,"id","Heartbeat",{"a":-Infinity}]',
        '[2,"id","Heartbeat",{"a":' + "9" * 30 + "}]",
        '[2,"id","Heartbeat",{"a":' + "9" * 5000 + "}]",
        '[2,"id","Heartbeat",{"a":"\\ud800"}]',
        '[2,"\\ud800","Heartbeat",{}]',
        '[2,"id","Heartbeat",{}] ' + " " * MAX_CHARS,
        '[2,"id","Heartbeat",{"a":[' + "[]," * MAX_VALUES + "0]}]",
        '[2,"id",["Heartbeat"],{}]',
        '[2,"id","",{}]',
        '[2,"id","Heartbeat",[]]',
        '[2,"id","Heartbeat",null]',
        '[2,"id","Heartbeat"]',
        '[2,"id","Heartbeat",{},{}]',
        '[2.0,"id","Heartbeat",{}]',
        '[true,"id","Heartbeat",{}]',
        '[5,"id","Heartbeat",{}]',
        '[2,null,"Heartbeat",{}]',
        '[2,7,"Heartbeat",{}]',
        '[2,"","Heartbeat",{}]',
        '[2,"' + "x" * 37 + '","Heartbeat",{}]',
        '[3,"id",null]',
        '[3,"id"]',
        "[2]",
        "[]",
        "{}",
        "null",
        "",
        b"[3]",
    ],
)
def test_hostile_frames_are_malformed(text):
    with pytest.raises(Malformed):
        parse(text)


def test_an_answer_may_be_long():
    """Only requests come from strangers; whoever asks for a long answer wants it."""
    rows = [{"key": f"JP.{n}", "readonly": True} for n in range(MAX_VALUES // 2)]

    assert rows == parse(build(Result("id", {"configurationKey": rows}))).payload["configurationKey"]


def test_a_malformed_call_with_a_sound_id_tells_its_id_so_that_it_can_be_refused():
    with pytest.raises(Malformed) as caught:
        parse('[2,"id-7",["Heartbeat"],{}]')

    assert (2, "id-7") == (caught.value.kind, caught.value.id)


def test_a_refusal_is_taken_without_its_details():
    """Some central systems leave them out; the request is refused all the same."""
    assert Error("id", "InternalError", "", {}) == parse('[4,"id","InternalError"]')
    assert Error("id", "InternalError", "oh", {}) == parse('[4,"id","InternalError","oh",null]')


def test_a_refusal_is_sent_with_details_that_are_an_object():
    assert '[4,"id","NotSupported","",{}]' == build(Error("id", "NotSupported"))


def test_a_number_that_is_not_finite_is_never_built():
    with pytest.raises(ValueError, match="Out of range"):
        build(Call("id", "MeterValues", {"value": float("nan")}))
