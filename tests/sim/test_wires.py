"""Wires without a process: SocketCAN frames, the reader's misbehaviour, what is and is not emulated."""

from __future__ import annotations

import socket
import struct

import attrs
import pytest

from jp_firmware.config.schema import Wire
from jp_firmware.hw.modules import infypower_wire
from jp_firmware.sim.can_wire import Load, SocketCanWire
from jp_firmware.sim.modbus_wire import Line
from jp_firmware.sim.plant import NotEmulated, Plant
from jp_firmware.sim.tty import garbled
from tests.sim.bench import Bench, small_cabinet

CAN_FRAME = struct.Struct("=IB3x8s")
EXTENDED = 0x8000_0000


def test_frames_of_a_network_interface_reach_the_modules_and_their_answers_return() -> None:
    """A pair of datagram sockets stands for the interface: it carries the kernel's own `struct can_frame`."""
    bench = Bench()
    wire = SocketCanWire(Wire(name="can0", kind="socketcan", port="vcan0"), bench.plant.module_bus("can0"))
    host, bus = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    with host, bus:
        bus.setblocking(False)
        host.settimeout(1)
        host.send(CAN_FRAME.pack(EXTENDED | 0x028A01F0, 8, bytes(8)))
        host.send(CAN_FRAME.pack(0x2000_0000 | 4, 8, bytes(8)))  # an error frame of the kernel
        host.send(CAN_FRAME.pack(EXTENDED | 0x02823FF0, 8, bytes(8)))
        wire._readable(bus)
        answers = [CAN_FRAME.unpack(host.recv(16)) for _ in range(2)]

    assert [can_id & ~EXTENDED for can_id, _, _ in answers] == [0x028AF001, 0x0282F03F]
    assert infypower_wire.Ratings.decode(answers[0][2]).max_power_w == 30_000
    assert wire.load.frames == 4


def test_bus_load_is_told_of_the_last_whole_second() -> None:
    load = Load(125_000)
    for frame in range(300):
        load.count(1, 10 + frame / 300)
    load.count(1, 11.0)

    assert load.percent == pytest.approx(34.8)
    load.count(1, 15.0)

    assert load.percent == 0


def test_without_wire_time_bytes_arrive_at_once() -> None:
    arrived: list[bytes] = []
    Line(arrived.append, 0.0).send(b"abc")

    assert arrived == [b"abc"]


def test_what_a_wrong_line_speed_makes_of_bytes_is_never_what_was_sent() -> None:
    for data in (bytes(range(256)), b"\x01\x03\x00\x00\x00\x06\xc5\xc8"):
        assert data not in garbled(data)
        assert garbled(data)


def test_a_reader_that_misbehaves() -> None:
    reader = Bench().plant.readers["reader-0"]
    lines: list[bytes] = []

    assert not reader.show("04A1B2C3", 1.0)  # its tty is gone
    reader.write = lines.append
    assert reader.show("04a1b2c3", 1.0)
    reader.misbehaviour.frozen = True
    reader.show("0BADCAFE", 2.0)
    reader.misbehaviour.clear()
    reader.misbehaviour.silent = True
    assert not reader.show("0BADCAFE", 3.0)
    reader.misbehaviour.clear()
    reader.misbehaviour.corrupt = True
    reader.show("0BADCAFE", 4.0)

    assert lines[:2] == [b"04A1B2C3\r\n", b"04A1B2C3\r\n"]
    assert len(lines) == 3
    assert b"0BADCAFE" not in lines[2]


@pytest.mark.parametrize(
    ("kind", "change"),
    [("modules", {"driver": "acme"}), ("meters", {"profile": "eastron-dcm230"}), ("plc_boards", {"driver": "other"})],
)
def test_a_device_that_cannot_be_emulated_is_named(kind: str, change: dict[str, str]) -> None:
    cabinet = small_cabinet()
    first, *others = getattr(cabinet, kind)
    odd = attrs.evolve(cabinet, **{kind: (attrs.evolve(first, **change), *others)})
    with pytest.raises(NotEmulated, match=f"{first.id}.*{next(iter(change.values()))}"):
        Plant(odd)


def test_modules_have_the_ratings_of_their_profile() -> None:
    rating = Bench().plant.nodes["module-1"].module.rating

    assert (rating.max_voltage_v, rating.max_power_w, rating.comm_timeout_s) == (1000, 30_000, 10)
