"""Runs the application without a terminal, and reads what is on its screen."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

from textual import events
from textual.keys import _character_to_key
from textual.pilot import Pilot

from jp_firmware.tui.application import ConsoleApp
from jp_firmware.tui.symbols import FULL, Symbols
from tests.tui import cabinet


class Clock:
    """Time that stands until a test moves it."""

    def __init__(self) -> None:
        self.now_s = 10_000.0

    def __call__(self) -> float:
        return self.now_s


class Stage:
    """One running application: `charger` feeds it, `pilot` presses keys, `screen()` reads it."""

    def __init__(self, *, theme: str = "grey", symbols: Symbols = FULL) -> None:
        self.clock = Clock()
        self.charger: cabinet.HandFedCharger
        self.pilot: Pilot[Any]
        self.app = ConsoleApp(
            self._connect,
            theme=theme,
            symbols=symbols,
            clock=self.clock,
            wall_clock=self._wall,
            zone=UTC,
        )

    def _connect(self, on_link: Callable[[Any], None]) -> cabinet.HandFedCharger:
        self.charger = cabinet.HandFedCharger(on_link)
        return self.charger

    def _wall(self) -> datetime:
        return cabinet.NOW

    async def press(self, *keys: str) -> None:
        """Presses keys one after the other, each taken before the next comes."""
        for key in keys:
            name = key if len(key) > 1 or key.isalnum() else _character_to_key(key)
            self.app.post_message(events.Key(name, key if len(key) == 1 else None))
            await self._rest()
        await self.settle()

    async def settle(self) -> None:
        """Draws what is due and waits until it is on the screen."""
        await self._rest()
        self.app.draw()
        await self._rest()

    async def _rest(self) -> None:
        """Lets every widget take what waits for it, and what it told others thereby, and they in turn."""
        for _ in range(3):
            await self.pilot.pause(0)

    async def tell(self, **told: Any) -> None:
        self.charger.tell(**told)
        await self.settle()

    def screen(self) -> list[str]:
        """The characters on the screen, row by row."""
        strips = self.app.screen._compositor.render_strips()
        return ["".join(segment.text for segment in strip) for strip in strips]

    def text(self) -> str:
        return "\n".join(self.screen())


def on_stage(
    play: Callable[[Stage], Awaitable[None]],
    *,
    size: tuple[int, int] = (80, 24),
    told: bool = True,
    theme: str = "grey",
    symbols: Symbols = FULL,
) -> None:
    """Runs `play` with an application of that size; with `told`, the link is up and everything has been told.

    Under asyncio, because Textual is: the suite's own tests run under Trio.
    """

    async def run() -> None:
        stage = Stage(theme=theme, symbols=symbols)
        async with stage.app.run_test(size=size) as pilot:
            stage.pilot = pilot
            while not stage.app.drawable:
                await pilot.pause(0.01)
            if told:
                stage.charger.connect()
                await stage.tell(**cabinet.topics())
            await play(stage)

    asyncio.run(run())
