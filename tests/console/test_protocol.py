"""The console link: framing that survives any split and any garbage, and deltas that rebuild what they describe."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jp_firmware.console import protocol
from jp_firmware.console.protocol import (
    Delta,
    DeltaMismatch,
    Error,
    ErrorCode,
    LineDecoder,
    Malformed,
    Request,
    Result,
    apply,
    decode,
    diff,
    encode,
    plain,
)

names = st.text(max_size=8)
scalars = (
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.floats(allow_nan=False, allow_infinity=False) | names
)
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(names, inner, max_size=4), max_leaves=12
)
snapshots = st.dictionaries(st.sampled_from(["a", "b", "c", ""]), values, max_size=4)
ids = st.integers(-(2**53), 2**53) | names
messages = (
    st.builds(Request, method=st.text(min_size=1, max_size=8), params=snapshots, id=st.none() | ids)
    | st.builds(Result, id=ids, result=values)
    | st.builds(Error, id=st.none() | ids, code=st.integers(-40000, 0), message=names)
)


def identical(one: Any, other: Any) -> bool:
    """Equality that tells True from 1 and 1 from 1.0, as a terminal would."""
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)


@settings(max_examples=150)
@given(messages)
def test_encode_then_decode_is_the_identity(message: protocol.Message) -> None:
    line = encode(message)

    assert line.count(b"\n") == 1
    assert message == decode(line[:-1])


@settings(max_examples=100)
@given(st.lists(messages | st.binary(max_size=80), max_size=5), st.data())
def test_any_split_of_the_bytes_gives_the_same_events(parts: list[Any], data: st.DataObject) -> None:
    wire = b"".join(part + b"\n" if isinstance(part, bytes) else encode(part) for part in parts)
    whole = LineDecoder(60).receive(wire)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(wire)), max_size=6)))
    pieces = [wire[a:b] for a, b in zip([0, *cuts], [*cuts, len(wire)], strict=True)]
    decoder = LineDecoder(60)

    assert whole == [event for piece in pieces for event in decoder.receive(piece)]


@settings(max_examples=150)
@given(st.binary(max_size=300))
def test_garbage_gives_malformed_events_and_the_next_message_is_still_read(garbage: bytes) -> None:
    decoder = LineDecoder(200)
    events = decoder.receive(garbage + b"\n" + encode(Request(method="status.get", id=7)))

    assert Request(method="status.get", id=7) == events[-1]
    assert all(isinstance(event, Malformed) for event in events[:-1])


def test_a_line_that_is_too_long_is_told_once_and_costs_no_more_memory_than_the_limit() -> None:
    decoder = LineDecoder(100)
    events = [event for _ in range(1000) for event in decoder.receive(b"x" * 50)]

    assert [Malformed(code=ErrorCode.INVALID_REQUEST, message="line longer than 100 bytes")] == events
    assert len(decoder._pending) == 0
    assert [Result(id=1, result=2)] == decoder.receive(b"xxx\n" + encode(Result(id=1, result=2)))


@pytest.mark.parametrize(
    ("line", "code", "known_id"),
    [
        (b"", ErrorCode.PARSE_ERROR, None),
        (b"{", ErrorCode.PARSE_ERROR, None),
        (b"\xff\xfe", ErrorCode.PARSE_ERROR, None),
        (b"[" * 5000, ErrorCode.PARSE_ERROR, None),
        (b'{"jsonrpc":"2.0","method":"x","params":{"w":NaN},"id":1}', ErrorCode.PARSE_ERROR, None),
        (b'{"jsonrpc":"2.0","method":"x","params":{"w":1e999},"id":1}', ErrorCode.PARSE_ERROR, None),
        (b'{"jsonrpc":"2.0","method":"x","method":"y","id":1}', ErrorCode.PARSE_ERROR, None),
        (b"[]", ErrorCode.INVALID_REQUEST, None),
        (b'{"method":"x","id":1}', ErrorCode.INVALID_REQUEST, 1),
        (b'{"jsonrpc":"1.0","method":"x","id":"a"}', ErrorCode.INVALID_REQUEST, "a"),
        (b'{"jsonrpc":"2.0","method":"x","id":null}', ErrorCode.INVALID_REQUEST, None),
        (b'{"jsonrpc":"2.0","method":"x","id":true}', ErrorCode.INVALID_REQUEST, None),
        (b'{"jsonrpc":"2.0","method":"x","id":1.5}', ErrorCode.INVALID_REQUEST, None),
        (b'{"jsonrpc":"2.0","method":5,"id":1}', ErrorCode.INVALID_REQUEST, 1),
        (b'{"jsonrpc":"2.0","method":"","id":1}', ErrorCode.INVALID_REQUEST, 1),
        (b'{"jsonrpc":"2.0","method":"x","params":[1],"id":1}', ErrorCode.INVALID_PARAMS, 1),
        (b'{"jsonrpc":"2.0","method":"x","extra":1,"id":1}', ErrorCode.INVALID_REQUEST, 1),
        (b'{"jsonrpc":"2.0","id":1}', ErrorCode.INVALID_REQUEST, 1),
        (b'{"jsonrpc":"2.0","id":1,"error":{"code":"a","message":""}}', ErrorCode.INVALID_REQUEST, 1),
        (b'{"jsonrpc":"2.0","id":1,"result":1,"error":{"code":1,"message":""}}', ErrorCode.INVALID_REQUEST, 1),
        (b'{"jsonrpc":"2.0","id":[],"error":{"code":1,"message":""}}', ErrorCode.INVALID_REQUEST, None),
        (b'{"jsonrpc":"2.0","result":1}', ErrorCode.INVALID_REQUEST, None),
    ],
)
def test_a_malformed_line_is_answered_with_the_right_error(line: bytes, code: ErrorCode, known_id: object) -> None:
    event = decode(line)

    assert isinstance(event, Malformed)
    assert (code, known_id) == (event.code, event.id)
    reply = decode(encode(event.as_error())[:-1])
    assert isinstance(reply, Error)
    assert (code, known_id) == (reply.code, reply.id)


@settings(max_examples=300)
@given(snapshots, snapshots)
def test_applying_a_difference_gives_the_new_snapshot(old: Any, new: Any) -> None:
    before = copy.deepcopy(old)
    delta = Delta.from_json(json.loads(json.dumps(diff(old, new).to_json())))

    assert identical(new, apply(old, delta))
    assert identical(before, old), "the old snapshot stays whole"


@settings(max_examples=100)
@given(snapshots)
def test_equal_snapshots_differ_by_nothing(snapshot: Any) -> None:
    assert not diff(snapshot, copy.deepcopy(snapshot))
    assert apply(snapshot, Delta()) == snapshot


def test_a_difference_says_no_more_than_what_changed() -> None:
    old = {"site": {"limit_w": 5, "measured_w": 1}, "connectors": {"1": {"state": "available", "faults": ["A", "B"]}}}
    new = {"site": {"limit_w": 5, "measured_w": 2}, "connectors": {"1": {"state": "available", "faults": ["B"]}}}

    assert diff(old, new) == Delta(
        changed=((("site", "measured_w"), 2), (("connectors", "1", "faults"), ["B"])), removed=()
    )
    assert diff(old, {"connectors": {}}) == Delta(changed=(), removed=(("site",), ("connectors", "1")))


@pytest.mark.parametrize(("old", "new"), [(True, 1), (1, 1.0), (0, False), ([1], [True]), ([{"a": 0}], [{"a": False}])])
def test_values_that_a_terminal_shows_differently_are_different(old: object, new: object) -> None:
    assert diff({"x": old}, {"x": new}) == Delta(changed=((("x",), new),))


@pytest.mark.parametrize(
    "delta",
    [
        Delta(removed=(("missing",),)),
        Delta(removed=(("a", "b", "c"),)),
        Delta(changed=((("missing", "b"), 1),)),
        Delta(changed=((("a", "b", "c"), 1),)),
    ],
)
def test_a_delta_that_does_not_fit_is_refused(delta: Delta) -> None:
    snapshot = {"a": {"b": 1}}
    with pytest.raises(DeltaMismatch):
        apply(snapshot, delta)

    assert snapshot == {"a": {"b": 1}}


@settings(max_examples=100)
@given(values)
def test_anything_that_is_no_delta_is_refused_and_nothing_worse(value: Any) -> None:
    fields = {"changed": value, "removed": value}
    try:
        Delta.from_json(fields)
    except DeltaMismatch:
        return
    assert value == [], "only the empty list is both a list of changes and a list of paths"


def test_plain_copies_and_turns_what_json_does_not_know_into_null() -> None:
    relays = [True, False]
    made = plain({"age_s": float("inf"), "relays": tuple(relays), "nested": {"x": float("nan")}, "list": relays})
    relays[0] = False

    assert made == {"age_s": None, "relays": [True, False], "nested": {"x": None}, "list": [True, False]}


@pytest.mark.parametrize("value", [{1: "a"}, {"a": {2: 1}}, object(), {"a": b"bytes"}, {1, 2}])
def test_plain_refuses_what_would_change_on_the_wire(value: object) -> None:
    with pytest.raises(TypeError):
        plain(value)
