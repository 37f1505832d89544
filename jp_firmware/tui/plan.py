"""How power is shared, read into typed values: the topic `planner`, and chains and forecast of the topic `status`.

As tolerant as `snapshot`; it judges nothing and formats nothing. Powers are in watts.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final

import attrs

from jp_firmware.tui.text import clean
from jp_firmware.tui.told import Json, flag_of, number_of, numbers_of, object_of, objects_of, text_of, time_of

OPERATOR: Final = "operator"  # whose limits are those that are put and lifted here


@attrs.frozen(kw_only=True)
class ForecastView:
    """What cars will want within `within_s`: likely (P50), rarely more (P90), and what is missing then."""

    within_s: float | None
    p50_w: float | None
    p90_w: float | None
    short_by_w: float | None

    @classmethod
    def read(cls, raw: Json) -> ForecastView:
        return cls(**{one.name: number_of(raw, one.name) for one in attrs.fields(cls)})


@attrs.frozen(kw_only=True)
class ChainView:
    """Some connectors behind one limit: what their wiring carries, what is theirs even when others ask for more."""

    name: str
    connectors: tuple[int, ...]
    cap_w: float | None
    share_w: float | None  # None: all of the cap, or not told
    allowed_w: float | None
    assigned_w: float | None

    @classmethod
    def read(cls, name: str, raw: Json) -> ChainView:
        return cls(
            name=clean(name),
            connectors=numbers_of(raw, "connectors"),
            cap_w=number_of(raw, "cap_w"),
            share_w=number_of(raw, "share_w"),
            allowed_w=number_of(raw, "allowed_w"),
            assigned_w=number_of(raw, "assigned_w"),
        )

    @property
    def own_w(self) -> float | None:
        """What is the chain's own: its share, or all that its wiring carries."""
        return self.cap_w if self.share_w is None else self.share_w

    @property
    def borrowed_w(self) -> float:
        """What it is allowed beyond its own; negative is what it leaves to others."""
        if self.own_w is None or self.allowed_w is None:
            return 0.0
        return self.allowed_w - self.own_w


@attrs.frozen(kw_only=True)
class LimitView:
    """One limit: who set it, where, to what, why and until when. `binds` marks the one that decides in a chain.

    `value_w` of a link is what is left at the connectors; `grid_w` is what was set, where that is something else.
    """

    owner: str
    scope: str
    reason: str
    value_w: float | None
    grid_w: float | None
    expires_at: datetime | None
    safe_w: float | None
    binds: bool

    @classmethod
    def read(cls, raw: Json) -> LimitView:
        return cls(
            owner=text_of(raw, "owner"),
            scope=text_of(raw, "scope"),
            reason=text_of(raw, "reason"),
            value_w=number_of(raw, "value_w"),
            grid_w=number_of(raw, "grid_w"),
            expires_at=time_of(raw, "expires_at"),
            safe_w=number_of(raw, "safe_w"),
            binds=flag_of(raw, "binds") is True,
        )


@attrs.frozen(kw_only=True)
class WhyView:
    """Why one connector gets what it gets: the limits from the car (first) to the grid (last), and a sentence."""

    sentence: str
    links: tuple[LimitView, ...]

    @classmethod
    def read(cls, raw: Json) -> WhyView:
        return cls(
            sentence=text_of(raw, "sentence"), links=tuple(LimitView.read(one) for one in objects_of(raw, "links"))
        )

    @property
    def binding(self) -> LimitView | None:
        return next((one for one in self.links if one.binds), None)


@attrs.frozen(kw_only=True)
class PlanView:
    """The `planner` topic."""

    borrowing: bool | None
    site_sentence: str  # what is used and free, short, and to be expected
    connectors: Mapping[int, WhyView]
    limits: tuple[LimitView, ...]

    @classmethod
    def read(cls, raw: Json) -> PlanView:
        whys = object_of(raw, "connectors").items()
        return cls(
            borrowing=flag_of(raw, "borrowing"),
            site_sentence=text_of(object_of(raw, "site"), "sentence"),
            connectors={
                int(key): WhyView.read(one) for key, one in whys if key.isdecimal() and isinstance(one, Mapping)
            },
            limits=tuple(LimitView.read(one) for one in objects_of(raw, "limits")),
        )

    @property
    def lifted_here(self) -> tuple[LimitView, ...]:
        """The limits that an operator put, and may lift."""
        return tuple(one for one in self.limits if one.owner == OPERATOR)

    def tightest(self, scope: str) -> LimitView | None:
        """Of all limits of one place the one that counts."""
        known = [one for one in self.limits if one.scope == scope and one.value_w is not None]
        return min(known, key=lambda one: one.value_w or 0.0, default=None)


@attrs.frozen(kw_only=True)
class LossView:
    """What it would mean if one module died now: what its connector keeps at once, and has after others moved."""

    module: str
    connector: int | None  # None: the module is idle
    had_w: float | None
    keeps_w: float | None
    regains_w: float | None
    moves: int
    covered: bool

    @classmethod
    def read(cls, raw: Json) -> LossView:
        connector, moves = number_of(raw, "connector"), number_of(raw, "moves")
        return cls(
            module=text_of(raw, "module"),
            connector=None if connector is None else int(connector),
            had_w=number_of(raw, "had_w"),
            keeps_w=number_of(raw, "keeps_w"),
            regains_w=number_of(raw, "regains_w"),
            moves=int(moves or 0),
            covered=flag_of(raw, "covered") is True,
        )
