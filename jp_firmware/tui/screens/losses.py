"""If a module dies now: asked of the charger when somebody looks, for each module in turn."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from jp_firmware.console.protocol import ConsoleError
from jp_firmware.tui.plan import LossView
from jp_firmware.tui.screens.dialogs import MakeScene, ReadScreen
from jp_firmware.tui.text import Line, clean, line, span, wrap
from jp_firmware.tui.views import why
from jp_firmware.tui.views.scene import Scene


class LossesScreen(ReadScreen):
    """The answer to `plan.losses` as it was when this was opened; opened again it is asked again."""

    def __init__(self, make_scene: MakeScene, call: Callable[..., Awaitable[Any]]) -> None:
        super().__init__(make_scene, "If a module dies now", self._lines)
        self._call = call
        self._told: list[LossView] | None = None
        self._refused = ""

    def on_mount(self) -> None:
        # Textual calls `on_mount` of the base class as well, which draws the page.
        self.run_worker(self._ask())

    async def _ask(self) -> None:
        try:
            answer = await self._call("plan.losses")
        except ConsoleError as refused:
            self._refused = clean(str(refused))
        else:
            rows = answer if isinstance(answer, list) else []
            self._told = [LossView.read(one) for one in rows if isinstance(one, Mapping)]
        self.show(self._make_scene())

    def _lines(self, scene: Scene, width: int) -> list[Line]:
        if self._refused:
            return wrap(f"Not told: {self._refused}", width, "warn")
        if self._told is None:
            return [line(span("asked, waits for the charger", "label"))]
        return why.losses(scene, self._told, width)
