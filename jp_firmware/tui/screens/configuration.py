"""The configuration's workspace: the tree of keys or the text, the chosen key, and the draft's state."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container

from jp_firmware.tui.actions import ACTIONS
from jp_firmware.tui.configuration.keys import Parts
from jp_firmware.tui.configuration.toml_text import keys_by_line
from jp_firmware.tui.configuration.tree import Row, rows_of
from jp_firmware.tui.screens.workspace import Workspace
from jp_firmware.tui.text import Line
from jp_firmware.tui.views import configuration as view
from jp_firmware.tui.views.scene import Scene
from jp_firmware.tui.widgets.choices import Choices
from jp_firmware.tui.widgets.panel import Panel


class KeyTree(Choices):
    """The tree: Left and Right close and open what stands at the cursor."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left", "fold(False)", show=False),
        Binding("right", "fold(True)", show=False),
    ]

    def action_fold(self, is_open: bool) -> None:
        """Opens or closes the row; Left on what is closed goes to what it stands below."""
        if self._scene is None or not isinstance(self.cursor, tuple):
            return
        desk = self._scene.desk
        parts: Parts = self.cursor[0]
        if is_open or parts in desk.opened:
            desk.fold(parts, is_open)
        elif len(parts) > 1:
            self.put_cursor((parts[:-1], ""))
        self.show(self._scene)
        self.post_message(self.Moved(self, self.cursor))


class Configuration(Workspace):
    """The live configuration and the draft of another one."""

    title = "Configuration"
    hint = "Enter changes or opens, Del takes back, c filters, h history, F2 more"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(",".join(one.keys), f"app.do('{one.id}')", one.title, id=one.id, show=False)
        for one in ACTIONS
        if one.local and one.keys
    ]

    def __init__(self, id: str) -> None:
        super().__init__(id)
        self.keys = KeyTree(view.tree_header, self._rows, view.tree_row, view.nothing, id="config-tree")
        self.lines = Choices(view.text_header, self._text_rows, view.text_row, view.nothing, id="config-text")
        self._known: tuple[tuple[int, int], Sequence[tuple[Hashable, Row]]] = ((-1, -1), ())
        self._lines: tuple[object, Sequence[tuple[Hashable, view.TextRow]]] = (None, ())

    @property
    def first(self) -> Choices:
        return self.lines if self.lines.display else self.keys

    def compose(self) -> ComposeResult:
        self.lines.display = False
        with Container(id="config-body"):
            yield self.keys
            yield self.lines
            yield Panel(self._card, id="config-card")
        yield Panel(lambda scene, width, _height: view.state(scene, width), id="config-state")

    def show(self, scene: Scene) -> None:
        if self.lines.display != scene.desk.as_text:
            had_focus = self.first.has_focus
            self.lines.display, self.keys.display = scene.desk.as_text, not scene.desk.as_text
            if had_focus:
                self.screen.set_focus(self.first)
        super().show(scene)

    def chosen(self, scene: Scene) -> Row | None:
        """The row of the tree under the cursor."""
        return dict(self._rows(scene)).get(self.keys.cursor)

    def line_of(self, scene: Scene, parts: Parts) -> int | None:
        """The line of the text that a key, or what stands around it, is about."""
        while parts:
            for number, row in self._text_rows(scene):
                if row.key == parts and isinstance(number, int):
                    return number
            parts = parts[:-1]
        return None

    def _rows(self, scene: Scene) -> Sequence[tuple[Hashable, Row]]:
        desk = scene.desk
        at = (desk.revision, desk.looks)
        if self._known[0] != at:
            self._known = (at, [(one.key, one) for one in rows_of(desk)] if desk.in_force is not None else ())
        return self._known[1]

    def _text_rows(self, scene: Scene) -> Sequence[tuple[Hashable, view.TextRow]]:
        desk = scene.desk
        text, plan = desk.text, desk.plan
        if self._lines[0] != (text, plan):
            rows = text.splitlines()
            self._lines = (
                (text, plan),
                [
                    (
                        number,
                        view.TextRow(
                            number=number,
                            text=row,
                            key=key,
                            findings=tuple(one for one in desk.findings if one.line == number),
                        ),
                    )
                    for number, (row, key) in enumerate(zip(rows, keys_by_line(rows), strict=True), 1)
                ],
            )
        return self._lines[1]

    def _card(self, scene: Scene, width: int, height: int) -> list[Line]:
        desk = scene.desk
        if desk.as_text:
            row = dict(self._text_rows(scene)).get(self.lines.cursor)
            if row is None:
                return view.card(scene, (), None, desk.findings, width, height)
            declared = desk.catalogue.find(row.key)
            return view.card(scene, row.key, declared, row.findings, width, height, "Enter edits the text")
        chosen = self.chosen(scene)
        if chosen is None:
            return view.card(scene, (), None, desk.findings, width, height)
        hint = {"add": "Enter adds one", "removed": "Del brings it back", "value": "Enter changes it"}.get(
            chosen.shape, "Enter opens it"
        )
        findings = desk.findings_at(chosen.parts)
        return view.card(scene, chosen.parts, chosen.declared, findings, width, height, hint)
