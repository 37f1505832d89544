"""What every workspace is: panels of its own between the rows that are always there."""

from __future__ import annotations

from typing import ClassVar

from textual.containers import Container

from jp_firmware.tui.views.scene import Scene
from jp_firmware.tui.widgets.choices import Choices
from jp_firmware.tui.widgets.panel import Panel


class Workspace(Container):
    """One full set of panels. Only the one on the screen is told scenes."""

    title: ClassVar[str] = ""
    hint: ClassVar[str] = ""

    def __init__(self, id: str) -> None:
        super().__init__(id=id, classes="workspace")

    @property
    def first(self) -> Choices | None:
        """The list that has the cursor when one comes here."""
        return None

    def show(self, scene: Scene) -> None:
        for panel in self.query(Panel):
            panel.show(scene)

    def heading(self, _scene: Scene) -> str:
        """The title in row 2."""
        return self.title
