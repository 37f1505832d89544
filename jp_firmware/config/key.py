"""What is declared of each key beside its type: what it means, its unit and range, who may change it, what that takes.

A class of the configuration declares its keys as annotations:

    @attrs.frozen(kw_only=True, field_transformer=declared)
    class Site:
        limit_w: Annotated[float, Key("What may be drawn at the connection.", unit="W", between=(0, 10_000_000))]

All that is told of keys (explanations, the reference, editors' schema, plans) follows from these declarations.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterator
from typing import Annotated, Any, get_args, get_origin

import attrs
from attrs import validators

FIRST = "0.1"  # the version of this program that had a key first, unless it says another


class Reload(enum.StrEnum):
    """What a change of a key takes on a charger that runs. A session never notices any of the first two."""

    LIVE = "live"  # in force at once
    NEXT_SESSION = "next session"  # a session that runs goes on as it began
    RECONNECT = "reconnect"  # a connection of the charger's own is made anew
    RESTART_CHILD = "restart child"  # the part that uses it is made safe, and starts again with it


class Role(enum.StrEnum):
    """Who may change a key: each may what those before it may."""

    OPERATOR = "operator"
    INSTALLER = "installer"
    MANUFACTURER = "manufacturer"

    def may(self, needed: Role) -> bool:
        """Whether this role is `needed`, or above it."""
        ranks = list(Role)
        return ranks.index(self) >= ranks.index(needed)


@attrs.frozen
class Between:
    """Allows a range, ends included; not-a-number is outside every range."""

    low: float
    high: float

    def __call__(self, _instance: Any, _attribute: Any, value: float) -> None:
        if not self.low <= value <= self.high:
            raise ValueError(f"{value:,.12g} is out of range; allowed: {self.low:,.12g} to {self.high:,.12g}")


@attrs.frozen
class OneOf:
    """Allows a choice of values; for a list, of its items."""

    values: tuple[Any, ...]

    def __call__(self, _instance: Any, _attribute: Any, value: Any) -> None:
        for one in value if isinstance(value, tuple) else (value,):
            if one not in self.values:
                raise ValueError(f"{one!r} is not allowed; allowed: {', '.join(map(str, self.values))}")


@attrs.frozen
class Key:
    """One key, as it is declared."""

    text: str  # what it means, for a person: sentences
    unit: str = attrs.field(default="", kw_only=True)
    between: tuple[float, float] | None = attrs.field(default=None, kw_only=True)
    one_of: tuple[Any, ...] | None = attrs.field(default=None, kw_only=True)
    reload: Reload = attrs.field(default=Reload.LIVE, kw_only=True)
    role: Role = attrs.field(default=Role.INSTALLER, kw_only=True)
    since: str = attrs.field(default=FIRST, kw_only=True)
    secret: bool = attrs.field(default=False, kw_only=True)  # kept apart, never shown or exported
    per_device: bool = attrs.field(default=False, kw_only=True)  # each charger has its own: never copied to another

    @property
    def validator(self) -> Callable[[Any, Any, Any], None] | None:
        """What refuses a value that has the right type. A key that may be absent has the value None then."""
        if self.between is not None:
            return validators.optional(Between(*self.between))
        return validators.optional(OneOf(self.one_of)) if self.one_of is not None else None


def declared(_kind: type, fields: list[attrs.Attribute[Any]]) -> list[attrs.Attribute[Any]]:
    """Gives each field the type and the validator of its declaration: attrs' `field_transformer` of all tables.

    Raises TypeError for a field without a declaration: a key that nobody has explained.
    """
    return [_with_declaration(field) for field in fields]


def key_of(field: attrs.Attribute[Any]) -> Key:
    """The declaration of a field of a table."""
    found = field.metadata[Key]
    assert isinstance(found, Key)
    return found


def _with_declaration(field: attrs.Attribute[Any]) -> attrs.Attribute[Any]:
    found = [one for one in get_args(field.type) if isinstance(one, Key)]
    if get_origin(field.type) is not Annotated or len(found) != 1:
        raise TypeError(f"{field.name} needs one Key in its annotation; Annotated[{field.type}, Key(...)]")
    return field.evolve(type=get_args(field.type)[0], validator=found[0].validator, metadata={Key: found[0]})


@attrs.frozen(kw_only=True)
class Known:
    """One key of the whole configuration: where it stands, and its declaration."""

    path: tuple[str, ...]  # "*" for the name of a list's item
    type: Any
    default: Any  # attrs.NOTHING when it must be given
    key: Key

    @property
    def name(self) -> str:
        """As people write it: `connectors.*.weight`."""
        return ".".join(self.path)

    @property
    def is_table(self) -> bool:
        """Whether other keys stand below it: a table, or a list of tables."""
        return table_of(self.type) is not None

    @property
    def is_list(self) -> bool:
        return get_origin(self.type) is tuple


def table_of(kind: Any) -> Any:
    """The class of the table, or of the tables in the list, that a key of this type holds; None if it holds neither."""
    if isinstance(kind, type) and attrs.has(kind):
        return kind
    return next((one for one in get_args(kind) if isinstance(one, type) and attrs.has(one)), None)


def keys_of(kind: type, above: tuple[str, ...] = ()) -> Iterator[Known]:
    """All keys of a table, and of those below it, in the order of their declaration."""
    for field in attrs.fields(kind):
        path = (*above, field.name)
        known = Known(path=path, type=field.type, default=field.default, key=key_of(field))
        yield known
        if (table := table_of(field.type)) is not None:
            yield from keys_of(table, (*path, "*") if known.is_list else path)
