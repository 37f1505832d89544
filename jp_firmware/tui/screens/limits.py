"""Putting a limit: where, then how much, for how long and why; and choosing the one to be lifted."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any, ClassVar, Final

import attrs
from textual import on
from textual.actions import SkipAction
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.widgets import Input, Static

from jp_firmware.tui import formatters as fmt
from jp_firmware.tui.plan import LimitView
from jp_firmware.tui.screens.dialogs import Dialog, MakeScene
from jp_firmware.tui.text import BLANK, Line, cell, cut, line, span, to_height, wrap
from jp_firmware.tui.views.scene import Scene
from jp_firmware.tui.widgets.choices import Choices
from jp_firmware.tui.widgets.panel import Panel

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


class PickScreen(Dialog):
    """A list to choose one entry from. Dismissed with the chosen place, or "" if left."""

    def __init__(
        self,
        make_scene: MakeScene,
        title: str,
        items: Callable[[Scene], Sequence[tuple[Hashable, Any]]],
        row: Callable[[Scene, Any, int], Line],
        header: Callable[[Scene, int], list[Line]],
    ) -> None:
        super().__init__(make_scene)
        self._title = title
        self._choices = Choices(header, items, row, _none, id="choices")

    def compose(self) -> ComposeResult:
        with Vertical(id="dialog") as box:
            box.border_title = self._title
            box.border_subtitle = "Enter takes it, Esc leaves it"
            yield self._choices

    def on_mount(self) -> None:
        self._choices.focus()
        self.show(self._make_scene())

    @on(Choices.Opened)
    def _opened(self, event: Choices.Opened) -> None:
        event.stop()
        self.dismiss(str(event.key))

    @on(Choices.Moved)
    def _moved(self, event: Choices.Moved) -> None:
        event.stop()


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


def _none(_scene: Scene) -> Line:
    return line(span("  none", "label"))


# --- how much, for how long, why -----------------------------------------------------------------------------------

_FIELDS: Final = (
    ("power", "Limit in kW:", 10),
    ("minutes", "For how many minutes:", 8),
    ("reason", "Why:", 60),
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


class LimitScreen(Dialog):
    """Takes a limit for one place. Dismissed with that place; `params` is what to call `limit.put` with then.

    Keys that go from row to row are taken before the row has them: what is typed at once after them, in one burst of
    a terminal, belongs to the next row.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "enter", show=False, priority=True),
        Binding("tab,down", "row(1)", show=False, priority=True),
        Binding("shift+tab,up", "row(-1)", show=False, priority=True),
    ]

    def __init__(self, make_scene: MakeScene, scope: str, effect: str, still_possible: Callable[[Scene], str]) -> None:
        super().__init__(make_scene)
        self._scope = scope
        self._effect = effect
        self._still_possible = still_possible
        self._reply = _HOW
        self.params: dict[str, Any] = {}

    def compose(self) -> ComposeResult:
        with Vertical(id="dialog") as box:
            box.border_title = f"Put a limit: {self._scope}"
            yield Panel(self._words, id="words")
            for name, prompt, most in _FIELDS:
                with Horizontal(classes="field"):
                    yield Static(prompt, classes="name", markup=False)
                    yield Input(id=name, max_length=most, select_on_focus=False)
            yield Panel(lambda _scene, width, _height: [cut(self._reply, width)], id="reply")

    def on_mount(self) -> None:
        for one in self.query(Input):
            one.cursor_blink = False
        self.set_focus(self.query_one("#power", Input))
        self.query_one("#words", Panel).styles.height = len(self._text(self._make_scene(), 58))
        self.show(self._make_scene())

    def _text(self, scene: Scene, width: int) -> list[Line]:
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

    def _words(self, scene: Scene, width: int, height: int) -> list[Line]:
        return to_height(self._text(scene, width), height)

    def action_enter(self) -> None:
        """To the next row; in the last one the row itself has Enter, after all that was typed there."""
        if self.focused is self._fields[-1]:
            raise SkipAction
        self.action_row(1)

    def action_row(self, by: int) -> None:
        fields = self._fields
        at = fields.index(self.focused) if isinstance(self.focused, Input) else 0
        self.set_focus(fields[max(0, min(len(fields) - 1, at + by))])

    @property
    def _fields(self) -> list[Input]:
        return list(self.query(Input))

    @on(Input.Submitted)
    def _entered(self) -> None:
        self._when_typed(self._fields[:-1])

    def _when_typed(self, rows: list[Input]) -> None:
        """Goes on when every row before has taken the keys that still wait for it."""
        if rows:
            rows[0].call_later(self._when_typed, rows[1:])
        else:
            self._judge()

    def _judge(self) -> None:
        scene = self._make_scene()
        try:
            self.params = limit_params(self._scope, {one.id or "": one.value for one in self._fields})
        except ValueError as wrong:
            self._refuse(str(wrong), scene)
            return
        if why_not := self._still_possible(scene):
            self._refuse(why_not, scene)
            return
        self.dismiss(self._scope)

    def _refuse(self, why: str, scene: Scene) -> None:
        self._reply = line(span(f"Not done: {why}", "warn"))
        self.show(scene)


_HOW: Final = line(
    span("Enter", "key"),
    span(" goes on, and does it in the last row; ", "label"),
    span("Esc", "key"),
    span(" leaves it.", "label"),
)
