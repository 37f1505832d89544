"""The words of the local console link: JSON-RPC 2.0, one object a line, and snapshots that travel as deltas.

Bytes in, events out: nothing here opens a socket, reads a clock or waits. It refuses to be lenient: a line that is
not exactly one well-formed message is a `Malformed` event with the error that answers it, and nothing else.
"""

from __future__ import annotations

import enum
import json
import math
from collections.abc import Mapping
from typing import Any, NoReturn, TypeAlias

import attrs

PROTOCOL_VERSION = 1

# A request is a method and a few words; 64 KiB is already generous (node.js and h11 allow as much for HTTP headers).
# A snapshot of 12 connectors and 36 modules is about 20 kB and a long session's samples some 100 kB: 4 MiB on the
# client's side only keeps a broken server from filling its memory.
MAX_REQUEST_BYTES = 64 * 1024
MAX_REPLY_BYTES = 4 * 1024 * 1024

MIN_INTERVAL_S = 0.25  # a person reads no faster
MAX_INTERVAL_S = 10.0
HEARTBEAT_S = 2.0  # an unchanged topic is confirmed by an empty delta at least this often

Snapshot: TypeAlias = dict[str, Any]  # what one topic says, as plain JSON
Path: TypeAlias = tuple[str, ...]  # keys from the snapshot's root; never empty


class ErrorCode(enum.IntEnum):
    """Error codes: those of JSON-RPC 2.0, and ours from its range for servers."""

    PARSE_ERROR = -32700
    INVALID_REQUEST = -32600
    METHOD_NOT_FOUND = -32601
    INVALID_PARAMS = -32602
    INTERNAL_ERROR = -32603
    REFUSED = -32000  # understood, and not done; the message says why
    UNAVAILABLE = -32001  # a topic that cannot be told at present
    TIMED_OUT = -32002
    TOO_MANY_CLIENTS = -32003


class ConsoleError(Exception):
    """The console link failed: what happened, where, and what to do about it, in one line."""


class CallFailed(ConsoleError):
    """The charger answered a call with an error. `code` is one of `ErrorCode`, or another server's own."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


class DeltaMismatch(ConsoleError):
    """A delta does not fit the snapshot it was applied to; the remedy is to ask for a whole snapshot."""


# --- messages ------------------------------------------------------------------------------------------------------


@attrs.frozen(kw_only=True)
class Request:
    """A call, or with `id` None a notification, which is never answered. Parameters go by name only."""

    method: str
    params: Snapshot = attrs.field(factory=dict)
    id: int | str | None = None


@attrs.frozen(kw_only=True)
class Result:
    """The answer to the call of that id."""

    id: int | str
    result: Any = None


@attrs.frozen(kw_only=True)
class Error:
    """The refusal of the call of that id; None where the call could not be read."""

    id: int | str | None
    code: int
    message: str


@attrs.frozen(kw_only=True)
class Malformed:
    """A line that is no message. `id` is the request's, where it could be read."""

    code: ErrorCode
    message: str
    id: int | str | None = None

    def as_error(self) -> Error:
        """The reply that JSON-RPC asks for."""
        return Error(id=self.id, code=self.code, message=self.message)


Message: TypeAlias = Request | Result | Error


def encode(message: Message) -> bytes:
    """One message as a line.

    Raises ValueError for a number that JSON does not know (infinity, not-a-number) and TypeError for a value that is
    not JSON: see `plain`.
    """
    fields: Snapshot = {"jsonrpc": "2.0"}
    match message:
        case Request():
            fields["method"] = message.method
            if message.params:
                fields["params"] = message.params
            if message.id is not None:
                fields["id"] = message.id
        case Result():
            fields |= {"id": message.id, "result": message.result}
        case Error():
            fields |= {"id": message.id, "error": {"code": int(message.code), "message": message.message}}
    # ASCII only: a lone surrogate, which a JSON string may hold as an escape, survives the way back and forth.
    return json.dumps(fields, separators=(",", ":"), allow_nan=False).encode("ascii") + b"\n"


class LineDecoder:
    """Cuts a stream into lines and reads each. Any split of the bytes gives the same events.

    A line longer than `max_line_bytes` gives one `Malformed` as soon as it is too long; the rest of it is dropped.
    """

    def __init__(self, max_line_bytes: int) -> None:
        self._max = max_line_bytes
        self._pending = bytearray()
        self._dropping = False

    def receive(self, data: bytes | bytearray) -> list[Message | Malformed]:
        """The messages that end in `data`. Never raises."""
        events: list[Message | Malformed] = []
        searched = len(self._pending)
        self._pending += data
        start = 0
        while (end := self._pending.find(b"\n", max(start, searched))) >= 0:
            if self._dropping:
                self._dropping = False
            elif end - start > self._max:
                events.append(self._too_long())
            else:
                events.append(decode(bytes(self._pending[start:end])))
            start = end + 1
        del self._pending[:start]
        if not self._dropping and len(self._pending) > self._max:
            self._dropping = True
            events.append(self._too_long())
        if self._dropping:
            self._pending.clear()
        return events

    def _too_long(self) -> Malformed:
        return Malformed(code=ErrorCode.INVALID_REQUEST, message=f"line longer than {self._max} bytes")


def decode(line: bytes) -> Message | Malformed:
    """Reads one line, without its newline. Never raises."""
    try:
        fields = _STRICT_JSON.decode(line.decode("utf-8"))
    except (ValueError, RecursionError) as exc:  # JSONDecodeError and UnicodeDecodeError are ValueErrors
        return Malformed(code=ErrorCode.PARSE_ERROR, message=f"not JSON: {exc}")
    if not isinstance(fields, dict):
        return Malformed(code=ErrorCode.INVALID_REQUEST, message="not an object (batches are not supported)")
    found = fields.get("id")
    known_id = found if _is_id(found) else None
    if "id" in fields and known_id is None and "error" not in fields:
        return Malformed(code=ErrorCode.INVALID_REQUEST, message="id is neither a number nor a string")
    if fields.get("jsonrpc") != "2.0":
        return Malformed(code=ErrorCode.INVALID_REQUEST, message='jsonrpc is not "2.0"', id=known_id)
    try:
        if "method" in fields:
            return _request(fields, known_id)
        return _reply(fields, known_id)
    except _Wrong as wrong:
        return Malformed(code=wrong.code, message=str(wrong), id=known_id)


class _Wrong(Exception):
    def __init__(self, code: ErrorCode, message: str) -> None:
        super().__init__(message)
        self.code = code


def _request(fields: Snapshot, known_id: int | str | None) -> Request:
    _only(fields, "jsonrpc", "method", "params", "id")
    method, params = fields["method"], fields.get("params", {})
    if not isinstance(method, str) or not method:
        raise _Wrong(ErrorCode.INVALID_REQUEST, "method is not a name")
    if not isinstance(params, dict):
        raise _Wrong(ErrorCode.INVALID_PARAMS, "params is not an object (parameters go by name)")
    return Request(method=method, params=params, id=known_id)


def _reply(fields: Snapshot, known_id: int | str | None) -> Result | Error:
    if "error" in fields:
        _only(fields, "jsonrpc", "id", "error")
        error = fields["error"]
        if not (
            isinstance(error, dict)
            and isinstance(error.get("code"), int)
            and not isinstance(error["code"], bool)
            and isinstance(error.get("message"), str)
        ):
            raise _Wrong(ErrorCode.INVALID_REQUEST, "error without code and message")
        if fields.get("id") is not None and known_id is None:
            raise _Wrong(ErrorCode.INVALID_REQUEST, "id is neither a number nor a string")
        return Error(id=known_id, code=error["code"], message=error["message"])
    _only(fields, "jsonrpc", "id", "result")
    if "result" not in fields or known_id is None:
        raise _Wrong(ErrorCode.INVALID_REQUEST, "neither a call nor an answer")
    return Result(id=known_id, result=fields["result"])


def _only(fields: Snapshot, *known: str) -> None:
    unknown = sorted(set(fields) - set(known))
    if unknown:
        raise _Wrong(ErrorCode.INVALID_REQUEST, f"unknown member: {', '.join(unknown)}")


def _is_id(value: object) -> bool:
    return isinstance(value, int | str) and not isinstance(value, bool)


def _no_constant(word: str) -> NoReturn:
    raise ValueError(f"{word} is no JSON number")


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError("number out of range")
    return value


def _no_duplicates(pairs: list[tuple[str, Any]]) -> Snapshot:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise ValueError("the same key twice in one object")
    return fields


_STRICT_JSON = json.JSONDecoder(parse_constant=_no_constant, parse_float=_finite, object_pairs_hook=_no_duplicates)


# --- snapshots and deltas ------------------------------------------------------------------------------------------


@attrs.frozen(kw_only=True)
class Delta:
    """What changed between two snapshots: `removed` paths first, then `changed` paths with their new values."""

    changed: tuple[tuple[Path, Any], ...] = ()
    removed: tuple[Path, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.changed or self.removed)

    def to_json(self) -> Snapshot:
        """The delta on the wire; paths are lists of keys."""
        return {
            "changed": [[list(path), value] for path, value in self.changed],
            "removed": [list(path) for path in self.removed],
        }

    @classmethod
    def from_json(cls, fields: object) -> Delta:
        """Reads a delta from the wire. Raises DeltaMismatch for anything that is none."""
        match fields:
            case {"changed": list(changed), "removed": list(removed)}:
                return cls(
                    changed=tuple(_read_change(one) for one in changed),
                    removed=tuple(_read_path(one) for one in removed),
                )
        raise DeltaMismatch("not a delta")


def diff(old: Mapping[str, Any], new: Mapping[str, Any]) -> Delta:
    """What turns `old` into `new`. Objects are compared key by key; lists are replaced whole.

    `True` and `1`, or `1` and `1.0`, are different values: a terminal would show them differently.
    """
    changed: list[tuple[Path, Any]] = []
    removed: list[Path] = []
    _compare(old, new, (), changed, removed)
    return Delta(changed=tuple(changed), removed=tuple(removed))


def apply(snapshot: Mapping[str, Any], delta: Delta) -> Snapshot:
    """The snapshot after `delta`. `snapshot` stays as it is; what did not change is shared with the result.

    Raises DeltaMismatch when a path does not exist in `snapshot`.
    """
    result = dict(snapshot)
    own: dict[Path, Snapshot] = {(): result}  # objects already copied for this result
    for path in delta.removed:
        parent = _own_parent(own, path)
        if path[-1] not in parent:
            raise DeltaMismatch(f"nothing at {'.'.join(path)} to remove")
        del parent[path[-1]]
    for path, value in delta.changed:
        _own_parent(own, path)[path[-1]] = value
    return result


def plain(value: Any) -> Any:
    """A copy of `value` that is plain JSON: tuples become lists, infinite and undefined numbers become None.

    An infinite age is that of something never heard of, and unknown values are null on this link. Raises TypeError
    for anything else that JSON does not know, keys that are not strings included.
    """
    if value is None or isinstance(value, str | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        for key in value:
            if not isinstance(key, str):
                raise TypeError(f"key {key!r} is not a string")
        return {key: plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    raise TypeError(f"{type(value).__name__} is not JSON")


def _compare(
    old: Mapping[str, Any],
    new: Mapping[str, Any],
    at: Path,
    changed: list[tuple[Path, Any]],
    removed: list[Path],
) -> None:
    removed.extend((*at, key) for key in old if key not in new)
    for key, value in new.items():
        if key not in old:
            changed.append(((*at, key), value))
        elif isinstance(value, dict) and isinstance(old[key], dict):
            _compare(old[key], value, (*at, key), changed, removed)
        elif not _same(old[key], value):
            changed.append(((*at, key), value))


def _same(one: Any, other: Any) -> bool:
    if type(one) is not type(other):
        return False
    if isinstance(one, list):
        return len(one) == len(other) and all(map(_same, one, other))
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(_same(one[key], other[key]) for key in one)
    return bool(one == other)


def _own_parent(own: dict[Path, Snapshot], path: Path) -> Snapshot:
    """The object that holds the last key of `path`, copied once so that the old snapshot stays whole."""
    at = path[:-1]
    if at not in own:
        above = _own_parent(own, at)
        found = above.get(at[-1])
        if not isinstance(found, dict):
            raise DeltaMismatch(f"no object at {'.'.join(at)}")
        own[at] = above[at[-1]] = dict(found)
    return own[at]


def _read_change(one: object) -> tuple[Path, Any]:
    match one:
        case [path, value]:
            return _read_path(path), value
    raise DeltaMismatch("a change is not a path and a value")


def _read_path(path: object) -> Path:
    if isinstance(path, list) and path and all(isinstance(key, str) for key in path):
        return tuple(path)
    raise DeltaMismatch("a path is not a list of keys")
