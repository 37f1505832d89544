"""JSON-RPC 2.0 as the emulated cabinet's control port speaks it: one object a line, no batches, no notifications.

Pure: lines in, calls and answers out. The emulation stands beside the charger and shares no code with its console.
"""

from __future__ import annotations

import inspect
import json
import types
import typing
from collections.abc import Callable, Mapping, Sequence

import attrs

PARSE_ERROR = -32700
INVALID_REQUEST = -32600
METHOD_NOT_FOUND = -32601
INVALID_PARAMS = -32602
INTERNAL_ERROR = -32603
REFUSED = -32000  # the verb was understood and cannot be done

MAX_LINE = 1 << 20


class RpcError(Exception):
    """An error answer: `code`, and one line for a person."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


@attrs.frozen
class Call:
    """A request. `params` by name or by position."""

    id: object
    method: str
    params: Mapping[str, object] | Sequence[object]


def encode_call(id_: object, method: str, params: Mapping[str, object]) -> bytes:
    return _line({"jsonrpc": "2.0", "id": id_, "method": method, "params": dict(params)})


def encode_result(id_: object, result: object) -> bytes:
    return _line({"jsonrpc": "2.0", "id": id_, "result": result})


def encode_error(id_: object, error: RpcError) -> bytes:
    return _line({"jsonrpc": "2.0", "id": id_, "error": {"code": error.code, "message": error.message}})


def decode_call(line: bytes) -> Call:
    """Raises RpcError for anything that is not a request."""
    data = _decoded(line)
    method, params = data.get("method"), data.get("params", {})
    if data.get("jsonrpc") != "2.0" or not isinstance(method, str) or not isinstance(params, dict | list):
        raise RpcError(INVALID_REQUEST, "a request has jsonrpc 2.0, an id, a method and params")
    return Call(data.get("id"), method, params)


def decode_answer(line: bytes) -> tuple[object, object]:
    """The id and the result of an answer. Raises RpcError if it is an error, or no answer at all."""
    data = _decoded(line)
    if "error" in data:
        error = data["error"] if isinstance(data["error"], dict) else {}
        raise RpcError(int(error.get("code", INTERNAL_ERROR)), str(error.get("message", "no reason given")))
    if "result" not in data:
        raise RpcError(INVALID_REQUEST, "an answer has a result or an error")
    return data.get("id"), data["result"]


def bind(function: Callable[..., object], call: Call) -> dict[str, object]:
    """The arguments of `function` from a call's params. Raises RpcError if they do not fit its signature."""
    signature = inspect.signature(function)
    usage = " ".join(_usage(parameter) for parameter in signature.parameters.values()) or "nothing"
    try:
        positional: Sequence[object] = () if isinstance(call.params, Mapping) else call.params
        named: Mapping[str, object] = call.params if isinstance(call.params, Mapping) else {}
        bound = signature.bind(*positional, **named)
    except TypeError as error:
        raise RpcError(INVALID_PARAMS, f"{call.method}: {error}; it takes {usage}") from error
    hints = typing.get_type_hints(function)
    return {name: _checked(call.method, name, value, hints[name]) for name, value in bound.arguments.items()}


def _usage(parameter: inspect.Parameter) -> str:
    return parameter.name if parameter.default is parameter.empty else f"[{parameter.name}]"


def _checked(method: str, name: str, value: object, hint: object) -> object:
    allowed = typing.get_args(hint) if isinstance(hint, types.UnionType) else (hint,)
    if type(value) in allowed or (value is None and type(None) in allowed):
        return value
    if float in allowed and type(value) is int:
        return float(value)
    words = " or ".join(one.__name__ for one in allowed if isinstance(one, type) and one is not type(None))
    raise RpcError(INVALID_PARAMS, f"{method}: {name} must be {words}, not {value!r}")


def _decoded(line: bytes) -> dict[str, object]:
    try:
        data = json.loads(line)
    except ValueError as error:
        raise RpcError(PARSE_ERROR, f"not JSON: {error}") from error
    if not isinstance(data, dict):
        raise RpcError(INVALID_REQUEST, "one JSON object a line")
    return data


def _line(data: dict[str, object]) -> bytes:
    return json.dumps(data, separators=(",", ":")).encode() + b"\n"
