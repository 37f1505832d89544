"""The server on a real Unix socket: many guests, none of whom costs the others anything."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import trio

from jp_firmware.console.protocol import ConsoleError, ErrorCode
from jp_firmware.console.server import MAX_CLIENTS, ConsoleServer
from jp_firmware.nursery.backoff import Backoff
from jp_firmware.nursery.supervisor import Child, End, Lifeline, Supervisor

from .conftest import PATIENCE_S, Charger


@pytest.fixture
async def server(charger: Charger, socket_path: Path, lifeline: Lifeline, nursery: trio.Nursery) -> ConsoleServer:
    made = ConsoleServer(socket_path, charger.topics, charger.calls)
    nursery.start_soon(made.run, lifeline)
    await trio.testing.wait_all_tasks_blocked()
    return made


async def connect(path: Path) -> trio.SocketStream:
    return await trio.open_unix_socket(os.fspath(path))


async def call(stream: trio.SocketStream, method: str, **params: Any) -> dict[str, Any]:
    line = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).encode()
    with trio.fail_after(PATIENCE_S):
        await stream.send_all(line + b"\n")
        return await next_line(stream)


async def next_line(stream: trio.SocketStream) -> dict[str, Any]:
    line = b""
    with trio.fail_after(PATIENCE_S):
        while not line.endswith(b"\n"):
            data = await stream.receive_some(1)
            if not data:
                raise EOFError
            line += data
    return dict(json.loads(line))


async def test_it_serves_several_clients_at_once(server: ConsoleServer, socket_path: Path) -> None:
    clients = [await connect(socket_path) for _ in range(3)]
    for one in clients:
        assert (await call(one, "faults.get"))["result"] == {"active": [], "recent": []}
    assert server.clients == 3

    for one in clients:
        await one.aclose()


async def test_one_client_more_than_sixteen_is_told_so_and_the_others_stay(
    server: ConsoleServer, socket_path: Path
) -> None:
    clients = [await connect(socket_path) for _ in range(MAX_CLIENTS)]
    for one in clients:
        await call(one, "faults.get")
    surplus = await connect(socket_path)
    answer = await next_line(surplus)

    assert answer["error"]["code"] == ErrorCode.TOO_MANY_CLIENTS
    assert "16 consoles are connected already" in answer["error"]["message"]
    with pytest.raises(EOFError):
        await next_line(surplus)
    assert "result" in await call(clients[0], "faults.get")

    await clients[1].aclose()
    with trio.fail_after(PATIENCE_S):
        while server.clients == MAX_CLIENTS:
            await trio.lowlevel.checkpoint()
    late = await connect(socket_path)
    assert "result" in await call(late, "faults.get")
    for one in [*clients, surplus, late]:
        await one.aclose()


async def test_a_client_that_subscribes_and_never_reads_costs_the_others_nothing(
    charger: Charger, socket_path: Path, lifeline: Lifeline, nursery: trio.Nursery
) -> None:
    big = {"text": "x" * 500_000}  # more than a socket's buffers take
    served = ConsoleServer(socket_path, {**charger.topics, "big": lambda: big}, charger.calls)
    nursery.start_soon(served.run, lifeline)
    await trio.testing.wait_all_tasks_blocked()
    deaf, other = await connect(socket_path), await connect(socket_path)
    await deaf.send_all(b'{"jsonrpc":"2.0","id":1,"method":"subscribe","params":{"topics":["big"]}}\n')
    await trio.testing.wait_all_tasks_blocked(0.05)

    for _ in range(20):
        assert "result" in await call(other, "status.get")
    await deaf.aclose()
    await other.aclose()


async def test_garbage_from_one_client_leaves_the_server_up(server: ConsoleServer, socket_path: Path) -> None:
    rude, other = await connect(socket_path), await connect(socket_path)
    await rude.send_all(os.urandom(512).replace(b"\n", b"x") + b"\n")
    assert (await next_line(rude))["error"]["code"] == ErrorCode.PARSE_ERROR
    await rude.send_all(b'{"half a request')
    await rude.aclose()

    assert "result" in await call(other, "status.get")
    await other.aclose()


async def test_however_many_clients_a_provider_is_asked_once(
    server: ConsoleServer, charger: Charger, socket_path: Path
) -> None:
    clients = [await connect(socket_path) for _ in range(8)]
    started_s = trio.current_time()
    for one in clients:
        await call(one, "status.get")
    took_s = trio.current_time() - started_s

    assert 1 <= charger.asked <= 1 + took_s / 0.1
    for one in clients:
        await one.aclose()


async def test_a_taken_place_is_refused_in_one_line(
    server: ConsoleServer, charger: Charger, socket_path: Path, lifeline: Lifeline
) -> None:
    with pytest.raises(ConsoleError, match="another charger is running there") as caught:
        await ConsoleServer(socket_path, charger.topics).run(lifeline)

    assert "\n" not in str(caught.value)


async def test_stopping_closes_the_clients_and_removes_the_socket(
    charger: Charger, socket_path: Path, lifeline: Lifeline
) -> None:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(ConsoleServer(socket_path, charger.topics).run, lifeline)
        await trio.testing.wait_all_tasks_blocked()
        client = await connect(socket_path)
        await call(client, "status.get")
        nursery.cancel_scope.cancel()

    assert not socket_path.exists()
    assert await client.receive_some(1) == b""
    await client.aclose()


def consoles(server: ConsoleServer, ended: Callable[[End], None]) -> Supervisor:
    child = Child(name="consoles", run=server.run, watchdog_s=3.0, backoff=Backoff(first_s=0.5))
    return Supervisor(name="root", children=[child], on_event=lambda path, lifeline, end: ended(end))


async def test_an_idle_server_keeps_its_watchdog_fed(
    charger: Charger, socket_path: Path, autojump_clock: trio.testing.MockClock
) -> None:
    ends: list[End] = []
    tree = consoles(ConsoleServer(socket_path, charger.topics), ends.append)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(tree.run)
        await trio.sleep(60.0)
        assert ends == []
        assert tree.lifelines[0].worst_gap_s == pytest.approx(1.0)
        nursery.cancel_scope.cancel()


async def test_a_server_whose_socket_file_is_removed_restarts_and_serves_again(
    charger: Charger, socket_path: Path, autojump_clock: trio.testing.MockClock
) -> None:
    ends: list[End] = []
    tree = consoles(ConsoleServer(socket_path, charger.topics), ends.append)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(tree.run)
        await trio.sleep(0.1)
        socket_path.unlink()
        await trio.sleep(3.0)

        assert ends == [End.CRASH]
        assert socket_path.is_socket()
        nursery.cancel_scope.cancel()
