"""The terminal on a real socket: it waits for the charger, survives its going, and comes back by itself."""

import asyncio
from collections.abc import Callable
from pathlib import Path

from jp_firmware.console.client import AsyncConsoleClient
from jp_firmware.tui.application import ConsoleApp
from jp_firmware.tui.store import Link
from tests.tui import cabinet
from tests.tui.fake_daemon import FakeDaemon


async def until(pilot, true: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not true():
            await pilot.pause(0.05)


def text_of(app: ConsoleApp) -> str:
    strips = app.screen._compositor.render_strips()
    return "\n".join("".join(segment.text for segment in strip) for strip in strips)


def test_it_waits_shows_commands_loses_and_returns(tmp_path: Path) -> None:
    path = tmp_path / "console.sock"

    async def run() -> None:
        app = ConsoleApp(lambda on_link: AsyncConsoleClient(path, on_link=on_link))
        daemon = FakeDaemon(cabinet.topics())
        async with app.run_test(size=(80, 24)) as pilot:
            await until(pilot, lambda: "no charger is running here" in text_of(app))
            assert app.store.link is Link.CONNECTING

            async with daemon.serving(path):
                await until(pilot, lambda: "measured 91.0 kW" in text_of(app))
                status = cabinet.status()
                status["site"]["measured_w"] = 77_000.0
                daemon.tell("status", status)
                await until(pilot, lambda: "measured 77.0 kW" in text_of(app))

                await pilot.press("f7", "1", "enter")
                await until(pilot, lambda: "at connector 1: accepted" in text_of(app))
                assert daemon.calls == [("connector.stop", {"connector": 1})]
                daemon.refusal = "a test runs"
                await pilot.press("f7", "1", "enter")
                await until(pilot, lambda: "refused, a test runs" in text_of(app))

            await until(pilot, lambda: "LINK LOST" in text_of(app) and "measured 77.0? kW" in text_of(app))

            async with daemon.serving(path):
                await until(pilot, lambda: "measured 77.0 kW" in text_of(app) and "LINK LOST" not in text_of(app))

    asyncio.run(run())
