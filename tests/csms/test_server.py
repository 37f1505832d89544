"""The central system on real sockets: stations, commands, and a backend that is away, silent or wrong when told so."""

import json
import socket
import subprocess
import sys
from contextlib import asynccontextmanager, suppress
from functools import partial

import pytest
import trio

from jp_firmware.csms.central import CentralSystem
from jp_firmware.csms.control import CsmsControl
from jp_firmware.csms.failure import CsmsError
from jp_firmware.csms.server import serve
from jp_firmware.ocpp.conversation import Conversation, Reply
from jp_firmware.ocpp.endpoint import endpoint
from jp_firmware.ocpp.rpc import Answered, Lost, Refused, RpcCore, TimedOut
from jp_firmware.ocpp.transport import Kind, LinkFailure, open_link

QUICK_S = 30.0  # what is quick takes its time on a busy machine, and none of it where nothing is wrong
BOOT = {"chargePointVendor": "JP", "chargePointModel": "X"}


class Bench:
    def __init__(self, server, port, path):
        self.server, self.port, self.control = server, port, CsmsControl(path)

    async def do(self, verb, **params):
        """A verb over the control socket, from a thread as another process would."""
        return await trio.to_thread.run_sync(partial(self.control.call, verb, **params))

    @asynccontextmanager
    async def station(self, identity="CP1"):
        async def handler(incoming):
            return Reply({"status": "Accepted"})

        async with open_link(endpoint(f"ws://127.0.0.1:{self.port}/ocpp", identity), timeout_s=QUICK_S) as link:
            conversation = Conversation(link, RpcCore({"Reset"}), handler)
            async with trio.open_nursery() as nursery:
                nursery.start_soon(conversation.run)
                yield conversation
                nursery.cancel_scope.cancel()


@pytest.fixture
async def bench(tmp_path, nursery):
    path = tmp_path / "csms.sock"
    server, port = await nursery.start(partial(serve, "127.0.0.1", 0, path))
    return Bench(server, port, path)


async def test_a_station_boots_and_is_seen(bench):
    async with bench.station("Bay 7") as station:
        outcome = await station.call("BootNotification", BOOT, QUICK_S)
        assert isinstance(outcome, Answered)
        (seen,) = await bench.do("stations")

    assert ("Bay 7", True, BOOT) == (seen["identity"], seen["connected"], seen["boot"])


async def test_a_command_reaches_the_station_and_its_answer_comes_back(bench):
    async with bench.station():
        assert {"status": "Accepted"} == await bench.do("call", station="CP1", action="Reset", payload={"type": "Soft"})


async def test_a_refusal_of_the_station_is_told_with_its_code(bench):
    async with bench.station():
        with pytest.raises(CsmsError, match="NotSupported"):
            await bench.do("call", station="CP1", action="ClearCache")
        with pytest.raises(CsmsError, match="NotImplemented"):
            await bench.do("call", station="CP1", action="MakeCoffee")


async def test_a_command_to_a_station_that_is_not_there_says_who_is(bench):
    async with bench.station():
        with pytest.raises(CsmsError, match="connected: CP1"):
            await bench.do("call", station="CP2", action="Reset", payload={"type": "Soft"})


async def test_a_station_that_is_not_known_is_told_so(bench):
    await bench.do("only", station="CP1")
    async with bench.station("CP1"):
        pass
    with pytest.raises(LinkFailure) as failure:
        async with bench.station("CP2"):
            pass
    assert (Kind.HTTP, 404) == (failure.value.kind, failure.value.status)

    await bench.do("accept")
    async with bench.station("CP2"):
        pass


async def test_refuse_drops_all_stations_and_lets_none_in_until_accept(bench):
    async with bench.station() as station:
        assert {"dropped": 1} == await bench.do("refuse")
        assert isinstance(await station.call("Heartbeat", {}, QUICK_S), Lost)
    with pytest.raises(LinkFailure) as caught:
        async with bench.station():
            pass
    assert (Kind.HTTP, 503) == (caught.value.kind, caught.value.status)
    await bench.do("accept")
    async with bench.station() as station:
        assert isinstance(await station.call("Heartbeat", {}, QUICK_S), Answered)


@pytest.mark.parametrize(("mode", "outcome"), [("silent", TimedOut), ("error", Refused), ("drop", Lost)])
async def test_an_action_can_be_answered_wrongly_for_a_while(bench, mode, outcome):
    await bench.do("answer", action="Authorize", mode=mode)
    async with bench.station() as station:
        within_s = 0.2 if mode == "silent" else QUICK_S
        assert isinstance(await station.call("Authorize", {"idTag": "A"}, within_s), outcome)
    async with bench.station() as station:
        assert isinstance(await station.call("Authorize", {"idTag": "A"}, QUICK_S), Answered)


async def test_an_action_can_be_answered_by_a_payload_of_ones_own(bench):
    rejected = {"status": "Rejected", "currentTime": "2026-11-20T12:00:00Z", "interval": 7}
    await bench.do("answer", action="BootNotification", mode="payload", payload=rejected, count=0)
    async with bench.station() as station:
        for _ in range(2):
            assert rejected == (await station.call("BootNotification", BOOT, QUICK_S)).payload


async def test_the_newest_connection_of_a_station_wins(bench):
    async with bench.station() as older, bench.station() as newer:
        assert isinstance(await older.call("Heartbeat", {}, QUICK_S), Lost)
        assert isinstance(await newer.call("Heartbeat", {}, QUICK_S), Answered)
        (seen,) = await bench.do("stations")
        assert (True, 2) == (seen["connected"], seen["connections"])


async def test_what_was_heard_and_said_can_be_read_back(bench):
    async with bench.station() as station:
        await station.call("Heartbeat", {}, QUICK_S)
        messages = await bench.do("messages", action="Heartbeat")

    assert [("received", 2), ("sent", 3)] == [(one["direction"], one["frame"][0]) for one in messages]
    assert [] == await bench.do("messages", since=messages[-1]["number"])


async def test_garbage_from_a_station_ends_nothing(bench):
    async with open_link(endpoint(f"ws://127.0.0.1:{bench.port}/", "CP1"), timeout_s=QUICK_S) as link:
        await link.send("[" * 5000)
        await link.send('[2,"1","Heartbeat",{}]')
        assert [3, "1"] == json.loads(await link.receive())[:2]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x16\x03\x01\x02\x00",
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /ocpp/CP9 HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
        b"Sec-WebSocket-Protocol: ocpp1.6\r\n\r\n\xff\xff\xff\xff",
        b"POST / HTTP/1.1\r\nContent-Length: x\r\n\r\n",
        b"\r\n" * 5000,
    ],
)
async def test_whatever_a_client_sends_ends_its_own_connection_and_no_other(bench, data):
    async with bench.station() as station:
        async with await trio.open_tcp_stream("127.0.0.1", bench.port) as client:
            with suppress(trio.BrokenResourceError), trio.fail_after(QUICK_S):
                await client.send_all(data)
                await client.send_eof()
                while await client.receive_some():
                    pass
        assert isinstance(await station.call("Heartbeat", {}, QUICK_S), Answered)


async def test_a_fault_of_ours_in_one_connection_ends_no_other(bench, monkeypatch, caplog):
    async with bench.station("CP1") as station:
        monkeypatch.setattr(CentralSystem, "connect", lambda *_: 1 / 0)
        with pytest.raises(LinkFailure):
            async with open_link(endpoint(f"ws://127.0.0.1:{bench.port}/", "CP2"), timeout_s=QUICK_S) as link:
                await link.receive()
        assert isinstance(await station.call("Heartbeat", {}, QUICK_S), Answered)
    assert "ZeroDivisionError" in caplog.text


async def test_a_wrong_verb_and_wrong_parameters_are_told_in_one_line(bench):
    with pytest.raises(CsmsError, match="there are stations"):
        await bench.do("dance")
    with pytest.raises(CsmsError, match="'station' must be str"):
        await bench.do("call", action="Reset")
    with pytest.raises(CsmsError, match="one of normal"):
        await bench.do("answer", action="Authorize", mode="odd")


async def test_a_taken_port_and_a_taken_control_socket_are_told_as_such(bench):
    for port, path in ((bench.port, None), (0, bench.control.path)):
        with pytest.RaisesGroup(CsmsError, allow_unwrapped=True, flatten_subgroups=True) as caught:
            await serve("127.0.0.1", port, path)
        assert "choose another" in str(caught.value) + str(getattr(caught.value, "exceptions", ""))


async def test_a_left_over_control_socket_is_replaced(tmp_path, nursery):
    path = tmp_path / "csms.sock"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    await nursery.start(partial(serve, "127.0.0.1", 0, path))

    assert [] == await trio.to_thread.run_sync(CsmsControl(path).call, "stations")


# --- the command line, as processes ----------------------------------------------------------------------------------

MAIN = (
    "import argparse, sys; from jp_firmware.csms.command import add_arguments;"
    "p = argparse.ArgumentParser(prog='jp csms'); add_arguments(p); a = p.parse_args(); sys.exit(a.run(a))"
)


def jp_csms(*arguments, **options):
    return subprocess.run([sys.executable, "-c", MAIN, *arguments], capture_output=True, text=True, **options)


def test_ctl_without_a_central_system_is_one_line_and_a_failure(tmp_path):
    done = jp_csms("ctl", "--control", str(tmp_path / "none.sock"), "stations")

    assert (1, 1) == (done.returncode, len(done.stderr.splitlines()))
    assert "start one with jp csms" in done.stderr


def test_a_taken_port_is_one_line_and_a_failure(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        done = jp_csms("--port", str(taken.getsockname()[1]), "--control", str(tmp_path / "c.sock"))

    assert (1, 1) == (done.returncode, len(done.stderr.splitlines()))
    assert "choose another with --port" in done.stderr


def test_a_mistake_in_the_tags_is_one_line_and_a_failure(tmp_path):
    (tmp_path / "tags").write_text("A1 perhaps\n")
    done = jp_csms("--port", "0", "--tags", str(tmp_path / "tags"), "--control", str(tmp_path / "c.sock"))

    assert (1, 1) == (done.returncode, len(done.stderr.splitlines()))
    assert "line 1" in done.stderr


def test_a_running_central_system_is_commanded_and_ends_on_sigterm(tmp_path):
    control = tmp_path / "c.sock"
    arguments = ["--port", "0", "--control", str(control), "--trace", str(tmp_path / "trace")]
    with subprocess.Popen([sys.executable, "-c", MAIN, *arguments], stderr=subprocess.PIPE, text=True) as process:
        assert "OCPP 1.6-J on port" in process.stderr.readline()
        done = jp_csms("ctl", "--control", str(control), "stations")
        process.terminate()
        assert "" == process.stderr.read()
        assert 0 == process.wait(QUICK_S)

    assert (0, []) == (done.returncode, json.loads(done.stdout))
    assert not control.exists()
