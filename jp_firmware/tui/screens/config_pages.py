"""Dialogs above the configuration that are read: the plan, a change's progress, a version, somebody else's change.

The text is edited in one of them. Measured at 80 by 24 with 16 colours: 1.7 kB when it opens, 60 bytes a key that is
typed, 0.1 kB a line and 1.0 kB a page that the cursor moves: a line of 115200 baud bears that.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import Any, ClassVar

from rich.style import Style
from textual import on
from textual.actions import SkipAction
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.widgets import Input, Static, TextArea
from textual.widgets.text_area import TextAreaTheme

from jp_firmware.tui.configuration.keys import key_text
from jp_firmware.tui.configuration.toml_text import pieces
from jp_firmware.tui.configuration.tree import Row, find
from jp_firmware.tui.screens.dialogs import Dialog, MakeScene, ReadScreen, Scrolled
from jp_firmware.tui.text import Line, cell, cut, line, span
from jp_firmware.tui.themes import styles_of
from jp_firmware.tui.views.configuration import PIECE_ROLES, tree_value
from jp_firmware.tui.views.scene import Scene
from jp_firmware.tui.widgets.choices import Choices
from jp_firmware.tui.widgets.panel import Panel


class DecideScreen(Dialog):
    """A page to be read, and some keys that say what follows. Dismissed with the word of the key, or "" if left."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "decide('enter')", show=False),
        Binding("ctrl+d,delete", "decide('drop')", show=False),
    ]

    def __init__(
        self,
        make_scene: MakeScene,
        title: str,
        subtitle: str,
        lines: Callable[[Scene, int], list[Line]],
        words: Sequence[str] = (),
    ) -> None:
        super().__init__(make_scene)
        self._title, self._subtitle, self._page, self._words = title, subtitle, lines, words

    def compose(self) -> ComposeResult:
        with Vertical(id="dialog") as box:
            box.border_title = self._title
            box.border_subtitle = self._subtitle
            yield Scrolled(self._page, self._make_scene, id="page")

    def on_mount(self) -> None:
        self.query_one("#page").focus()
        self.show(self._make_scene())

    def action_decide(self, word: str) -> None:
        if word in self._words:
            self.dismiss(word)


class WaitingScreen(DecideScreen):
    """What waits: Ctrl-D is about the change that waits for sessions, Ctrl-U about the version to be confirmed."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("ctrl+u", "app.do('config.revert')", show=False)]


class ProgressScreen(ReadScreen):
    """How far a change is, and the keys that undo it and show what waits."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+u", "app.do('config.revert')", show=False),
        Binding("w", "app.do('config.waiting')", show=False),
    ]


class FindScreen(Dialog):
    """All keys, found by typing. `found` is the row that was chosen."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "move(-1)", show=False, priority=True),
        Binding("down", "move(1)", show=False, priority=True),
        Binding("pageup", "move(-8)", show=False, priority=True),
        Binding("pagedown", "move(8)", show=False, priority=True),
    ]

    def __init__(self, make_scene: MakeScene) -> None:
        super().__init__(make_scene)
        self._wanted = ""
        self._rows: Sequence[tuple[Hashable, Row]] = ()
        self.found: Row | None = None

    def compose(self) -> ComposeResult:
        with Vertical(id="dialog") as box:
            box.border_title = "Find a key"
            box.border_subtitle = "Enter goes there, Esc leaves it"
            with Horizontal(id="line"):
                yield Static("Find: ", id="prompt", markup=False)
                yield Input(id="answer", max_length=40, select_on_focus=False)
            yield Choices(lambda _scene, _width: [()], lambda _scene: self._rows, _row, _none, id="choices")

    def on_mount(self) -> None:
        answer = self.query_one(Input)
        answer.cursor_blink = False
        answer.focus()
        self._search()

    def _search(self) -> None:
        scene = self._make_scene()
        self._rows = [(one.key, one) for one in find(scene.desk, self._wanted)]
        self.show(scene)

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        self._wanted = event.value
        self.query_one(Choices).to_first()
        self._search()

    @on(Input.Submitted)
    def _chosen(self) -> None:
        self.query_one(Choices).action_open()

    @on(Choices.Opened)
    def _opened(self, event: Choices.Opened) -> None:
        event.stop()
        self.found = dict(self._rows).get(event.key)
        self.dismiss("found")

    @on(Choices.Moved)
    def _moved(self, event: Choices.Moved) -> None:
        event.stop()

    def action_move(self, by: int) -> None:
        self.query_one(Choices).action_move(by)


def _row(scene: Scene, row: Row, width: int) -> Line:
    value = tree_value(row)
    room = max(20, min(44, width - 20))
    name = cell(f"  {key_text(row.parts)}", room, "text", ellipsis=scene.symbols.ellipsis)
    return cut(line(name, span("  "), span(value, "label")), width, scene.symbols.ellipsis)


def _none(_scene: Scene) -> Line:
    return line(span("  no key", "label"))


class TomlArea(TextArea):
    """The text under the hand, with comments, keys and values told apart as in the view."""

    def _build_highlight_map(self) -> None:
        # In the place of Textual's own, which needs a parser that is not on board.
        self._line_cache.clear()
        self._highlights.clear()
        for number, row in enumerate(self.document.lines):
            for start, end, kind in pieces(row):
                self._highlights[number].append((_bytes(row, start), _bytes(row, end), kind))


def _bytes(row: str, column: int) -> int:
    """Highlights are told in bytes, as parsers do."""
    return column if row.isascii() else len(row[:column].encode())


class TextScreen(Dialog):
    """The configuration's text in an editor. Dismissed with "taken", `text` being what it is then, or "" if left."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+o", "take", show=False, priority=True),
        Binding("ctrl+y", "keep", show=False, priority=True),
        Binding("escape", "leave", show=False, priority=True),
    ]

    def __init__(self, make_scene: MakeScene, text: str, line_number: int) -> None:
        super().__init__(make_scene)
        self.text = text
        self._at = line_number
        self._left_once = False

    def compose(self) -> ComposeResult:
        with Vertical(id="dialog") as box:
            box.border_title = "Text of the configuration"
            box.border_subtitle = "Ctrl-O takes it into the draft, Esc leaves it, Ctrl-Z undoes"
            yield TomlArea(self.text, soft_wrap=False, show_line_numbers=True, tab_behavior="indent", id="text-area")
            yield Panel(self._below, id="reply")

    def on_mount(self) -> None:
        area = self.query_one(TomlArea)
        area.register_theme(_theme(self.app.theme))
        area.theme = "jp"
        area.cursor_blink = False
        area.focus()
        area.move_cursor((max(0, self._at - 1), 0), center=True)
        self.show(self._make_scene())

    def _below(self, scene: Scene, width: int, _height: int) -> list[Line]:
        area = self.query_one(TomlArea)
        row = area.cursor_location[0] + 1
        if self._left_once:
            return [line(span("Changes here would be lost: Esc again drops them, Ctrl-O takes them", "warn"))]
        found = [one for one in scene.desk.findings if one.line == row]
        words = found[0].text if found else f"line {row} of {area.document.line_count}"
        return [cut(line(span(f" {words}", "warn" if found else "label")), width, scene.symbols.ellipsis)]

    @on(TextArea.SelectionChanged)
    def _moved(self) -> None:
        self._left_once = False
        self.show(self._make_scene())

    def action_take(self) -> None:
        self.text = self.query_one(TomlArea).text
        self.dismiss("taken")

    async def action_keep(self) -> None:
        """Confirms the version that waits for it; where none does, the key is the editor's own."""
        topic = self._make_scene().store.config
        if topic is None or topic.unconfirmed is None:
            raise SkipAction
        await self.run_action("app.do('config.confirm')")

    @property
    def is_changed(self) -> bool:
        """Whether something was typed that is not in the draft."""
        return self.query_one(TomlArea).text != self.text

    def action_leave(self) -> None:
        if self.is_changed and not self._left_once:
            self._left_once = True
            self.show(self._make_scene())
            return
        self.dismiss("")


def _theme(name: str) -> TextAreaTheme:
    styles = styles_of(name)
    cursor: dict[str, Any] = {"cursor_style": Style(reverse=True), "selection_style": styles["cursor"]}
    return TextAreaTheme(
        name="jp",
        gutter_style=styles["label"],
        cursor_line_gutter_style=styles["strong"],
        syntax_styles={kind: styles[role] for kind, role in PIECE_ROLES.items()},
        **cursor,
    )
