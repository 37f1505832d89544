"""The command line's client: answers, refusals and snapshots, and every failure in one line with its remedy."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest
import trio

from jp_firmware.console import client as client_module
from jp_firmware.console.client import ConsoleClient, default_socket_path
from jp_firmware.console.link import explain
from jp_firmware.console.protocol import CallFailed, ConsoleError, ErrorCode, Request, Result, encode
from jp_firmware.console.server import MAX_CLIENTS, ConsoleServer
from jp_firmware.nursery.supervisor import Lifeline

from .conftest import PATIENCE_S, Charger

T = TypeVar("T")


@pytest.fixture
async def server(charger: Charger, socket_path: Path, lifeline: Lifeline, nursery: trio.Nursery) -> ConsoleServer:
    made = ConsoleServer(socket_path, charger.topics, charger.calls)
    nursery.start_soon(made.run, lifeline)
    await trio.testing.wait_all_tasks_blocked()
    return made


async def blocking(function: Callable[[], T]) -> T:
    """Runs the blocking client where it does not block the server under test."""
    with trio.fail_after(PATIENCE_S):
        return await trio.to_thread.run_sync(function)


async def test_a_call_returns_its_result(server: ConsoleServer, socket_path: Path) -> None:
    def use() -> list[Any]:
        with ConsoleClient(socket_path) as client:
            return [client.call("faults.get"), client.call("connector.start", connector=3)]

    assert await blocking(use) == [{"active": [], "recent": []}, {"accepted": True}]


async def test_a_refusal_raises_with_its_code_and_its_words(server: ConsoleServer, socket_path: Path) -> None:
    def use() -> CallFailed:
        with ConsoleClient(socket_path) as client, pytest.raises(CallFailed) as caught:
            client.call("connector.start", connector=9)
        return caught.value

    refused = await blocking(use)
    assert (refused.code, str(refused)) == (ErrorCode.REFUSED, "there is no connector 9")


async def test_a_subscription_yields_whole_snapshots(
    server: ConsoleServer, charger: Charger, socket_path: Path
) -> None:
    def use() -> list[float]:
        seen = []
        with ConsoleClient(socket_path) as client:
            for topic, snapshot in client.subscribe(["status"], 0.25):
                assert topic == "status"
                assert snapshot["site"]["limit_w"] == 150_000
                seen.append(snapshot["site"]["measured_w"])
                charger.power_w += 1.0
                assert client.call("faults.get") == {"active": [], "recent": []}, "calls go on meanwhile"
                if len(seen) == 3:
                    break
        return seen

    assert await blocking(use) == [0.0, 1.0, 2.0]


async def test_a_call_that_takes_a_while_tells_a_topic_until_its_answer_comes(
    server: ConsoleServer, charger: Charger, socket_path: Path
) -> None:
    seen: list[float] = []

    def show(snapshot: dict[str, Any]) -> None:
        seen.append(snapshot["site"]["measured_w"])
        charger.power_w += 1.0
        if len(seen) == 3:
            trio.from_thread.run_sync(charger.release.set)

    def use() -> list[object]:
        with ConsoleClient(socket_path) as client:
            answer = client.call_watching("status", show, 0.25, "slow")
            with pytest.raises(CallFailed, match="there is no connector 9"):
                client.call_watching("faults", print, 0.25, "connector.start", connector=9)
            return [answer, client.call("connector.start", connector=3)]

    assert await blocking(use) == ["done", {"accepted": True}]
    assert seen[:3] == [0.0, 1.0, 2.0]


async def test_a_topic_that_cannot_be_told_ends_the_subscription_in_one_line(
    server: ConsoleServer, charger: Charger, socket_path: Path
) -> None:
    charger.broken = True

    def use() -> str:
        with ConsoleClient(socket_path) as client, pytest.raises(CallFailed) as caught:
            next(client.subscribe(["status"], 0.25))
        return str(caught.value)

    assert (await blocking(use)).startswith("status: cannot be told (KeyError")


async def test_one_client_too_many_is_told_so(server: ConsoleServer, socket_path: Path) -> None:
    def use() -> CallFailed:
        clients = [ConsoleClient(socket_path) for _ in range(MAX_CLIENTS)]
        for one in clients:
            one.call("faults.get")
        with ConsoleClient(socket_path) as surplus, pytest.raises(CallFailed) as caught:
            surplus.call("faults.get")
        for one in clients:
            one.close()
        return caught.value

    refused = await blocking(use)
    assert refused.code == ErrorCode.TOO_MANY_CLIENTS


def one_line(path: Path) -> str:
    with pytest.raises(ConsoleError) as caught:
        ConsoleClient(path)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_no_charger_no_socket_and_no_permission_each_say_what_to_do(tmp_path: Path) -> None:
    absent = one_line(tmp_path / "absent.sock")
    assert absent.startswith(f"no charger is running here (no socket at {tmp_path}/absent.sock); start it with jp run")
    (tmp_path / "file").touch()
    assert "is not a socket; name the charger's socket with --socket" in one_line(tmp_path / "file")
    assert "cannot open" in one_line(tmp_path / "file" / "below")
    assert "cannot open" in one_line(tmp_path / ("x" * 200))
    left_over = socket.socket(socket.AF_UNIX)
    left_over.bind(os.fspath(tmp_path / "dead.sock"))
    left_over.close()
    assert "nobody answers at" in one_line(tmp_path / "dead.sock")
    # The permission itself cannot be tried as root; what is said of it can.
    assert "join the group that owns it" in str(explain(tmp_path / "dead.sock", PermissionError(13, "x")))


@pytest.fixture
def puppet(tmp_path: Path) -> Iterator[Callable[[Callable[[socket.socket], None]], Path]]:
    """A server that does to its one client whatever the test says."""
    listener = socket.socket(socket.AF_UNIX)
    path = tmp_path / "puppet.sock"
    listener.bind(os.fspath(path))
    listener.listen(1)
    threads = []

    def start(play: Callable[[socket.socket], None]) -> Path:
        def serve() -> None:
            accepted, _ = listener.accept()
            with accepted:
                play(accepted)

        threads.append(threading.Thread(target=serve))
        threads[0].start()
        return path

    yield start
    for thread in threads:
        thread.join(PATIENCE_S)
        assert not thread.is_alive()
    listener.close()


def test_a_server_that_closes_or_falls_silent_or_raves_is_told_in_one_line(
    puppet: Callable[[Callable[[socket.socket], None]], Path],
) -> None:
    def play(link: socket.socket) -> None:
        link.recv(1000)
        link.sendall(b"not a message\n")
        link.recv(1000)
        given_up.wait(PATIENCE_S)  # says nothing to the second call, then goes

    given_up = threading.Event()
    with ConsoleClient(puppet(play), timeout_s=PATIENCE_S) as client:
        with pytest.raises(ConsoleError, match="sent what is no message"):
            client.call("status.get")
        client._timeout_s = 0.2
        with pytest.raises(ConsoleError, match="does not answer at"):
            client.call("status.get")
        client._timeout_s = PATIENCE_S
        given_up.set()
        with pytest.raises(ConsoleError, match=r"closed the link|link to the charger at .* broke"):
            client.call("status.get")


def test_a_subscription_on_a_hung_server_ends(
    puppet: Callable[[Callable[[socket.socket], None]], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client_module, "silence_limit_s", lambda interval_s: 0.1)
    done = threading.Event()

    def play(link: socket.socket) -> None:
        link.recv(1000)
        params = {"topic": "status", "revision": 1, "snapshot": {"site": {}}}
        told = Request(method="snapshot", params=params)
        link.sendall(encode(Result(id=1, result={"interval_s": 0.25})) + encode(told))  # both are there at once
        done.wait(PATIENCE_S)

    with ConsoleClient(puppet(play)) as client:
        told = client.subscribe(["status"], 0.25)
        assert next(told) == ("status", {"site": {}})
        with pytest.raises(ConsoleError, match="does not answer at"):
            next(told)
    done.set()


def test_the_socket_is_where_the_environment_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JP_SOCKET", "/elsewhere/x.sock")
    assert default_socket_path() == Path("/elsewhere/x.sock")
    monkeypatch.delenv("JP_SOCKET")
    monkeypatch.setenv("XDG_RUNTIME_DIR", "/run/user/1000")
    assert default_socket_path() == Path("/run/user/1000/jp/console.sock")
    monkeypatch.delenv("XDG_RUNTIME_DIR")
    assert default_socket_path() == Path("/run/jp/console.sock")


def test_the_clients_import_neither_trio_nor_another_room() -> None:
    code = (
        "import sys, jp_firmware.console.client\n"
        "print(*[m for m in sys.modules if m == 'trio' or m.startswith('jp_firmware.')])"
    )
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()

    assert set(loaded) == {
        "jp_firmware.console",
        "jp_firmware.console.client",
        "jp_firmware.console.link",
        "jp_firmware.console.protocol",
    }
