"""From plain TOML data to the schema's classes, collecting every mistake instead of stopping at the first.

cattrs does the structuring; the hooks here make it strict (nothing is converted that was not written so) and turn what
it raises into `Mistake`s: where, and what to do.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar, get_origin

import attrs
import cattrs
from cattrs.gen import make_dict_structure_fn, override

from jp_firmware.config.brought.aliases import alias_hint
from jp_firmware.config.text.lines import KeyPath
from jp_firmware.config.told.nearest import suggestion

T = TypeVar("T")


@attrs.frozen
class Mistake:
    """What is wrong at one key, and what to do, in one line."""

    path: KeyPath
    text: str
    rule: str = ""  # the id of the rule that it breaks, where it has one


class Mistakes(Exception):
    """All mistakes of one structuring."""

    def __init__(self, mistakes: list[Mistake]) -> None:
        super().__init__(mistakes)
        self.mistakes = mistakes


class _WrongType(ValueError):
    pass


def structure(data: dict[str, Any], kind: type[T]) -> T:
    """`data` as an instance of the attrs class `kind`. Raises Mistakes."""
    try:
        return _CONVERTER.structure(data, kind)
    except cattrs.BaseValidationError as group:
        raise Mistakes(list(_mistakes(group, (), kind))) from group


def suggest(word: str, known: list[str]) -> str:
    """ "did you mean …?", or all that is known."""
    close = difflib.get_close_matches(word, known, n=1)
    return f"did you mean {close[0]}?" if close else f"known: {', '.join(known) or 'none'}"


def twice(values: Iterable[tuple[KeyPath, Any]], tell: Callable[[Any], str]) -> Iterator[Mistake]:
    """A mistake at each value that stood before."""
    seen: set[Any] = set()
    for path, value in values:
        if value in seen:
            yield Mistake(path, tell(value))
        seen.add(value)


def one_line(text: str) -> str:
    """`text` with what would break the line, or command a terminal, written as an escape."""
    return "".join(one if one.isprintable() else repr(one)[1:-1] for one in text)


# --- strict hooks --------------------------------------------------------------------------------------------------


def _exactly(*kinds: type, what: str) -> Callable[[Any, Any], Any]:
    def check(value: Any, _: Any) -> Any:
        if type(value) not in kinds:
            raise _WrongType(f"{_shown(value)} is not {what}")
        return value

    return check


def _number(value: Any, _: Any) -> float:
    if type(value) not in (int, float):
        raise _WrongType(f"{_shown(value)} is not a number")
    return float(value)


def _class_hook(kind: type) -> Callable[[Any, Any], Any]:
    """A hook that says of each key by itself what is wrong with it: its type, or what its validator refuses."""
    fields = {
        field.name: override(struct_hook=_field_hook(field))
        for field in attrs.fields(attrs.resolve_types(kind, include_extras=False))
    }
    build: Callable[[Any, Any], Any] = make_dict_structure_fn(
        kind,
        _CONVERTER,
        _cattrs_forbid_extra_keys=True,
        _cattrs_detailed_validation=True,
        **fields,  # type: ignore[arg-type]
    )

    def check(value: Any, wanted: Any) -> Any:
        if not isinstance(value, dict):
            raise _WrongType(f"{_shown(value)} is not a table")
        return build(value, wanted)

    return check


def _field_hook(field: attrs.Attribute[Any]) -> Callable[[Any, Any], Any]:
    def check(value: Any, wanted: Any) -> Any:
        if get_origin(wanted) is tuple and not isinstance(value, list):
            what = "a list of tables, [[…]]" if attrs.has(wanted.__args__[0]) else "a list"
            raise _WrongType(f"{_shown(value)} is not {what}")
        made = _CONVERTER.structure(value, wanted)
        if field.validator is not None:
            field.validator(None, field, made)
        return made

    return check


_CONVERTER = cattrs.Converter(detailed_validation=True, forbid_extra_keys=True)
_CONVERTER.register_structure_hook(int, _exactly(int, what="a whole number"))
_CONVERTER.register_structure_hook(float, _number)
_CONVERTER.register_structure_hook(str, _exactly(str, what='a text (write it in "…")'))
_CONVERTER.register_structure_hook(bool, _exactly(bool, what="true or false"))
_CONVERTER.register_structure_hook_factory(attrs.has, _class_hook)


# --- from cattrs' exceptions to mistakes -----------------------------------------------------------------------------


def _mistakes(error: BaseException, at: KeyPath, kind: type) -> Iterator[Mistake]:
    match error:
        case cattrs.ClassValidationError() | cattrs.IterableValidationError():
            for one in error.exceptions:
                yield from _mistakes(one, (*at, *_step(one)), kind)
        case cattrs.ForbiddenExtraKeysError():
            for key in sorted(error.extra_fields):
                yield Mistake((*at, key), f"unknown key; {alias_hint(key) or suggestion(key, error.cl, kind)}")
        case KeyError():
            yield Mistake(at, "is missing; add it")
        case _:
            yield Mistake(at, str(error))


def _step(error: BaseException) -> KeyPath:
    for note in getattr(error, "__notes__", ()):
        match note:
            case cattrs.AttributeValidationNote():
                return (note.name,)
            case cattrs.IterableValidationNote():
                return (note.index,)
    return ()


def _shown(value: Any) -> str:
    match value:
        case dict():
            return "a table"
        case list():
            return "a list"
        case bool():
            return str(value).lower()
        case str():
            return f'"{value}"'
    return str(value)
