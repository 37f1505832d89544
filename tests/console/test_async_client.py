"""The terminal's client: it outlives the charger, comes back by itself, and never raises into the screen."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import trio

from jp_firmware.console import client as client_module
from jp_firmware.console.client import AsyncConsoleClient, LinkState
from jp_firmware.console.protocol import CallFailed, ConsoleError, Snapshot
from jp_firmware.console.server import ConsoleServer
from jp_firmware.nursery.supervisor import Lifeline

from .conftest import PATIENCE_S, Charger


class Screen:
    """What the terminal would show, and a way to wait until it shows it."""

    def __init__(self, path: Path) -> None:
        self.client = AsyncConsoleClient(path, on_link=self._link)
        self.links: list[LinkState] = []
        self.shown: dict[str, Snapshot] = {}
        self.unavailable: dict[str, str] = {}
        self.updates = 0
        self._changed = asyncio.Event()

    def _link(self, state: LinkState) -> None:
        self.links.append(state)
        self._changed.set()

    def show(self, topic: str, snapshot: Snapshot) -> None:
        self.shown[topic] = snapshot
        self.unavailable.pop(topic, None)
        self.updates += 1
        self._changed.set()

    def miss(self, topic: str, why: str) -> None:
        self.unavailable[topic] = why
        self._changed.set()

    async def until(self, condition: Callable[[], object]) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while not condition():
                self._changed.clear()
                await self._changed.wait()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        async with asyncio.TaskGroup() as group:
            task = group.create_task(self.client.run())
            yield
            task.cancel()


class Served:
    """A charger that a test may stop and start from the asyncio side."""

    def __init__(self, server: ConsoleServer, lifeline: Lifeline, nursery: trio.Nursery) -> None:
        self._server, self._lifeline, self._nursery = server, lifeline, nursery
        self._scope = trio.CancelScope()
        self._ended = trio.Event()
        self._token = trio.lowlevel.current_trio_token()

    async def _run(self, started: trio.Event) -> None:
        self._scope, self._ended = trio.CancelScope(), trio.Event()
        started.set()
        with self._scope:
            await self._server.run(self._lifeline)
        self._ended.set()

    async def _start(self) -> None:
        started = trio.Event()
        self._nursery.start_soon(self._run, started)
        await started.wait()
        await trio.testing.wait_all_tasks_blocked()

    async def _stop(self) -> None:
        self._scope.cancel()
        await self._ended.wait()

    async def start(self) -> None:
        await self._there(self._start)

    async def stop(self) -> None:
        await self._there(self._stop)

    async def _there(self, work: Callable[[], Awaitable[None]]) -> None:
        await asyncio.to_thread(partial(trio.from_thread.run, work, trio_token=self._token))


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A link is lost here when a test loses it, and not when this process has been kept waiting."""
    monkeypatch.setattr(client_module, "silence_limit_s", lambda interval_s: PATIENCE_S)


@pytest.fixture
def served(charger: Charger, socket_path: Path, lifeline: Lifeline, nursery: trio.Nursery) -> Served:
    return Served(ConsoleServer(socket_path, charger.topics, charger.calls), lifeline, nursery)


async def in_asyncio(main: Callable[[], Any]) -> None:
    """Runs `main` on an asyncio loop of its own, as the terminal's process would."""
    with trio.fail_after(PATIENCE_S):
        await trio.to_thread.run_sync(lambda: asyncio.run(main()))


async def test_it_waits_for_the_charger_and_shows_it_when_it_comes(
    served: Served, charger: Charger, socket_path: Path
) -> None:
    async def main() -> None:
        screen = Screen(socket_path)
        screen.client.subscribe(["status"], 0.25, screen.show)
        async with screen.running():
            await screen.until(lambda: "no charger is running here" in screen.client.link.reason)
            assert not screen.client.link.up
            await served.start()
            await screen.until(lambda: screen.client.link.up and screen.shown)
            charger.power_w = 7.0
            await screen.until(lambda: screen.shown["status"]["site"]["measured_w"] == 7.0)

    await in_asyncio(main)


async def test_it_survives_a_restart_and_its_subscriptions_with_it(
    served: Served, charger: Charger, socket_path: Path
) -> None:
    async def main() -> None:
        await served.start()
        screen = Screen(socket_path)
        async with screen.running():
            screen.client.subscribe(["status"], 0.25, screen.show)
            await screen.until(lambda: screen.shown)
            await served.stop()
            await screen.until(lambda: not screen.client.link.up)
            screen.shown.clear()
            charger.power_w = 3.0
            await served.start()
            await screen.until(lambda: screen.shown and screen.client.link.up)

        assert screen.shown["status"]["site"]["measured_w"] == 3.0
        ups = [state.up for state in screen.links]
        assert [up for up, previous in zip(ups[1:], ups, strict=False) if up != previous] == [False, True]
        assert screen.links[-1].age_s() >= 0.0

    await in_asyncio(main)


async def test_a_lost_link_fails_calls_in_one_line_and_nothing_else(served: Served, socket_path: Path) -> None:
    async def main() -> None:
        await served.start()
        screen = Screen(socket_path)
        with pytest.raises(ConsoleError, match="not done, the charger is not connected: not connected yet"):
            await screen.client.call("faults.get")
        async with screen.running():
            await screen.until(lambda: screen.client.link.up)
            assert await screen.client.call("connector.start", connector=1) == {"accepted": True}
            with pytest.raises(CallFailed, match="there is no connector 9"):
                await screen.client.call("connector.start", connector=9)
            pending = asyncio.ensure_future(screen.client.call("slow"))
            await asyncio.sleep(0)
            await served.stop()
            with pytest.raises(ConsoleError, match="link to the charger was lost; whether it was done is not known"):
                await pending
            await screen.until(lambda: not screen.client.link.up)
            with pytest.raises(ConsoleError, match="not done, the charger is not connected"):
                await screen.client.call("faults.get")

    await in_asyncio(main)


async def test_subscriptions_share_topics_and_end_one_by_one(
    served: Served, charger: Charger, socket_path: Path
) -> None:
    async def main() -> None:
        await served.start()
        first, second = Screen(socket_path), Screen(socket_path)
        client = first.client
        async with first.running():
            one = client.subscribe(["status", "faults"], 5.0, first.show)
            await first.until(lambda: len(first.shown) == 2)
            two = client.subscribe(["status"], 0.25, second.show)
            assert second.shown["status"] == first.shown["status"], "what is known is shown at once"
            charger.power_w = 1.0
            await first.until(lambda: first.shown["status"]["site"]["measured_w"] == 1.0)
            assert second.shown["status"] == first.shown["status"]
            one.close()
            one.close()
            before = first.updates
            charger.power_w = 2.0
            await second.until(lambda: second.shown["status"]["site"]["measured_w"] == 2.0)
            assert first.updates == before
            two.close()
            third = client.subscribe(["status"], 0.25, first.show)
            charger.power_w = 3.0
            await first.until(lambda: first.shown["status"]["site"]["measured_w"] == 3.0)
            third.close()
            assert client.link.up
            assert [state.up for state in first.links] == [True]

    await in_asyncio(main)


async def test_topics_that_fail_or_do_not_exist_are_told_apart_from_a_lost_link(
    served: Served, charger: Charger, socket_path: Path
) -> None:
    async def main() -> None:
        await served.start()
        screen = Screen(socket_path)
        async with screen.running():
            screen.client.subscribe(["status"], 0.25, screen.show, screen.miss)
            screen.client.subscribe(["weather"], 0.25, screen.show, screen.miss)
            await screen.until(lambda: screen.shown and "weather" in screen.unavailable)
            assert "no such topic: 'weather'" in screen.unavailable["weather"]
            charger.broken = True
            await screen.until(lambda: "status" in screen.unavailable)
            assert "KeyError" in screen.unavailable["status"]
            charger.broken = False
            await screen.until(lambda: "status" not in screen.unavailable)
            assert screen.client.link.up

    await in_asyncio(main)


async def test_tries_again_with_growing_pauses_up_to_four_seconds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses: list[float] = []

    async def sleep(pause_s: float) -> None:
        pauses.append(pause_s)
        if len(pauses) == 7:
            raise asyncio.CancelledError

    async def main() -> None:
        monkeypatch.setattr(client_module.asyncio, "sleep", sleep)
        with pytest.raises(asyncio.CancelledError):
            await AsyncConsoleClient(tmp_path / "absent.sock").run()

    await in_asyncio(main)
    assert pauses == [0.25, 0.5, 1.0, 2.0, 4.0, 4.0, 4.0]


async def test_a_charger_that_hangs_counts_as_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_module, "silence_limit_s", lambda interval_s: 0.1)

    async def main() -> None:
        async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.read()  # until the client gives up
            writer.close()

        path = tmp_path / "hung.sock"
        async with await asyncio.start_unix_server(hang, os.fspath(path)):
            screen = Screen(path)
            async with screen.running():
                await screen.until(lambda: "does not answer at" in screen.client.link.reason)
                assert not screen.client.link.up

    await in_asyncio(main)
