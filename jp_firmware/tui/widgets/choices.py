"""A panel whose rows can be chosen: header, rows with a cursor, and scrolling where they do not all fit."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import Any, ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.message import Message

from jp_firmware.tui.text import Line, cut, plain
from jp_firmware.tui.views.scene import Scene
from jp_firmware.tui.widgets.panel import Panel


class Choices(Panel, can_focus=True):
    """The cursor follows an item by its key, not by its place: rows may come and go above it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "move(-1)", show=False),
        Binding("down,j", "move(1)", show=False),
        Binding("pageup", "move(-8)", show=False),
        Binding("pagedown", "move(8)", show=False),
        Binding("home", "move(-9999)", show=False),
        Binding("end", "move(9999)", show=False),
        Binding("enter", "open", show=False),
    ]

    class Moved(Message):
        """The cursor stands on another item, chosen by the operator."""

        def __init__(self, choices: Choices, key: Hashable) -> None:
            super().__init__()
            self.choices = choices
            self.key = key

        @property
        def control(self) -> Choices:
            return self.choices

    class Opened(Moved):
        """Enter was pressed on an item."""

    def __init__(
        self,
        header: Callable[[Scene, int], list[Line]],
        items: Callable[[Scene], Sequence[tuple[Hashable, Any]]],
        row: Callable[[Scene, Any, int], Line],
        empty: Callable[[Scene], Line],
        *,
        id: str,
    ) -> None:
        super().__init__(self._draw, id=id)
        self._header, self._items, self._row, self._empty = header, items, row, empty
        self._keys: list[Hashable] = []
        self._header_rows = 0
        self._top = 0
        self._at = 0  # where the cursor stood last
        self.cursor: Hashable = None

    def put_cursor(self, key: Hashable) -> None:
        """Moves the cursor without telling anybody."""
        if key != self.cursor:
            self.cursor = key
            if self._scene is not None:
                self.show(self._scene)

    def to_first(self) -> None:
        """Lets the cursor stand on whatever is first when this is drawn next."""
        self.cursor, self._at = None, 0

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:  # noqa: ARG002 - Textual's face
        """With `height: auto`: header and all rows, at least one."""
        if self._scene is None:
            return 3
        return len(self._header(self._scene, width)) + max(1, len(self._items(self._scene)))

    def show(self, scene: Scene) -> None:
        count = len(self._items(scene))
        known = self._scene is not None and max(1, len(self._keys)) == max(1, count)
        super().show(scene)
        if not known and self.styles.height is not None and self.styles.height.is_auto:
            self.refresh(layout=True)

    def _draw(self, scene: Scene, width: int, height: int) -> list[Line]:
        header = self._header(scene, width)
        items = self._items(scene)
        self._keys = [key for key, _ in items]
        self._header_rows = len(header)
        if not items:
            return [*header, self._empty(scene)]
        if self.cursor not in self._keys:  # its item is gone: the one that took its place
            self.cursor = self._keys[min(self._at, len(self._keys) - 1)]
        at = self._at = self._keys.index(self.cursor)
        room = max(1, height - len(header))
        self._top = max(0, min(self._top, at, len(items) - room))
        self._top = max(self._top, at - room + 1)
        rows = [self._row(scene, item, width) for _, item in items[self._top : self._top + room]]
        if len(rows) < len(items):
            header = [_with_place(header[0], width, self._top + 1, self._top + len(rows), len(items)), *header[1:]]
        if self.has_focus:
            rows[at - self._top] = _pointed(rows[at - self._top], scene.symbols.cursor)
        return [*header, *rows]

    def row_role(self, y: int) -> str:
        if not self.has_focus or self.cursor not in self._keys:
            return ""
        at = self._keys.index(self.cursor) - self._top + self._header_rows
        return "cursor" if y == at else ""

    def on_focus(self) -> None:
        self._redraw()

    def on_blur(self) -> None:
        self._redraw()

    def _redraw(self) -> None:
        if self._scene is not None:
            self.show(self._scene)
        self.refresh()

    def action_move(self, by: int) -> None:
        if not self._keys:
            return
        at = self._keys.index(self.cursor) if self.cursor in self._keys else 0
        self._choose(max(0, min(len(self._keys) - 1, at + by)))

    def action_open(self) -> None:
        if self.cursor in self._keys:
            self.post_message(self.Opened(self, self.cursor))

    def _choose(self, at: int) -> None:
        key = self._keys[at]
        if key != self.cursor:
            self.cursor = key
            self._redraw()
            self.post_message(self.Moved(self, key))

    def on_click(self, event: events.Click) -> None:
        at = event.y - self._header_rows + self._top
        if event.y >= self._header_rows and 0 <= at < len(self._keys):
            again = self._keys[at] == self.cursor
            self._choose(at)
            if again:
                self.action_open()


def _with_place(heading: Line, width: int, first: int, last: int, count: int) -> Line:
    """The heading with the place of the shown rows among all of them at its end."""
    place = f" {first}-{last} of {count}"
    return (*cut(heading, width - len(place), ""), (place, "label"))


def _pointed(row: Line, cursor: str) -> Line:
    """`row` with the cursor's sign in its first cell, so that it is seen without colour too."""
    text = plain(row)
    if not text or text[0] != " ":
        return row
    (first, role), *others = row
    return ((cursor, "strong"), (first[1:], role), *others)
