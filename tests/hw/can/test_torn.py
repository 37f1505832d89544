"""Claims about lines that a writer left torn on an slcan adapter: what it had begun is never acted on, whatever it was.

Each proper beginning of each line that the firmware writes, against two adapters: one that reads lines to their end,
after the manual, and one that looks at the first letter only.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import sys
import tty
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import attrs
import pytest
import trio
from trio.testing import MockClock

from jp_firmware.hw.can import slcan
from jp_firmware.hw.can.frame import Frame
from jp_firmware.hw.can.link import USEFUL_S, Outgoing
from jp_firmware.hw.can.slcan_adapter import SlcanAdapter
from jp_firmware.hw.can.slcan_link import SlcanLink
from jp_firmware.nursery.guard_process.wire import HeldWire
from tests.hw.can.lax_adapter import LaxAdapter
from tests.hw.can.memory import off, on
from tests.hw.can.test_slcan_link import Far
from tests.hw.pty_pair import PATIENCE_S, open_pty

ADDRESSES = (0, 0x0C, 0x3C)  # digits of an identifier can look like commands
OFF = [off(address) for address in ADDRESSES]
ON = [on(address) for address in ADDRESSES]
LIKE_A_CLOSE = Frame(0x029A0CF0, b"\xcc\xcc\xc0\x0c\xcc\xcc\xcc\xcc")
(WORDS,) = SlcanLink.last_words(None, OFF)  # type: ignore[arg-type] # it needs nothing of the link

Adapter = SlcanAdapter | LaxAdapter
KINDS: dict[str, Callable[[], Adapter]] = {
    "strict": lambda: SlcanAdapter(bitrate=125_000, is_open=True),
    "lax": lambda: LaxAdapter(bitrate=125_000, is_open=True),
}

LINES = [b"C\r", b"O\r", b"S4\r", b"V\r", slcan.CLEAR, *map(slcan.encode, (*ON, *OFF, LIKE_A_CLOSE))]
TORN = sorted({line[:cut] for line in LINES for cut in range(len(line))})


@pytest.fixture(params=KINDS)
def adapter(request: pytest.FixtureRequest) -> Adapter:
    return KINDS[request.param]()


@pytest.fixture
def line() -> Iterator[tuple[int, int]]:
    """Descriptors of a pseudo-terminal: the adapter's, and the host's."""
    far, near = os.openpty()
    tty.setraw(near)
    os.set_blocking(near, False)
    yield far, near
    os.close(far)
    os.close(near)


def read(far: int, until: bytes) -> bytes:
    heard = b""
    while not heard.endswith(until):
        assert select.select([far], [], [], PATIENCE_S)[0], heard
        heard += os.read(far, 4096)
    return heard


@pytest.mark.parametrize("kind", KINDS)
def test_a_guards_words_are_understood_whatever_was_begun_before_them(line: tuple[int, int], kind: str) -> None:
    far, near = line
    for torn in TORN:
        adapter = KINDS[kind]()
        os.write(near, torn)
        wire = HeldWire(near, (WORDS,))
        wire.say()
        wire.write()
        frames, _ = adapter.receive(read(far, WORDS))

        assert frames == OFF, f"after {torn!r}"
        assert adapter.is_open


@pytest.mark.parametrize("kind", KINDS)
def test_a_guards_words_are_understood_in_a_channel_that_was_closed(kind: str) -> None:
    """A close that was whole, just before its writer was killed."""
    adapter = KINDS[kind]()
    frames, _ = adapter.receive(b"C\r" + WORDS)

    assert frames == OFF


@pytest.mark.parametrize("kind", KINDS)
def test_words_that_were_torn_themselves_are_understood_when_said_again(kind: str) -> None:
    for cut in range(len(WORDS)):
        adapter = KINDS[kind]()
        adapter.receive(WORDS[:cut])
        frames, _ = adapter.receive(WORDS)

        assert frames == OFF, f"after {cut} bytes"


@pytest.mark.parametrize("kind", KINDS)
async def test_a_link_that_opens_acts_on_nothing_that_was_begun_before_it(kind: str) -> None:
    async def take_over(torn: bytes) -> None:
        async with open_pty() as pty, trio.open_nursery() as nursery:
            far = Far(pty)
            far.adapter = adapter = KINDS[kind]()  # type: ignore[assignment]
            adapter.receive(torn)
            nursery.start_soon(far.run)
            link = await SlcanLink.open(pty.path, 125_000)
            await far.until(lambda: adapter.is_open)

            assert far.frames == [], f"after {torn!r}"
            assert adapter.bitrate == 125_000
            assert await link.send(ON[0])
            await far.until(lambda: far.frames == [ON[0]])
            await link.aclose()
            nursery.cancel_scope.cancel()

    await each(take_over, TORN)


async def each(run: Callable[[bytes], Any], cases: list[bytes]) -> None:
    """A few at once, for they mostly wait."""
    limit = trio.CapacityLimiter(30)

    async def one(case: bytes) -> None:
        async with limit:
            await run(case)

    with trio.fail_after(10 * PATIENCE_S):
        async with trio.open_nursery() as nursery:
            for case in cases:
                nursery.start_soon(one, case)


@attrs.define(eq=False)
class Full:
    """A kernel with room for some bytes only, an adapter behind it, and all that it sent."""

    adapter: Adapter
    room: float
    frames: list[Frame] = attrs.field(factory=list)

    async def wait_room(self) -> None:
        await trio.sleep(0.01)

    def write(self, data: bytes) -> int:
        count = int(min(self.room, len(data)))
        self.room -= count
        self.frames += self.adapter.receive(data[:count])[0]
        return count


@pytest.mark.parametrize("kind", KINDS)
async def test_what_is_left_of_a_frame_in_which_a_guard_has_spoken_is_never_a_line(
    autojump_clock: MockClock, kind: str
) -> None:
    """The loop stood still with a frame half written, and comes back: its rest may look like any command."""
    for frame in (*ON, LIKE_A_CLOSE):
        for cut in range(1, len(slcan.encode(frame))):
            kernel = Full(KINDS[kind](), room=cut)
            outgoing = Outgoing(kernel.write, kernel.wait_room, slcan.CLEAR)
            outgoing.push(slcan.encode(frame))
            kernel.frames += kernel.adapter.receive(WORDS)[0]  # by another process
            await trio.sleep(USEFUL_S * 1.5)
            kernel.room = 1000
            outgoing.push(slcan.encode(OFF[1]))

            assert kernel.frames == [*OFF, OFF[1]], f"{frame} torn after {cut}"
            assert kernel.adapter.is_open


async def test_a_frame_that_is_torn_for_too_long_counts_as_not_sent(autojump_clock: MockClock) -> None:
    kernel = Full(SlcanAdapter(bitrate=125_000, is_open=True), room=10)
    outgoing = Outgoing(kernel.write, kernel.wait_room, slcan.CLEAR)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(outgoing.pump)
        assert not await outgoing.send(slcan.encode(ON[0]), USEFUL_S)
        await trio.sleep(0.01)
        kernel.room = 5  # not even enough to clear the line
        await trio.sleep(1.0)
        kernel.room = 1000
        assert await outgoing.send(slcan.encode(OFF[0]), USEFUL_S)
        nursery.cancel_scope.cancel()

    assert kernel.frames == [OFF[0]]


async def test_a_frame_that_is_torn_for_a_moment_is_completed(autojump_clock: MockClock) -> None:
    kernel = Full(SlcanAdapter(bitrate=125_000, is_open=True), room=10)
    outgoing = Outgoing(kernel.write, kernel.wait_room, slcan.CLEAR)

    async def make_room() -> None:
        await trio.sleep(USEFUL_S / 2)
        kernel.room = 1000

    async with trio.open_nursery() as nursery:
        nursery.start_soon(outgoing.pump)
        nursery.start_soon(make_room)
        assert await outgoing.send(slcan.encode(ON[0]), USEFUL_S)
        nursery.cancel_scope.cancel()

    assert kernel.frames == [ON[0]]


@pytest.mark.parametrize("torn", [b"C", slcan.encode(ON[0])[:-1], slcan.encode(ON[0])[:14]])
def test_a_process_that_is_killed_in_the_middle_of_a_line_has_off_said_behind_it(
    line: tuple[int, int], tmp_path: Path, torn: bytes
) -> None:
    """With a guard of its own, as it is on the charger."""
    far, near = line
    with subprocess.Popen(
        [sys.executable, "-m", "tests.hw.can.torn_writer", str(near), torn.hex(), WORDS.hex()],
        stdout=subprocess.PIPE,
        pass_fds=[near],
        cwd=Path(__file__).parents[3],
    ) as process:
        assert process.stdout is not None
        guard = int(process.stdout.readline())
        process.kill()
    try:
        adapter = SlcanAdapter(bitrate=125_000, is_open=True)
        heard = read(far, WORDS)
        assert heard.startswith(torn + WORDS)
        frames, _ = adapter.receive(torn + WORDS)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(guard, signal.SIGKILL)  # it would end by itself, after some more words

    assert frames == OFF
    assert adapter.is_open
