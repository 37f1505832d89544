"""One console over a memory stream and a mock clock: requests in order, coalesced deltas, no mercy for the deaf."""

from __future__ import annotations

import json
from typing import Any

import pytest
import trio
from trio.testing import lockstep_stream_pair, memory_stream_pair

from jp_firmware.console.connection import CALL_TIMEOUT_S, STALLED_AFTER_S, Connection, Stalled
from jp_firmware.console.protocol import ErrorCode
from jp_firmware.console.topics import Topics

from .conftest import Charger


class Console:
    """The far end: sends lines as they are, reads what comes."""

    def __init__(self, stream: trio.abc.Stream) -> None:
        self.stream = stream
        self._pending = b""

    async def send(self, *lines: bytes) -> None:
        await self.stream.send_all(b"".join(line + b"\n" for line in lines))

    async def request(self, request_id: int, method: str, **params: Any) -> None:
        await self.send(json.dumps({"jsonrpc": "2.0", "id": request_id, "method": method, "params": params}).encode())

    async def next(self) -> dict[str, Any]:
        while b"\n" not in self._pending:
            data = await self.stream.receive_some(65536)
            assert data, "the server closed the stream"
            self._pending += data
        line, self._pending = self._pending.split(b"\n", 1)
        return dict(json.loads(line))

    async def call(self, method: str, **params: Any) -> dict[str, Any]:
        await self.request(1, method, **params)
        return await self.next()


@pytest.fixture
async def console(charger: Charger, nursery: trio.Nursery) -> Console:
    far, near = memory_stream_pair()
    nursery.start_soon(Connection(near, Topics(charger.topics), charger.calls).run)
    return Console(far)


async def test_a_call_is_answered_with_its_result(console: Console, charger: Charger) -> None:
    assert await console.call("connector.start", connector=2) == {
        "jsonrpc": "2.0",
        "id": 1,
        "result": {"accepted": True},
    }
    assert charger.started == [2]


async def test_every_topic_answers_get(console: Console) -> None:
    answer = await console.call("status.get")

    assert answer["result"]["site"]["limit_w"] == 150_000


@pytest.mark.parametrize(
    ("method", "params", "code", "words"),
    [
        ("connector.start", {"connector": 9}, ErrorCode.REFUSED, "there is no connector 9"),
        ("connector.start", {"connector": "1"}, ErrorCode.INVALID_PARAMS, "connector is not a whole number: '1'"),
        ("connector.start", {}, ErrorCode.INVALID_PARAMS, "connector is missing"),
        ("connector.start", {"connector": True}, ErrorCode.INVALID_PARAMS, "not a whole number"),
        ("connector.start", {"conector": 1}, ErrorCode.INVALID_PARAMS, "unknown parameter conector"),
        ("defect", {}, ErrorCode.INTERNAL_ERROR, "ZeroDivisionError: by design"),
        ("no.such", {}, ErrorCode.METHOD_NOT_FOUND, "no such call: no.such"),
        ("nothing.get", {}, ErrorCode.METHOD_NOT_FOUND, "no such call: nothing.get"),
        ("subscribe", {"topics": ["weather"]}, ErrorCode.INVALID_PARAMS, "no such topic: 'weather'; there are"),
        ("subscribe", {"topics": [1]}, ErrorCode.INVALID_PARAMS, "no such topic: 1"),
        ("subscribe", {"topics": "status"}, ErrorCode.INVALID_PARAMS, "topics is not"),
        ("subscribe", {"topics": ["status"], "interval_s": "1"}, ErrorCode.INVALID_PARAMS, "interval_s is not"),
    ],
)
async def test_a_call_that_cannot_be_done_says_why_and_the_console_lives_on(
    console: Console, method: str, params: dict[str, Any], code: ErrorCode, words: str
) -> None:
    answer = await console.call(method, **params)

    assert answer["error"]["code"] == code
    assert words in answer["error"]["message"]
    assert "result" in await console.call("faults.get")


async def test_a_malformed_line_gets_an_error_and_the_next_call_its_answer(console: Console) -> None:
    await console.send(b"{", b"x" * 70_000, b'{"jsonrpc":"2.0","method":"faults.get","id":3}')

    codes = [(await console.next())["error"]["code"] for _ in range(2)]
    assert codes == [ErrorCode.PARSE_ERROR, ErrorCode.INVALID_REQUEST]
    assert (await console.next())["id"] == 3


async def test_notifications_and_stray_answers_are_not_answered(console: Console) -> None:
    await console.send(b'{"jsonrpc":"2.0","method":"connector.start"}', b'{"jsonrpc":"2.0","id":1,"result":1}')

    assert (await console.call("faults.get"))["result"] == {"active": [], "recent": []}


async def test_a_call_that_hangs_is_given_up(console: Console, autojump_clock: trio.testing.MockClock) -> None:
    answer = await console.call("slow")

    assert answer["error"]["code"] == ErrorCode.TIMED_OUT
    assert trio.current_time() == pytest.approx(CALL_TIMEOUT_S)


async def test_a_subscription_tells_all_once_and_then_only_what_changed(
    console: Console, charger: Charger, autojump_clock: trio.testing.MockClock
) -> None:
    assert (await console.call("subscribe", topics=["status"], interval_s=0.5))["result"]["interval_s"] == 0.5
    first = await console.next()
    assert first["method"] == "snapshot"
    assert (first["params"]["topic"], first["params"]["revision"]) == ("status", 1)
    charger.power_w = 5.0
    second = await console.next()

    assert second["method"] == "delta"
    assert second["params"] == {
        "topic": "status",
        "revision": 2,
        "delta": {"changed": [[["site", "measured_w"], 5.0]], "removed": []},
    }
    assert trio.current_time() == pytest.approx(0.5)


async def test_an_unchanged_topic_is_confirmed_every_two_seconds(
    console: Console, autojump_clock: trio.testing.MockClock
) -> None:
    await console.call("subscribe", topics=["status"], interval_s=0.5)
    await console.next()
    heartbeats = [(await console.next(), trio.current_time()) for _ in range(2)]

    assert [message["params"]["delta"] for message, _ in heartbeats] == [{"changed": [], "removed": []}] * 2
    assert [at_s for _, at_s in heartbeats] == pytest.approx([2.0, 4.0])


@pytest.mark.parametrize(("wanted_s", "given_s"), [(0.01, 0.25), (0, 0.25), (-5, 0.25), (3, 3.0), (1e9, 10.0)])
async def test_the_interval_is_kept_between_a_quarter_and_ten_seconds(
    console: Console, wanted_s: float, given_s: float, autojump_clock: trio.testing.MockClock
) -> None:
    assert (await console.call("subscribe", topics=["faults"], interval_s=wanted_s))["result"]["interval_s"] == given_s


async def test_changes_between_two_intervals_arrive_as_one(
    console: Console, charger: Charger, autojump_clock: trio.testing.MockClock
) -> None:
    await console.call("subscribe", topics=["status"], interval_s=1.0)
    await console.next()
    for power_w in range(1, 10):
        charger.power_w = power_w
        await trio.sleep(0.1)

    assert (await console.next())["params"]["delta"]["changed"] == [[["site", "measured_w"], 9]]
    assert charger.asked == 2


async def test_a_topic_that_fails_is_told_as_unavailable_and_told_whole_when_it_is_back(
    console: Console, charger: Charger, autojump_clock: trio.testing.MockClock
) -> None:
    await console.call("subscribe", topics=["status", "faults"], interval_s=0.5)
    await console.next()
    await console.next()
    charger.broken = True
    told = await console.next()
    assert told["method"] == "unavailable"
    assert told["params"]["topic"] == "status"
    assert "KeyError: 'measured_w'" in told["params"]["message"]
    charger.broken = False
    told = await console.next()

    assert (told["method"], told["params"]["topic"]) == ("snapshot", "status")


async def test_nothing_more_is_told_of_a_topic_after_unsubscribe(
    console: Console, autojump_clock: trio.testing.MockClock
) -> None:
    await console.call("subscribe", topics=["status", "faults"], interval_s=0.25)
    await console.next()
    await console.next()
    assert (await console.call("unsubscribe", topics=["status"]))["result"] == {"topics": ["faults"]}

    assert {(await console.next())["params"]["topic"] for _ in range(4)} == {"faults"}
    assert (await console.call("unsubscribe"))["result"] == {"topics": []}


async def test_a_console_that_does_not_read_is_closed_after_ten_seconds(
    charger: Charger, autojump_clock: trio.testing.MockClock
) -> None:
    far, near = lockstep_stream_pair()  # nothing leaves before it is read
    async with trio.open_nursery() as nursery:
        nursery.start_soon(Console(far).request, 1, "faults.get")
        with pytest.raises(Stalled):
            await Connection(near, Topics(charger.topics), charger.calls).run()

    assert trio.current_time() == pytest.approx(STALLED_AFTER_S)


async def test_a_slow_console_skips_steps_and_ends_at_the_latest(
    charger: Charger, autojump_clock: trio.testing.MockClock
) -> None:
    far, near = lockstep_stream_pair()
    console = Console(far)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(Connection(near, Topics(charger.topics), charger.calls).run)
        await console.call("subscribe", topics=["status"], interval_s=0.25)
        await console.next()
        told = []
        for power_w in range(1, 101):
            charger.power_w = power_w
            await trio.sleep(0.25)
            if power_w % 20 == 0:  # reads once in twenty intervals
                told.append((await console.next())["params"])
        told += [(await console.next())["params"] for _ in range(2)]

        assert [one["revision"] for one in told] == [2, 3, 4, 5, 6, 7, 8]
        powers = [value for one in told for _, value in one["delta"]["changed"]]
        assert powers[-1] == 100
        nursery.cancel_scope.cancel()


async def test_a_console_that_goes_ends_the_connection_quietly(charger: Charger) -> None:
    far, near = memory_stream_pair()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(Connection(near, Topics(charger.topics), charger.calls).run)
        console = Console(far)
        await console.call("subscribe", topics=["status"], interval_s=0.25)
        await far.aclose()


async def test_a_console_that_breaks_mid_call_cancels_the_call(
    charger: Charger, autojump_clock: trio.testing.MockClock
) -> None:
    far, near = memory_stream_pair()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(Connection(near, Topics(charger.topics), charger.calls).run)
        console = Console(far)
        await console.call("subscribe", topics=["status"], interval_s=0.25)
        await console.next()
        await console.request(2, "slow")
        await trio.testing.wait_all_tasks_blocked()
        far.receive_stream.close()
        charger.power_w = 1.0

    assert trio.current_time() < 1.0
