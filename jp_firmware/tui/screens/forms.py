"""Dialogs that take a choice or several typed rows, whatever they are about."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any, ClassVar, Final

import attrs
from textual import on
from textual.actions import SkipAction
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.widgets import Input, Static

from jp_firmware.tui.screens.dialogs import Dialog, MakeScene
from jp_firmware.tui.text import Line, cut, line, span, to_height
from jp_firmware.tui.views.scene import Scene
from jp_firmware.tui.widgets.choices import Choices
from jp_firmware.tui.widgets.panel import Panel


class PickScreen(Dialog):
    """A list to choose one entry from, the cursor `at` one of them. Dismissed with its key, or "" if left."""

    def __init__(
        self,
        make_scene: MakeScene,
        title: str,
        items: Callable[[Scene], Sequence[tuple[Hashable, Any]]],
        row: Callable[[Scene, Any, int], Line],
        header: Callable[[Scene, int], list[Line]],
        at: Hashable = None,
    ) -> None:
        super().__init__(make_scene)
        self._title = title
        self._choices = Choices(header, items, row, _none, id="choices")
        self._choices.cursor = at

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


def _none(_scene: Scene) -> Line:
    return line(span("  none", "label"))


@attrs.frozen(kw_only=True)
class Field:
    """One row of a form: what is asked, how much may be typed, what stands there at first."""

    name: str
    prompt: str
    most: int
    typed: str = ""
    masked: bool = False


class FormScreen(Dialog):
    """Takes several rows. Dismissed with its title when `why_not` has nothing against them, or "" if left.

    Keys that go from row to row are taken before the row has them: what is typed at once after them, in one burst of
    a terminal, belongs to the next row.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "enter", show=False, priority=True),
        Binding("tab,down", "row(1)", show=False, priority=True),
        Binding("shift+tab,up", "row(-1)", show=False, priority=True),
        Binding("ctrl+u", "empty", show=False, priority=True),
    ]

    def __init__(self, make_scene: MakeScene, title: str, fields: Sequence[Field]) -> None:
        super().__init__(make_scene)
        self._title = title
        self._fields = fields
        self._reply = _HOW if len(fields) > 1 else _HOW_ONE

    def about(self, _scene: Scene, _width: int) -> list[Line]:
        """What stands above the rows. Its number of lines must not change while this is open."""
        raise NotImplementedError

    def why_not(self, _typed: Mapping[str, str], _scene: Scene) -> str:
        """What is wrong with what was typed, by the names of the rows; empty accepts it."""
        raise NotImplementedError

    def compose(self) -> ComposeResult:
        with Vertical(id="dialog") as box:
            box.border_title = self._title
            yield Panel(self._words, id="words")
            for one in self._fields:
                with Horizontal(classes="field"):
                    yield Static(one.prompt, classes="name", markup=False)
                    yield Input(
                        one.typed,
                        id=f"field-{one.name}",
                        max_length=one.most,
                        select_on_focus=False,
                        password=one.masked,
                    )
            yield Panel(lambda _scene, width, _height: [cut(self._reply, width)], id="reply")

    def on_mount(self) -> None:
        widest = max(len(one.prompt) for one in self._fields) + 1
        for name in self.query(".name"):
            name.styles.width = widest
        for one in self.query(Input):
            one.cursor_blink = False
        self.set_focus(self._inputs[0])
        self.query_one("#words", Panel).styles.height = len(self.about(self._make_scene(), 58))
        self.show(self._make_scene())

    def _words(self, scene: Scene, width: int, height: int) -> list[Line]:
        return to_height([cut(one, width, scene.symbols.ellipsis) for one in self.about(scene, width)], height)

    def action_enter(self) -> None:
        """To the next row; in the last one the row itself has Enter, after all that was typed there."""
        if self.focused is self._inputs[-1]:
            raise SkipAction
        self.action_row(1)

    def action_row(self, by: int) -> None:
        rows = self._inputs
        if isinstance(self.focused, Input):  # else the form is still being built
            self.set_focus(rows[max(0, min(len(rows) - 1, rows.index(self.focused) + by))])

    def action_empty(self) -> None:
        """Empties the row, after what was typed there before and before what comes behind."""
        row = self.focused
        if isinstance(row, Input):
            row.call_later(row.clear)

    @property
    def _inputs(self) -> list[Input]:
        return list(self.query(Input))

    @on(Input.Submitted)
    def _entered(self) -> None:
        self._when_typed(self._inputs[:-1])

    def _when_typed(self, rows: list[Input]) -> None:
        """Goes on when every row before has taken the keys that still wait for it."""
        if rows:
            rows[0].call_later(self._when_typed, rows[1:])
        else:
            self._judge()

    def _judge(self) -> None:
        scene = self._make_scene()
        typed = {one.name: row.value for one, row in zip(self._fields, self._inputs, strict=True)}
        wrong = self.why_not(typed, scene)
        if not wrong:
            self.dismiss(self._title)
            return
        self._reply = line(span(f"Not done: {wrong}", "warn"))
        self.show(scene)


_HOW: Final = line(
    span("Enter", "key"),
    span(" goes on, and does it in the last row; ", "label"),
    span("Esc", "key"),
    span(" leaves it.", "label"),
)
_HOW_ONE: Final = line(
    span("Enter", "key"),
    span(" takes it, ", "label"),
    span("Ctrl-U", "key"),
    span(" empties it, ", "label"),
    span("Esc", "key"),
    span(" leaves it.", "label"),
)
