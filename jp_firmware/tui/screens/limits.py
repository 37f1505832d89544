"""Putting a limit: where, then how much, for how long and why; and choosing the one to be lifted."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any, Final

import attrs

from jp_firmware.tui import formatters as fmt
from jp_firmware.tui.plan import LimitView
from jp_firmware.tui.screens.dialogs import MakeScene
from jp_firmware.tui.screens.forms import Field, FormScreen, PickScreen
from jp_firmware.tui.text import BLANK, Line, cell, cut, line, span, wrap
from jp_firmware.tui.views.scene import Scene

# The ranges of the call `limit.put`.
_MOST_KW: Final = 10_000.0
_MOST_MINUTES: Final = 7 * 24 * 60.0  # ours: whoever means longer means until it is lifted


@attrs.frozen(kw_only=True)
class Place:
    """A place in the tree of limits, the tightest limit there, and what flows below it (None: not told)."""

    scope: str
    limit: LimitView | None
    assigned_w: float | None


def places(scene: Scene) -> list[Place]:
    """Every place that can be limited, from the grid to the cars: the site, supply lines, chains, connectors."""
    status, plan = scene.store.status, scene.store.plan
    if status is None:
        return []
    known: dict[str, float | None] = {"site": status.site.assigned_w}
    for one in () if plan is None else plan.limits:
        if one.scope.startswith("feeder-"):
            known[one.scope] = None
    known |= {f"chain-{one.name}": one.assigned_w for one in status.chains}
    known |= {f"connector-{number}": one.assigned_w for number, one in status.connectors.items()}
    return [
        Place(scope=scope, limit=None if plan is None else plan.tightest(scope), assigned_w=assigned_w)
        for scope, assigned_w in known.items()
    ]


def places_to_limit(make_scene: MakeScene) -> PickScreen:
    """Where the new limit is to be put."""
    return PickScreen(
        make_scene, "Put a limit: where", lambda scene: [(one.scope, one) for one in places(scene)], place_row, _header
    )


def limits_to_lift(make_scene: MakeScene) -> PickScreen:
    """Which of the operator's limits is to be lifted."""

    def items(scene: Scene) -> Sequence[tuple[Hashable, Any]]:
        plan = scene.store.plan
        return [] if plan is None else [(one.scope, one) for one in plan.lifted_here]

    return PickScreen(make_scene, "Lift a limit: which", items, limit_row, _lift_header)


def _header(_scene: Scene, _width: int) -> list[Line]:
    return [
        line(
            cell("  PLACE", 20, "label"),
            cell("assigned ", 10, "label", right=True),
            cell("limit ", 10, "label", right=True),
            span("  kW, by", "label"),
        )
    ]


def place_row(scene: Scene, place: Place, width: int) -> Line:
    """A place, what is assigned below it, and the tightest limit there with its owner."""
    limit = place.limit
    row = line(
        cell(f"  {place.scope}", 20, "text", ellipsis=scene.symbols.ellipsis),
        cell("", 10) if place.assigned_w is None else scene.field(fmt.power_kw(place.assigned_w), 10),
        cell("none ", 10, "label", right=True) if limit is None else scene.field(fmt.power_kw(limit.value_w), 10),
        span("" if limit is None else f"  {limit.owner}", "label"),
    )
    return cut(row, width, scene.symbols.ellipsis)


def _lift_header(_scene: Scene, _width: int) -> list[Line]:
    return [line(cell("  PLACE", 20, "label"), cell("limit ", 10, "label", right=True), span("  kW, why", "label"))]


def limit_row(scene: Scene, limit: LimitView, width: int) -> Line:
    """A limit of the operator's: place, value, reason, end."""
    until = "" if limit.expires_at is None else f", until {scene.clock(limit.expires_at)}"
    row = line(
        cell(f"  {limit.scope}", 20, "text", ellipsis=scene.symbols.ellipsis),
        scene.field(fmt.power_kw(limit.value_w), 10),
        span(f"  {limit.reason}{until}", "label"),
    )
    return cut(row, width, scene.symbols.ellipsis)


# --- how much, for how long, why -----------------------------------------------------------------------------------

_FIELDS: Final = (
    Field(name="power", prompt="Limit in kW:", most=10),
    Field(name="minutes", prompt="For how many minutes:", most=8),
    Field(name="reason", prompt="Why:", most=60),
)


def limit_params(scope: str, typed: Mapping[str, str]) -> dict[str, Any]:
    """What was typed as the parameters of `limit.put`. Raises ValueError: which field is wrong, and how."""
    kilowatts = _number(typed["power"], "the limit", "kW", _MOST_KW, least=0.0)
    params: dict[str, Any] = {"scope": scope, "value_w": kilowatts * 1000}
    if typed["minutes"].strip():
        params["for_s"] = 60 * _number(typed["minutes"], "the time", "minutes", _MOST_MINUTES, least=0.1)
    reason = typed["reason"].strip()
    if not reason:
        raise ValueError("say why: the reason is shown to everybody who asks")
    return params | {"reason": reason}


def _number(typed: str, what: str, unit: str, most: float, *, least: float) -> float:
    try:
        value = float(typed)
    except ValueError:
        raise ValueError(f"{what} is a number of {unit}, not {typed.strip() or 'nothing'}") from None
    if not (math.isfinite(value) and least <= value <= most):
        raise ValueError(f"{what} lies between {least:g} and {most:g} {unit}")
    return value


class LimitScreen(FormScreen):
    """Takes a limit for one place. `params` is what to call `limit.put` with then."""

    def __init__(self, make_scene: MakeScene, scope: str, effect: str, still_possible: Callable[[Scene], str]) -> None:
        super().__init__(make_scene, f"Put a limit: {scope}", _FIELDS)
        self._scope = scope
        self._effect = effect
        self._still_possible = still_possible
        self.params: dict[str, Any] = {}

    def about(self, scene: Scene, width: int) -> list[Line]:
        place = next((one for one in places(scene) if one.scope == self._scope), None)
        limit = None if place is None else place.limit
        now = "none" if limit is None else f"{fmt.power_kw(limit.value_w)} kW, {limit.owner}"
        assigned = fmt.with_unit(fmt.power_kw(None if place is None else place.assigned_w), "kW")
        return [
            scene.row("Limit now", scene.value(now, "strong")),
            scene.row("Assigned", scene.value(assigned)),
            BLANK,
            *wrap(self._effect, width),
            *wrap("No minutes: until it is lifted.", width, "label"),
            BLANK,
        ]

    def why_not(self, typed: Mapping[str, str], scene: Scene) -> str:
        try:
            self.params = limit_params(self._scope, typed)
        except ValueError as wrong:
            return str(wrong)
        return self._still_possible(scene)
