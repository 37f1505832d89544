"""Cancelled at any step, the consoles leave nothing behind: no open stream, no socket file, no taken place."""

from __future__ import annotations

import os
from pathlib import Path

import attrs
import trio
from trio.testing import memory_stream_pair

from jp_firmware.console.connection import Connection
from jp_firmware.console.server import ConsoleServer
from jp_firmware.console.socket_file import claim
from jp_firmware.console.topics import Topics
from jp_firmware.nursery.supervisor import Lifeline
from jp_firmware.nursery.testing import Scenario, cancel_at_every_step

from .conftest import Charger

SUBSCRIBE = b'{"jsonrpc":"2.0","id":1,"method":"subscribe","params":{"topics":["status"],"interval_s":0.25}}\n'
START = b'{"jsonrpc":"2.0","id":2,"method":"connector.start","params":{"connector":1}}\n'


@attrs.define(eq=False)
class Watched(trio.abc.Stream):
    """A stream that remembers that it was closed."""

    inner: trio.abc.Stream
    closed: bool = False

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        await self.inner.send_all(data)

    async def wait_send_all_might_not_block(self) -> None:
        await self.inner.wait_send_all_might_not_block()

    async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
        return await self.inner.receive_some(max_bytes)

    async def aclose(self) -> None:
        self.closed = True
        await self.inner.aclose()


def test_a_connection_cancelled_anywhere_has_closed_its_stream() -> None:
    def scenario() -> Scenario:
        charger = Charger()
        far, near = memory_stream_pair()
        stream = Watched(near)

        async def talk() -> None:
            await far.send_all(SUBSCRIBE)
            heard = b""
            while b'"snapshot"' not in heard:
                heard += await far.receive_some()
            charger.power_w = 1.0
            await far.send_all(START)
            while b'"accepted"' not in heard or b'"delta"' not in heard:
                heard += await far.receive_some()
            await far.aclose()

        async def run() -> None:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(talk)
                await Connection(stream, Topics(charger.topics), charger.calls).run()

        def check() -> None:
            assert stream.closed

        return Scenario(run=run, check=check)

    assert cancel_at_every_step(scenario) > 20


def test_a_server_cancelled_anywhere_gives_its_place_back(socket_path: Path, lifeline: Lifeline) -> None:
    def scenario() -> Scenario:
        charger = Charger()
        server = ConsoleServer(socket_path, charger.topics, charger.calls)

        async def run() -> None:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(server.run, lifeline)
                await trio.testing.wait_all_tasks_blocked()
                async with await trio.open_unix_socket(os.fspath(socket_path)) as client:
                    await client.send_all(SUBSCRIBE)
                    heard = b""
                    while b'"snapshot"' not in heard:
                        heard += await client.receive_some()
                nursery.cancel_scope.cancel()

        def check() -> None:
            assert server.clients == 0
            assert not socket_path.exists()
            claim(socket_path).release()

        return Scenario(run=run, check=check)

    assert cancel_at_every_step(scenario, clock=None) > 20
