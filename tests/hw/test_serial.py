"""Claims about the serial port, on pseudo-terminals and the real clock."""

from __future__ import annotations

import termios
from pathlib import Path

import pytest
import trio

from jp_firmware.hw.serial import SerialPort, WireDown, WireError, _explain
from tests.hw.pty_pair import PATIENCE_S, fill, open_pty


async def test_bytes_pass_both_ways_unchanged() -> None:
    everything = bytes(range(256))
    async with open_pty() as pty:
        port = await SerialPort.open(pty.path, baud=19_200)
        with trio.fail_after(PATIENCE_S):
            await port.send_all(everything)
            assert everything == await pty.read_exactly(256)

            await pty.far.send_all(everything)
            received = b""
            while len(received) < 256:
                received += await port.receive_some()
        assert everything == received
        await port.aclose()


async def test_an_idle_port_waits_instead_of_looking_unplugged() -> None:
    async with open_pty() as pty:
        port = await SerialPort.open(pty.path)
        with trio.move_on_after(0.05) as scope:
            await port.receive_some()
        assert scope.cancelled_caught

        await pty.far.send_all(b"x")
        with trio.fail_after(PATIENCE_S):
            assert b"x" == await port.receive_some(), "the cancelled read lost nothing"
        await port.aclose()


async def test_unplugging_ends_a_waiting_read_and_every_later_call_with_wire_down(nursery: trio.Nursery) -> None:
    async with open_pty() as pty:
        port = await SerialPort.open(pty.path)
        nursery.start_soon(pty.unplug)
        with trio.fail_after(PATIENCE_S):
            with pytest.raises(WireDown, match="plug the adapter in again"):
                await port.receive_some()
            with pytest.raises(WireDown):
                await port.send_all(b"x")
        with pytest.raises(WireDown):
            port.write_now(b"x")
        with trio.fail_after(PATIENCE_S):
            await port.aclose()


async def test_writing_now_takes_what_fits_and_never_waits() -> None:
    async with open_pty() as pty:
        port = await SerialPort.open(pty.path)
        taken = fill(port.write_now, pty.far.fileno())
        assert taken >= 4000, "it returned each time, the last time with nothing taken"

        assert b"x" * taken == await pty.read_exactly(taken)
        with trio.fail_after(PATIENCE_S):
            await port.wait_writable()
        assert 1 == port.write_now(b"x")
        await port.aclose()


async def test_closing_with_a_stuck_far_end_does_not_hold_the_loop() -> None:
    async with open_pty() as pty:
        port = await SerialPort.open(pty.path)
        fill(port.write_now, pty.far.fileno())
        with trio.fail_after(20):  # the kernel by itself would wait 30 s
            await port.aclose()


async def test_closing_wakes_the_reader(nursery: trio.Nursery) -> None:
    ended = trio.Event()

    async def read() -> None:
        with pytest.raises(trio.ClosedResourceError):
            await port.receive_some()
        ended.set()

    async with open_pty() as pty:
        port = await SerialPort.open(pty.path)
        nursery.start_soon(read)
        await trio.testing.wait_all_tasks_blocked()
        await port.aclose()
        with trio.fail_after(PATIENCE_S):
            await ended.wait()


async def test_a_port_is_ours_alone_until_it_is_closed() -> None:
    async with open_pty() as pty:
        port = await SerialPort.open(pty.path)
        with pytest.raises(WireError, match="in use by another program"):
            await SerialPort.open(pty.path)
        await port.aclose()

        again = await SerialPort.open(pty.path)
        await again.aclose()


async def test_old_input_is_forgotten_on_opening_and_on_request() -> None:
    async with open_pty() as pty:
        port = await SerialPort.open(pty.path)
        await pty.far.send_all(b"old")
        with trio.fail_after(PATIENCE_S):
            await trio.lowlevel.wait_readable(port._stream.fileno())
        port.discard_input()
        await pty.far.send_all(b"new")
        with trio.fail_after(PATIENCE_S):
            assert b"new" == await port.receive_some()
        await port.aclose()


async def test_line_settings_reach_the_driver() -> None:
    async with open_pty() as pty:
        port = await SerialPort.open(pty.path, baud=9600, stop_bits=2)
        settings = termios.tcgetattr(port._stream.fileno())
        await port.aclose()

    assert termios.B9600 == settings[4] == settings[5]
    assert settings[2] & termios.CSTOPB
    assert (1, 0) == (settings[6][termios.VMIN], settings[6][termios.VTIME])


async def test_a_missing_port_is_one_line_with_a_remedy() -> None:
    with pytest.raises(WireError, match=r"^/dev/jp/none: no such port; is the adapter plugged in.*\?$"):
        await SerialPort.open(Path("/dev/jp/none"))


async def test_what_is_no_serial_port_is_named_as_such(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("")
    with pytest.raises(WireError, match="not a serial port"):
        await SerialPort.open(file)
    with pytest.raises(WireError, match="not a serial port"):
        await SerialPort.open(tmp_path)


def test_missing_permission_is_explained() -> None:
    assert "dialout" in _explain(PermissionError(13, "Permission denied"))
