"""Claims about the slcan link, against an adapter on a pseudo-terminal and the real clock."""

from __future__ import annotations

import contextlib
import itertools
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
import trio
from trio.testing import MockClock

from jp_firmware.hw.can import slcan
from jp_firmware.hw.can.frame import Frame
from jp_firmware.hw.can.slcan_adapter import SlcanAdapter
from jp_firmware.hw.can.slcan_link import ANSWER_S, SlcanLink
from jp_firmware.hw.serial import SerialPort, WireDown, WireError
from tests.hw.pty_pair import PATIENCE_S, Pty, fill, open_pty

FRAME = Frame(0x029A00F0, b"\1" + bytes(7))


class Far:
    """An adapter at the far end of a PTY, with `answer` in its place if it is to misbehave."""

    def __init__(self, pty: Pty, answer: Callable[[bytes], bytes] | None = None) -> None:
        self.pty = pty
        self.adapter = SlcanAdapter()
        self.frames: list[Frame] = []
        self.seen = b""
        self.news = trio.Condition()
        self.speaks = True
        self.answers = b""
        self._telling = trio.Lock()
        self._answer = answer

    async def run(self) -> None:
        with contextlib.suppress(trio.BrokenResourceError, trio.ClosedResourceError):
            while True:
                data = await self.pty.far.receive_some()
                self.seen += data
                if self._answer is not None:
                    reply = self._answer(data)
                else:
                    frames, reply = self.adapter.receive(data)
                    self.frames += frames
                async with self.news:
                    self.news.notify_all()
                self.answers += reply
                if self.speaks:
                    await self.tell(reply)

    async def tell(self, data: bytes) -> None:
        async with self._telling:
            await self.pty.far.send_all(data)

    async def until(self, condition: Callable[[], bool]) -> None:
        with trio.fail_after(PATIENCE_S):
            async with self.news:
                while not condition():
                    await self.news.wait()


@asynccontextmanager
async def far_end(nursery: trio.Nursery, answer: Callable[[bytes], bytes] | None = None) -> AsyncIterator[Far]:
    async with open_pty() as pty:
        far = Far(pty, answer)
        nursery.start_soon(far.run)
        yield far


async def test_opens_the_channel_and_passes_frames_both_ways(nursery: trio.Nursery) -> None:
    async with far_end(nursery) as far:
        link = await SlcanLink.open(far.pty.path, 125_000)
        assert far.adapter.is_open
        assert 125_000 == far.adapter.bitrate

        assert await link.send(FRAME)
        await far.until(lambda: far.frames == [FRAME])

        await far.tell(far.adapter.frame_to_host(FRAME) + b"z\rT123")
        with trio.fail_after(PATIENCE_S):
            assert [FRAME] == await link.receive()
        await link.aclose()
        await far.until(lambda: not far.adapter.is_open)


async def test_frames_sent_now_are_in_the_kernel_before_the_call_returns(nursery: trio.Nursery) -> None:
    async with far_end(nursery) as far:
        link = await SlcanLink.open(far.pty.path, 125_000)
        frames = [Frame(number, bytes(8)) for number in range(30)]
        link.send_now(*frames)
        link._port.write_now(b"t7FF0\r")  # past the link: whatever is still in its queue would come later
        await far.until(lambda: len(far.frames) == 31)

        assert [*frames, Frame(0x7FF, extended=False)] == far.frames
        await link.aclose()


async def test_frames_are_never_torn_and_never_change_their_order_when_the_far_end_is_slow(
    nursery: trio.Nursery, mock_clock: MockClock
) -> None:
    mock_clock.rate = 1.0
    async with far_end(nursery) as far:
        link = await SlcanLink.open(far.pty.path, 125_000)
        mock_clock.rate = 0.05  # none grows too old to be completed, however busy the machine is
        far.speaks = False
        far.answers = b""
        frames = [Frame(number, bytes(8)) for number in range(2000)]  # 27 bytes each: more than the kernel takes
        async with trio.open_nursery() as inner:
            for frame in frames:
                link.send_now(frame)  # the adapter gets no turn to read
            inner.start_soon(link.pump)
            assert await link.send(FRAME, useful_s=PATIENCE_S)
            await far.until(lambda: FRAME in far.frames)
            inner.cancel_scope.cancel()

        kept = [frame.can_id for frame in far.frames]
        assert len(kept) < len(frames), "the kernel was never full: the test shows nothing"
        assert sorted(kept) == kept
        assert FRAME == far.frames[-1]
        assert slcan.NAK not in far.answers
        mock_clock.rate = 1.0
        await link.aclose()


async def test_a_send_that_grows_too_old_is_dropped_whole(nursery: trio.Nursery) -> None:
    async with open_pty() as pty:
        far = Far(pty)
        async with trio.open_nursery() as opening:
            opening.start_soon(far.run)
            link = await SlcanLink.open(pty.path, 125_000)
            opening.cancel_scope.cancel()  # the adapter stops reading
        far.speaks = False
        fill(link._port.write_now, pty.far.fileno(), b"\r" * 100)

        assert not await link.send(FRAME, useful_s=0.05)
        with trio.move_on_after(0.05) as scope:
            await link.send(FRAME, useful_s=PATIENCE_S)
        assert scope.cancelled_caught

        nursery.start_soon(far.run)
        nursery.start_soon(link.pump)
        other = Frame(7, b"\7")
        assert await link.send(other, useful_s=PATIENCE_S)
        await far.until(lambda: bool(far.frames))
        assert [other] == far.frames
        await link.aclose()
        nursery.cancel_scope.cancel()


async def test_refused_frames_and_noise_are_counted(nursery: trio.Nursery) -> None:
    async with far_end(nursery) as far:
        link = await SlcanLink.open(far.pty.path, 125_000)
        await far.tell(b"\a\anonsense\rt1239\r" + slcan.encode(FRAME))
        with trio.fail_after(PATIENCE_S):
            assert [FRAME] == await link.receive()
        assert (2, 2) == (link.refused, link.malformed)
        await link.aclose()


async def test_unplugging_ends_reading_and_sending(nursery: trio.Nursery) -> None:
    async with far_end(nursery) as far:
        link = await SlcanLink.open(far.pty.path, 125_000)
        await far.pty.unplug()
        with trio.fail_after(PATIENCE_S), pytest.raises(WireDown):
            await link.receive()
        with pytest.raises(WireDown):
            await link.send(FRAME)
        link.send_now(FRAME)
        await link.aclose()


async def test_an_adapter_that_refuses_the_bitrate_is_an_error_that_says_so(nursery: trio.Nursery) -> None:
    async with far_end(nursery, lambda data: b"\a" * data.count(b"\r")) as far:
        with pytest.raises(WireError, match=r"refused 125 kbit/s \(command S4\)"):
            await SlcanLink.open(far.pty.path, 125_000)


async def test_an_adapter_that_refuses_to_open_is_an_error_that_says_so(nursery: trio.Nursery) -> None:
    def answer(data: bytes) -> bytes:
        return b"\a" if data.endswith(b"O\r") else b"\r" * data.count(b"\r")

    async with far_end(nursery, answer) as far:
        with pytest.raises(WireError, match="refused to open its channel"):
            await SlcanLink.open(far.pty.path, 125_000)


async def test_a_port_on_which_nothing_answers_is_an_error_that_says_so_and_is_free_again(
    nursery: trio.Nursery,
) -> None:
    async with far_end(nursery, lambda _: b"") as far:
        for _ in range(2):
            with pytest.raises(WireError, match="nothing answers slcan commands"):
                await SlcanLink.open(far.pty.path, 125_000)


async def test_an_adapter_that_acknowledges_nothing_is_taken_when_it_tells_its_version(nursery: trio.Nursery) -> None:
    async with far_end(nursery, lambda data: b"b158aa7 github.com/canable\r" if b"V\r" in data else b"") as far:
        link = await SlcanLink.open(far.pty.path, 125_000)
        await far.until(lambda: far.seen.endswith(b"S4\rV\rO\r"))
        await link.aclose()


async def test_an_adapter_that_has_not_heard_the_first_question_is_asked_again(nursery: trio.Nursery) -> None:
    asked = 0

    def answer(data: bytes) -> bytes:
        nonlocal asked
        asked += data.count(b"V\r")
        return b"b158aa7 github.com/canable\r" if b"V\r" in data and asked > 1 else b""

    async with far_end(nursery, answer) as far:
        link = await SlcanLink.open(far.pty.path, 125_000)
        await far.until(lambda: far.seen.endswith(b"S4\rV\rC\rS4\rV\rO\r"))
        await link.aclose()


async def test_a_loop_that_stands_still_for_longer_than_an_adapter_may_take_has_asked_once(
    nursery: trio.Nursery, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And every other time that it listens: it has not heard the answer then, nor has this adapter had its turn."""
    receive_some, listened = SerialPort.receive_some, itertools.count()

    async def receive_after_standing_still(port: SerialPort, max_bytes: int = 4096) -> bytes:
        if next(listened) % 2 == 0:
            time.sleep(2 * ANSWER_S)  # noqa: ASYNC251 - a step that blocks is what this is about
        return await receive_some(port, max_bytes)

    monkeypatch.setattr(SerialPort, "receive_some", receive_after_standing_still)
    async with far_end(nursery) as far:
        link = await SlcanLink.open(far.pty.path, 125_000)

        assert far.seen.endswith(b"C\rS4\rO\r")
        assert far.seen.count(b"S4\r") == 1
        await link.aclose()


async def test_a_channel_left_open_by_a_crash_with_traffic_on_it_is_taken_over(nursery: trio.Nursery) -> None:
    async with far_end(nursery) as far:
        far.adapter.receive(b"S6\rO\r")
        await far.tell(slcan.encode(FRAME) * 20)
        link = await SlcanLink.open(far.pty.path, 125_000)

        assert 125_000 == far.adapter.bitrate
        assert far.adapter.is_open
        await link.aclose()
