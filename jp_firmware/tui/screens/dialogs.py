"""What opens above a workspace: the question before a command, the menu, and the help."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import ClassVar

import attrs
from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.screen import ModalScreen
from textual.widget import Widget
from textual.widgets import Input, Static

from jp_firmware.tui import layout
from jp_firmware.tui.action import Action, key_names
from jp_firmware.tui.text import BLANK, Line, Span, cell, cut, line, span, to_height, wrap
from jp_firmware.tui.views.help import help_lines
from jp_firmware.tui.views.scene import Scene
from jp_firmware.tui.widgets.choices import Choices
from jp_firmware.tui.widgets.panel import Panel

MakeScene = Callable[[], Scene]


class Dialog(ModalScreen[str]):
    """A box above the workspace; the status line and the alarm banner stay in sight. Esc closes it.

    Ctrl-Y is named in the status line while a version waits to be confirmed, so it confirms from here as well.
    """

    HORIZONTAL_BREAKPOINTS = layout.HORIZONTAL
    VERTICAL_BREAKPOINTS = layout.VERTICAL
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", show=False),
        Binding("ctrl+y", "app.do('config.confirm')", show=False),
    ]

    def __init__(self, make_scene: MakeScene) -> None:
        super().__init__()
        self._make_scene = make_scene
        self._typed_into: Widget | None = None

    def action_leave(self) -> None:
        self.dismiss("")

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        self._typed_into = event.widget

    def show(self, scene: Scene) -> None:
        """Draws what depends on the charger's state."""
        if self.focused is None:  # it was hidden while the terminal was too small
            self.set_focus(self._typed_into)
        for panel in self.query(Panel):
            panel.show(scene)


@attrs.frozen(kw_only=True)
class Question:
    """What is asked before a command. `check` judges what was typed: empty accepts it, else it says what is wrong."""

    title: str
    about: Sequence[Line]  # the object, as it is now
    effect: str
    prompt: str
    check: Callable[[str], str]


class ConfirmScreen(Dialog):
    """Names the object and the effect, and takes a typed answer. Dismissed with that answer, or "" if left."""

    def __init__(self, make_scene: MakeScene, question: Question, still_possible: Callable[[Scene], str]) -> None:
        super().__init__(make_scene)
        self._question = question
        self._still_possible = still_possible
        self._reply: Line = BLANK

    def compose(self) -> ComposeResult:
        with Vertical(id="dialog") as box:
            box.border_title = self._question.title
            words = Panel(self._words, id="words")
            yield words
            with Horizontal(id="line"):
                yield Static(f"{self._question.prompt} ", id="prompt", markup=False)
                yield Input(id="answer", max_length=24, select_on_focus=False)
            yield Panel(lambda _scene, width, _height: [cut(self._reply, width)], id="reply")

    def on_mount(self) -> None:
        answer = self.query_one(Input)
        answer.cursor_blink = False
        answer.focus()
        # The words are fixed while this is open, but their number of rows depends on the width of the box.
        self.query_one("#words", Panel).styles.height = len(self._text(58))
        self._reply = line(
            span("Enter", "key"), span(" does it, ", "label"), span("Esc", "key"), span(" leaves it.", "label")
        )
        self.show(self._make_scene())

    def _text(self, width: int) -> list[Line]:
        about = [cut(one, width) for one in self._question.about]
        return [*about, BLANK, *wrap(self._question.effect, width)]

    def _words(self, _scene: Scene, width: int, height: int) -> list[Line]:
        return to_height(self._text(width), height)

    @on(Input.Submitted)
    def _answered(self, event: Input.Submitted) -> None:
        scene = self._make_scene()
        wrong = self._still_possible(scene) or self._question.check(event.value.strip())
        if not wrong:
            self.dismiss(event.value.strip())
            return
        self._reply = line(span(f"Not done: {wrong}", "warn"))
        event.input.value = ""
        self.show(scene)


class MenuScreen(Dialog):
    """All actions, found by typing. Dismissed with the action's id."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "move(-1)", show=False, priority=True),
        Binding("down", "move(1)", show=False, priority=True),
        Binding("pageup", "move(-8)", show=False, priority=True),
        Binding("pagedown", "move(8)", show=False, priority=True),
        Binding("f2,ctrl+p", "leave", show=False),
    ]

    def __init__(
        self, make_scene: MakeScene, actions: Sequence[Action], why_not: Callable[[Action, Scene], str], title: str
    ) -> None:
        super().__init__(make_scene)
        self._actions = actions
        self._why_not = why_not
        self._title = title
        self._wanted = ""

    def compose(self) -> ComposeResult:
        with Vertical(id="dialog") as box:
            box.border_title = self._title
            with Horizontal(id="line"):
                yield Static("Find: ", id="prompt", markup=False)
                yield Input(id="answer", max_length=24, select_on_focus=False)
            yield Choices(lambda _scene, _width: [BLANK], self._items, self._row, self._empty, id="choices")

    def on_mount(self) -> None:
        answer = self.query_one(Input)
        answer.cursor_blink = False
        answer.focus()
        self.show(self._make_scene())

    def _items(self, _scene: Scene) -> Sequence[tuple[Hashable, Action]]:
        words = self._wanted.lower().split()
        return [(one.id, one) for one in self._actions if all(word in _searched(one) for word in words)]

    def _row(self, scene: Scene, action: Action, width: int) -> Line:
        why = self._why_not(action, scene)
        right: Span = (why, "off") if why else (key_names(action), "key")
        room = width - len(right[0]) - 3
        title = cell(f"  {action.title}", max(0, room), "off" if why else "text", ellipsis=scene.symbols.ellipsis)
        return cut(line(title, " ", right), width, scene.symbols.ellipsis)

    def _empty(self, _scene: Scene) -> Line:
        return line(span("  nothing fits", "label"))

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        self._wanted = event.value
        self.query_one(Choices).to_first()
        self.show(self._make_scene())

    @on(Input.Submitted)
    def _chosen(self) -> None:
        choices = self.query_one(Choices)
        choices.action_open()

    @on(Choices.Opened)
    def _opened(self, event: Choices.Opened) -> None:
        self.dismiss(str(event.key))

    def action_move(self, by: int) -> None:
        self.query_one(Choices).action_move(by)


def _searched(action: Action) -> str:
    return f"{action.title} {action.help} {action.id}".lower()


class Scrolled(Panel, can_focus=True):
    """Lines that may be more than fit."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "scroll_by(-1)", show=False),
        Binding("down,j", "scroll_by(1)", show=False),
        Binding("pageup", "scroll_by(-10)", show=False),
        Binding("pagedown,space", "scroll_by(10)", show=False),
    ]

    def __init__(self, lines: Callable[[Scene, int], list[Line]], make_scene: MakeScene, *, id: str) -> None:
        super().__init__(self._window, id=id)
        self._all = lines
        self._make_scene = make_scene
        self._from = 0

    def _window(self, scene: Scene, width: int, height: int) -> list[Line]:
        rows = self._all(scene, width)
        self._from = max(0, min(self._from, len(rows) - height))
        shown = [cut(one, width, scene.symbols.ellipsis) for one in rows[self._from : self._from + height]]
        if self._from + height < len(rows):
            shown[-1] = line(span("more below: PgDn", "label"))
        return shown

    def action_scroll_by(self, by: int) -> None:
        self._from += by
        self.show(self._make_scene())


class ReadScreen(Dialog):
    """A page to be read, as the charger is now."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("f1,enter", "leave", show=False)]

    def __init__(self, make_scene: MakeScene, title: str, lines: Callable[[Scene, int], list[Line]]) -> None:
        super().__init__(make_scene)
        self._title = title
        self._page = lines

    def compose(self) -> ComposeResult:
        with Vertical(id="dialog") as box:
            box.border_title = self._title
            box.border_subtitle = "Esc closes"
            yield Scrolled(self._page, self._make_scene, id="page")

    def on_mount(self) -> None:
        self.query_one("#page").focus()
        self.show(self._make_scene())


class HelpScreen(ReadScreen):
    """Help for the workspace it was called from."""

    def __init__(self, make_scene: MakeScene, workspace: str) -> None:
        super().__init__(make_scene, "Help", lambda _scene, width: help_lines(workspace, width))
