"""The master on a misbehaving line: late answers, noise, silence, cancellation at any point."""

from __future__ import annotations

import math

import pytest
import trio
import trio.testing

from jp_firmware.hw.modbus import adu
from jp_firmware.hw.modbus.line import RtuLine, TcpLine
from jp_firmware.hw.modbus.master import (
    SILENCES,
    ModbusGarbled,
    ModbusMaster,
    ModbusRefused,
    ModbusTimeout,
    WireDown,
    tcp_master,
)
from tests.hw.lifelines import Lifelines, counted
from tests.hw.modbus.slave import BAUD, ILLEGAL_ADDRESS, connected, values_at

BOTH = pytest.mark.parametrize("rtu", [True, False], ids=["rtu", "tcp"])


@BOTH
async def test_all_four_functions(rtu: bool, autojump_clock: trio.testing.MockClock) -> None:
    wrote: list[tuple[int, int, list[int]]] = []
    async with connected(rtu=rtu, wrote=lambda *what: wrote.append(what)) as (master, _):
        assert await master.read_holding(1, 100, 125) == values_at(1, 100, 125)
        assert await master.read_input(2, 7, 1) == values_at(2, 7, 1)
        await master.write_registers(3, 40, [1, 2, 3])
        assert await master.read_write(3, 256, 80, 512, [9, 8]) == values_at(3, 256, 80)

    assert wrote == [(3, 40, [1, 2, 3]), (3, 512, [9, 8])]


@BOTH
async def test_each_answer_feeds_the_wires_lifeline(rtu: bool, autojump_clock: trio.testing.MockClock) -> None:
    async with connected(rtu=rtu) as (master, _):
        await master.read_holding(1, 0, 1)
        await master.read_holding(1, 0, 1)

        assert len(master._lifeline.fed) == 2


@BOTH
async def test_silence_is_a_timeout_that_says_what_to_check(rtu: bool, autojump_clock: trio.testing.MockClock) -> None:
    async with connected(rtu=rtu, delay_s=lambda _: math.inf) as (master, slave):
        start_s = trio.current_time()
        with pytest.raises(ModbusTimeout, match=r"wire unit 5 did not answer reading holding registers 0-1 .*check"):
            await master.read_holding(5, 0, 2, timeout_s=0.2, attempts=1)

        assert len(slave.requests) == 1
        assert trio.current_time() - start_s == pytest.approx(0.2, abs=0.01)


@BOTH
async def test_a_refusal_is_told_with_its_code_and_not_asked_again(
    rtu: bool, autojump_clock: trio.testing.MockClock
) -> None:
    async with connected(rtu=rtu) as (master, slave):
        with pytest.raises(ModbusRefused, match="illegal data address") as refused:
            await master.read_holding(1, ILLEGAL_ADDRESS, 2)

        assert refused.value.code == 2
        assert len(slave.requests) == 1


@BOTH
async def test_one_lost_answer_is_asked_for_again_unnoticed(rtu: bool, autojump_clock: trio.testing.MockClock) -> None:
    async with connected(rtu=rtu, delay_s=lambda n: math.inf if n == 0 else 0.01) as (master, slave):
        assert await master.read_holding(1, 10, 2, timeout_s=0.2) == values_at(1, 10, 2)
        assert len(slave.requests) == 2


@BOTH
async def test_a_late_answer_is_never_taken_for_the_next(rtu: bool, autojump_clock: trio.testing.MockClock) -> None:
    """The key claim: an answer that comes after its exchange timed out does not pass for the next one's, though unit,
    function and length agree."""
    async with connected(rtu=rtu, delay_s=lambda n: 0.3 if n == 0 else 0.01) as (master, _):
        with pytest.raises(ModbusTimeout):
            await master.read_holding(1, 0, 2, timeout_s=0.2, attempts=1)

        assert await master.read_holding(1, 700, 2, timeout_s=0.2, attempts=1) == values_at(1, 700, 2)


@BOTH
@pytest.mark.parametrize("cancelled_after_s", [0.0, 0.0005, 0.05, 0.0999, 0.1])
async def test_a_cancelled_exchange_leaves_a_clean_line(
    rtu: bool, cancelled_after_s: float, autojump_clock: trio.testing.MockClock
) -> None:
    """Wherever it was cancelled, the next exchange gets its own answer, at the first attempt."""
    async with connected(rtu=rtu, delay_s=lambda n: 0.1) as (master, _):
        with trio.move_on_after(cancelled_after_s):
            await master.read_holding(1, 0, 2)

        assert await master.read_holding(1, 700, 2, attempts=1) == values_at(1, 700, 2)


async def test_noise_around_the_answers_does_not_matter(autojump_clock: trio.testing.MockClock) -> None:
    async with connected(mangle=lambda n, frame: b"\x00\xff\x01\x03" + frame + b"\x00") as (master, _):
        for address in range(0, 50, 5):
            assert await master.read_holding(1, address, 5, attempts=1) == values_at(1, address, 5)


async def test_a_garbled_answer_costs_no_timeout(autojump_clock: trio.testing.MockClock) -> None:
    """On RTU the second attempt starts as soon as the line is quiet; the caller sees a good answer."""

    def garble_first(number: int, frame: bytes) -> bytes:
        return frame[:-1] + bytes((frame[-1] ^ 1,)) if number == 0 else frame

    async with connected(mangle=garble_first) as (master, slave):
        start_s = trio.current_time()
        assert await master.read_holding(1, 5, 10, timeout_s=5.0) == values_at(1, 5, 10)

        assert len(slave.requests) == 2
        assert trio.current_time() - start_s < 0.1


async def test_garbage_only_is_told_as_garbage(autojump_clock: trio.testing.MockClock) -> None:
    async with connected(mangle=lambda n, frame: bytes(len(frame))) as (master, _):
        with pytest.raises(ModbusGarbled, match="garbage: check wiring"):
            await master.read_holding(1, 5, 10)


async def test_a_line_that_never_falls_quiet_is_told(autojump_clock: trio.testing.MockClock) -> None:
    async with connected() as (master, slave):
        async with trio.open_nursery() as nursery:

            async def babble() -> None:
                while True:
                    await slave.stream.send_all(b"U")
                    await trio.sleep(0.001)

            nursery.start_soon(babble)
            await trio.sleep(0.01)
            with pytest.raises(ModbusGarbled, match="never quiet"):
                await master.read_holding(1, 5, 10, timeout_s=0.2, attempts=1)
            nursery.cancel_scope.cancel()
        assert await master.read_holding(1, 5, 10) == values_at(1, 5, 10)


async def test_requests_keep_the_gap(autojump_clock: trio.testing.MockClock) -> None:
    async with connected() as (master, slave):
        for _ in range(3):
            await master.read_holding(1, 0, 1)

    gap_s = RtuLine(BAUD).gap_s + 0.001
    assert all(later - sooner >= gap_s for sooner, later in zip(slave.heard_at_s, slave.heard_at_s[1:], strict=False))


@BOTH
async def test_exchanges_queue_in_order_of_asking(rtu: bool, autojump_clock: trio.testing.MockClock) -> None:
    done = []
    async with connected(rtu=rtu, delay_s=lambda n: 0.05) as (master, _):

        async def ask(address: int) -> None:
            assert await master.read_holding(1, address, 2) == values_at(1, address, 2)
            done.append(address)

        async with trio.open_nursery() as nursery:
            for address in range(0, 60, 10):
                nursery.start_soon(ask, address)
                await trio.testing.wait_all_tasks_blocked()

    assert done == [0, 10, 20, 30, 40, 50]


@BOTH
async def test_a_lost_wire_ends_run_and_the_exchange_under_way(
    rtu: bool, autojump_clock: trio.testing.MockClock
) -> None:
    ours, theirs = trio.testing.memory_stream_pair()
    master = memory_master(ours, rtu)

    async def wire(task_status: trio.TaskStatus[object]) -> None:
        with pytest.raises(WireDown, match=r"lost .*check the adapter"):
            await Lifelines().run(master.run, task_status=task_status)

    async def ask() -> None:
        with pytest.raises(WireDown, match=r"lost"):
            await master.read_holding(1, 0, 1, timeout_s=60)

    async with trio.open_nursery() as nursery:
        await nursery.start(wire)
        nursery.start_soon(ask)
        await trio.testing.wait_all_tasks_blocked()
        await theirs.aclose()

    with pytest.raises(WireDown, match="lost"):
        await master.read_holding(1, 0, 1)


@BOTH
async def test_a_stopped_wire_ends_the_exchange_under_way(rtu: bool, autojump_clock: trio.testing.MockClock) -> None:
    ours, _theirs = trio.testing.memory_stream_pair()
    master = memory_master(ours, rtu)
    async with trio.open_nursery() as wire, trio.open_nursery() as devices:
        await wire.start(Lifelines().run, master.run)

        async def ask() -> None:
            with pytest.raises(WireDown):
                await master.read_holding(1, 0, 1, timeout_s=60)

        devices.start_soon(ask)
        await trio.testing.wait_all_tasks_blocked()
        wire.cancel_scope.cancel()

    assert trio.current_time() < 30


async def test_a_host_that_can_be_no_name_is_told_with_its_remedy() -> None:
    master = tcp_master("plc", "no..host", 502)
    with pytest.raises(WireDown, match=r"plc: cannot open no\.\.host port 502: .* is it there, and named right\?"):
        await master.run(counted(master.run))


async def test_a_port_that_cannot_be_opened_is_told_with_its_remedy(autojump_clock: trio.testing.MockClock) -> None:
    async def connect() -> trio.abc.Stream:
        raise FileNotFoundError(2, "No such file or directory")

    master = ModbusMaster(name="rs485-0", where="/dev/jp/x", connect=connect, new_line=TcpLine)
    with pytest.raises(WireDown, match="rs485-0: cannot open /dev/jp/x: No such file or directory: is it there"):
        await master.run(counted(master.run))


async def test_tcp_out_of_step_is_opened_anew_at_once(autojump_clock: trio.testing.MockClock) -> None:
    """A header that is no Modbus spoils the connection, not the wire."""

    def spoil(number: int, frame: bytes) -> bytes:
        return b"\xff" * 20 if number == 1 else frame

    async with connected(rtu=False, mangle=spoil) as (master, _):
        await master.read_holding(1, 0, 1)
        with pytest.raises((ModbusGarbled, WireDown)):
            await master.read_holding(1, 0, 1, attempts=1)
        await trio.testing.wait_all_tasks_blocked()
        assert await master.read_holding(1, 40, 1, attempts=1) == values_at(1, 40, 1)


async def test_whatever_never_speaks_modbus_is_a_lost_wire(autojump_clock: trio.testing.MockClock) -> None:
    """No endless opening anew: a connection on which nothing was ever answered goes to the supervisor."""

    async def connect() -> trio.abc.Stream:
        ours, theirs = trio.testing.memory_stream_pair()
        await theirs.send_all(b"SSH-2.0-OpenSSH_9.2\r\n")
        return ours

    master = ModbusMaster(name="wire", where="host port 22", connect=connect, new_line=TcpLine)
    with pytest.raises(WireDown, match=r"lost .*no Modbus/TCP"):
        await master.run(counted(master.run))


async def test_a_tcp_peer_that_went_without_a_word_is_looked_for_anew(autojump_clock: trio.testing.MockClock) -> None:
    async with connected(rtu=False, delay_s=lambda n: 0.001 if n == 0 else math.inf) as (master, _):
        await master.read_holding(1, 0, 1)
        for _ in range(SILENCES):
            with pytest.raises(ModbusTimeout):
                await master.read_holding(1, 0, 1, attempts=1)
        await trio.testing.wait_all_tasks_blocked()

        assert await master.read_holding(1, 40, 1, attempts=1) == values_at(1, 40, 1)


async def test_a_request_cut_off_in_the_middle_spoils_a_tcp_connection(autojump_clock: trio.testing.MockClock) -> None:
    """Half a request on the wire would make the peer take the next one for its rest."""
    async with connected(rtu=False) as (master, _):
        ours = master._link.stream

        async def stuck() -> None:
            await trio.sleep_forever()

        ours.send_stream.send_all_hook = stuck
        with trio.move_on_after(0.1):
            await master.read_holding(1, 0, 1)
        await trio.testing.wait_all_tasks_blocked()

        assert master._link.stream is not ours
        assert await master.read_holding(1, 40, 1, attempts=1) == values_at(1, 40, 1)


async def test_a_bad_request_costs_nothing(autojump_clock: trio.testing.MockClock) -> None:
    async with connected() as (master, slave):
        with pytest.raises(ValueError):
            await master.read_holding(1, 0, 126)

        assert slave.requests == []


def memory_master(stream: trio.abc.Stream, rtu: bool) -> ModbusMaster:
    async def connect() -> trio.abc.Stream:
        return stream

    return ModbusMaster(
        name="wire", where="memory", connect=connect, new_line=lambda: RtuLine(BAUD) if rtu else TcpLine()
    )


def test_the_exceptions_a_device_may_answer_with_have_names() -> None:
    assert {1, 2, 3, 4, 6} <= adu.EXCEPTIONS.keys()
