"""The frames of OCPP-J: `[2, id, action, payload]`, `[3, id, payload]` and `[4, id, code, text, details]`.

Takes whatever a peer sends and either returns one sound frame or raises `Malformed`, and nothing else; no later code
meets a list for an action, a number that is not finite or a nesting that ends in a `RecursionError`. It knows no
schema: what a payload must hold is the business of `schema`.
"""

from __future__ import annotations

import json
import math
from typing import Any

import attrs

MAX_CHARS = 256 * 1024  # ours; the largest 1.6 message in the field, a full local list, is well below 64 KiB
MAX_VALUES = 8192  # ours, of a CALL: looked at in 10 ms of a PC, measured; a SetChargingProfile of 96 periods has 300
MAX_DEPTH = 16  # ours; a SetChargingProfile, the deepest of 1.6, needs 6
MAX_INTEGER = 2**63 - 1
MAX_ID_CHARS = 36  # 1.6-J §4.1.4

CALL, RESULT, ERROR = 2, 3, 4

Payload = dict[str, Any]


@attrs.frozen
class Call:
    """A request. It is answered by exactly one `Result` or `Error` of the same id."""

    id: str
    action: str
    payload: Payload


@attrs.frozen
class Result:
    """The answer to a `Call`."""

    id: str
    payload: Payload


@attrs.frozen
class Error:
    """The refusal of a `Call`. `details` is never absent nor null on the wire."""

    id: str
    code: str
    text: str = ""
    details: Payload = attrs.field(factory=dict)


Frame = Call | Result | Error


class Malformed(Exception):
    """What came is no frame. `kind` and `id` are those of the frame as far as they could be read.

    Only a request whose id is sound can be refused by a CALLERROR; everything else is ignored and noted (1.6-J §4.1.3).
    """

    def __init__(self, reason: str, kind: int | None = None, id: str | None = None, code: str = "FormationViolation"):
        super().__init__(reason)
        self.reason = reason
        self.kind = kind
        self.id = id
        self.code = code


def parse(text: str | bytes) -> Frame:
    """The frame that `text` is. Raises `Malformed`, and nothing else, whatever `text` holds."""
    if isinstance(text, bytes):
        raise Malformed("a binary message; OCPP-J is text")
    if len(text) > MAX_CHARS:
        raise Malformed(f"{len(text)} characters; at most {MAX_CHARS} are read")
    try:
        frame = json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:  # JSONDecodeError and over-long integers are ValueErrors
        raise Malformed(f"not JSON: {type(error).__name__}") from None
    if not isinstance(frame, list) or not frame:
        raise Malformed("not a list")
    kind = frame[0]
    if type(kind) is not int or kind not in (CALL, RESULT, ERROR):  # neither True nor 2.0 is a message type
        raise Malformed(f"unknown message type {str(kind)[:20]!r}")
    id_ = _id(frame)
    if id_ is None:
        raise Malformed(f"no usable message id; it must be text of 1 to {MAX_ID_CHARS} characters", kind)
    fault = _unsound(frame)
    if fault:
        raise Malformed(fault, kind, id_)
    if kind == CALL:
        return _call(frame, id_)
    return _result(frame, id_) if kind == RESULT else _error(frame, id_)


def build(frame: Frame) -> str:
    """The frame's text. Raises ValueError for a number that is not finite, TypeError for what JSON cannot hold."""
    if isinstance(frame, Call):
        parts: list[object] = [CALL, frame.id, frame.action, frame.payload]
    elif isinstance(frame, Result):
        parts = [RESULT, frame.id, frame.payload]
    else:
        parts = [ERROR, frame.id, frame.code, frame.text, frame.details]
    return json.dumps(parts, separators=(",", ":"), allow_nan=False)


def _refuse_constant(name: str) -> None:
    raise ValueError(name)


def _id(frame: list[Any]) -> str | None:
    id_ = frame[1] if len(frame) > 1 else None
    if isinstance(id_, str) and 1 <= len(id_) <= MAX_ID_CHARS and _is_text(id_):
        return id_
    return None


def _call(frame: list[Any], id_: str) -> Call:
    if len(frame) != 4:
        raise Malformed(f"a CALL of {len(frame)} elements instead of 4", CALL, id_)
    action, payload = frame[2], frame[3]
    if not isinstance(action, str) or not action:
        raise Malformed("the action is not text", CALL, id_)
    if not isinstance(payload, dict):
        raise Malformed("the payload is not an object", CALL, id_)
    return Call(id_, action, payload)


def _result(frame: list[Any], id_: str) -> Result:
    if len(frame) != 3:
        raise Malformed(f"a CALLRESULT of {len(frame)} elements instead of 3", RESULT, id_)
    if not isinstance(frame[2], dict):
        raise Malformed("the payload is not an object", RESULT, id_)
    return Result(id_, frame[2])


def _error(frame: list[Any], id_: str) -> Error:
    """A refusal is taken in any shape that names its request: what is missing tells nothing that would be acted on."""
    code, text, details = (*frame[2:5], None, None, None)[:3]
    return Error(
        id_,
        code if isinstance(code, str) and code else "GenericError",
        text if isinstance(text, str) else "",
        details if isinstance(details, dict) else {},
    )


def _unsound(frame: list[Any]) -> str | None:
    """What is wrong with any value at any depth: too deep, not finite, too large, or no valid Unicode; or too many."""
    waiting: list[tuple[Any, int]] = [(frame, 0)]
    room = MAX_VALUES if frame[0] == CALL else MAX_CHARS
    while waiting:
        value, depth = waiting.pop()
        room -= len(value) if isinstance(value, dict | list) else 0
        if room < 0:
            return "too many values"
        if depth > MAX_DEPTH:
            return f"nested deeper than {MAX_DEPTH}"
        if isinstance(value, str):
            if not _is_text(value):
                return "text that is no valid Unicode"
        elif isinstance(value, float):
            if not math.isfinite(value):
                return "a number that is not finite"
        elif isinstance(value, int):
            if abs(value) > MAX_INTEGER:
                return "an integer beyond 64 bits"
        elif isinstance(value, dict):
            waiting.extend((key, depth) for key in value)
            waiting.extend((item, depth + 1) for item in value.values())
        elif isinstance(value, list):
            waiting.extend((item, depth + 1) for item in value)
    return None


def _is_text(value: str) -> bool:
    """Whether it can be sent and stored again: a lone surrogate can be written in JSON but in nothing else."""
    return value.isascii() or not any("\ud800" <= char <= "\udfff" for char in value)
