"""What a call may answer, and how it reads its parameters.

A call is `async def (params) -> JSON`. It refuses with `CallRefused` or `InvalidParams`; anything else it raises is a
defect, which is logged and told to the caller as such.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias, TypeVar

from jp_firmware.console.protocol import ErrorCode

T = TypeVar("T")
Call: TypeAlias = Callable[[dict[str, Any]], Awaitable[object]]


class CallRefused(Exception):
    """Understood and not done; the message tells the operator why, in one line."""

    code = ErrorCode.REFUSED


class InvalidParams(CallRefused):
    """A parameter is missing, unknown or of the wrong kind; the message names it."""

    code = ErrorCode.INVALID_PARAMS


_KINDS: dict[type, str] = {int: "a whole number", float: "a number", str: "a text", bool: "true or false"}


def parameter(params: dict[str, Any], name: str, kind: type[T], *default: T) -> T:
    """The parameter `name`; a whole number passes for a `float`, true and false pass for no number.

    Raises InvalidParams when it is of another kind, or when it is missing (or null) and there is no default.
    """
    value = params.get(name)
    if value is None and default:
        return default[0]
    if kind is float and type(value) is int:
        value = float(value)
    if type(value) is not kind:
        what = _KINDS.get(kind, kind.__name__)
        raise InvalidParams(f"{name} is missing: {what}" if value is None else f"{name} is not {what}: {value!r}")
    return value


def only(params: dict[str, Any], *names: str) -> None:
    """Raises InvalidParams for a parameter that is none of `names`."""
    unknown = sorted(set(params) - set(names))
    if unknown:
        allowed = ", ".join(names) or "none"
        raise InvalidParams(f"unknown parameter {', '.join(unknown)}; known: {allowed}")
