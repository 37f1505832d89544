"""A rectangle of lines. It is told a scene, builds its lines, and has only the rows redrawn that differ.

Roles become colours here, through the theme. A panel never changes its own size because of data, and never mounts or
removes anything.
"""

from __future__ import annotations

from collections.abc import Callable

from rich.segment import Segment
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

from jp_firmware.tui.text import BLANK, Line
from jp_firmware.tui.themes import styles_of
from jp_firmware.tui.views.scene import Scene

Build = Callable[[Scene, int, int], list[Line]]


class Panel(Widget):
    """Shows what `build(scene, width, height)` returns; it is asked again after each `show` and each resize."""

    ALLOW_SELECT = False

    def __init__(self, build: Build, *, id: str) -> None:
        super().__init__(id=id)
        self._build = build
        self._lines: list[Line] = []
        self._scene: Scene | None = None

    def show(self, scene: Scene) -> None:
        """Draws `scene`, as far as it differs from what is shown."""
        self._scene = scene
        size = self.content_size
        if not size:
            return
        self._set(self._build(scene, size.width, size.height), size.width, size.height)

    def _set(self, lines: list[Line], width: int, height: int) -> None:
        old, self._lines = self._lines, lines
        dirty = [
            Region(0, y, width, 1)
            for y in range(height)
            if (old[y] if y < len(old) else BLANK) != (lines[y] if y < len(lines) else BLANK)
        ]
        if dirty:
            self.refresh(*dirty)

    def on_resize(self) -> None:
        if self._scene is not None:
            self.show(self._scene)

    def row_role(self, _y: int) -> str:
        """A role that lies below those of a whole row; none here."""
        return ""

    def render_line(self, y: int) -> Strip:
        width = self.content_size.width
        base = self.rich_style
        styles = styles_of(self.app.theme)
        row = self._lines[y] if y < len(self._lines) else BLANK
        below = self.row_role(y)
        if not below:
            return Strip([Segment(text, base + styles[role]) for text, role in row]).adjust_cell_length(width, base)
        base += styles[below]
        # What only speaks more quietly is read better in the row's own colour; what means something keeps its own.
        quiet = ("text", "label", "stale", "off")
        segments = [Segment(text, base if role in quiet else base + styles[role]) for text, role in row]
        return Strip(segments).adjust_cell_length(width, base)
