"""The main screen: the rows that are always there, and one workspace between them."""

from __future__ import annotations

from typing import Final

from textual.app import ComposeResult
from textual.message import Message
from textual.screen import Screen
from textual.widgets import ContentSwitcher, Static

from jp_firmware.tui import layout
from jp_firmware.tui.action import key_name
from jp_firmware.tui.actions import in_footer
from jp_firmware.tui.incidents import FaultView
from jp_firmware.tui.possible import why_not
from jp_firmware.tui.screens.configuration import Configuration
from jp_firmware.tui.screens.workspace import Workspace
from jp_firmware.tui.screens.workspaces import Connector, Faults, Overview, Planner
from jp_firmware.tui.text import Line, cut, line, span
from jp_firmware.tui.views.chrome import banner, keys_line, routes_line, status_line
from jp_firmware.tui.views.scene import Scene
from jp_firmware.tui.widgets.panel import Panel

RESULT_SHOWN_S: Final = 30.0
_TOO_SMALL: Final = "This terminal is too small.\n60 columns by 20 rows are needed, 80 by 24 are better."


class MainScreen(Screen[None]):
    """Draws a scene when told to. Which workspace is shown is its own state; everything else comes from outside."""

    HORIZONTAL_BREAKPOINTS = layout.HORIZONTAL
    VERTICAL_BREAKPOINTS = layout.VERTICAL

    def __init__(self) -> None:
        super().__init__(id="main")
        self._faults = Faults("faults")
        self.configuration = Configuration("config")
        self._by_name: dict[str, Workspace] = {
            "overview": Overview("overview"),
            "connector": Connector("connector"),
            "planner": Planner("planner"),
            "config": self.configuration,
            "faults": self._faults,
        }
        self._workspaces = ContentSwitcher(*self._by_name.values(), id="workspaces", initial="overview")
        self._status = Panel(lambda scene, width, _height: [status_line(scene, width)], id="status")
        self._rows = (
            Panel(self._banner, id="banner"),
            Panel(self._hint, id="hint"),
            Panel(self._keys, id="keys"),
        )
        self._result: Line = ()
        self._result_at_s = 0.0
        self.routing = False  # `g` was pressed, and a letter may follow

    def compose(self) -> ComposeResult:
        above, *below = self._rows
        yield from (self._status, above, self._workspaces, *below)
        yield Static(_TOO_SMALL, id="too-small")

    class Ready(Message):
        """All widgets are there: scenes may be shown from now on."""

    def on_mount(self) -> None:
        self.go("overview")
        self.post_message(self.Ready())

    # --- which workspace -------------------------------------------------------------------------------------------

    @property
    def workspace(self) -> Workspace:
        return self._by_name[self.current]

    @property
    def current(self) -> str:
        """The workspace's name: "overview", "connector", "planner", "config" or "faults"."""
        return self._workspaces.current or "overview"

    @property
    def too_small(self) -> bool:
        """Whether nothing of use can be drawn; commands are not taken then."""
        return self.has_class("-cramped") or self.has_class("-low")

    def go(self, name: str) -> None:
        """Shows a workspace; its first list gets the cursor."""
        self._workspaces.current = name
        self.set_focus(self.workspace.first)

    def chosen_fault(self, scene: Scene) -> FaultView | None:
        """The fault under the cursor, in the fault centre only."""
        return self._faults.chosen(scene) if self.current == "faults" else None

    def choose_fault(self, key: tuple[str, str]) -> None:
        self._faults.active.put_cursor(key)
        self.set_focus(self._faults.active)

    # --- drawing ---------------------------------------------------------------------------------------------------

    def show(self, scene: Scene) -> None:
        """Draws what is in sight."""
        if self.focused is None and self.is_current:  # it was hidden while the terminal was too small
            self.set_focus(self.workspace.first)
        for row in (self._status, *self._rows):
            row.show(scene)
        self.workspace.show(scene)

    def tell(self, words: str, role: str, now_s: float) -> None:
        """Puts the result of a command into row 23."""
        self._result, self._result_at_s = line(span(f" {words}", role)), now_s

    def _banner(self, scene: Scene, width: int, _height: int) -> list[Line]:
        return [banner(scene, self.workspace.heading(scene), width)]

    def _hint(self, scene: Scene, width: int, _height: int) -> list[Line]:
        if self.routing:
            return [routes_line(width, scene.symbols.ellipsis)]
        if self._result and scene.now_s - self._result_at_s < RESULT_SHOWN_S:
            return [cut(self._result, width, scene.symbols.ellipsis)]
        words = (
            (f" {scene.store.link_reason}", "text") if scene.store.link_reason else (f" {self.workspace.hint}", "label")
        )
        return [cut(line(words), width, scene.symbols.ellipsis)]

    def _keys(self, scene: Scene, width: int, _height: int) -> list[Line]:
        fault = self.chosen_fault(scene)
        keys = [(key_name(one.keys[0]), one.short, not why_not(one, scene, fault)) for one in in_footer(self.current)]
        return [keys_line(keys, width)]
