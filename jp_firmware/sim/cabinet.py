"""The emulated cabinet as a process: everything a configuration describes, on real ttys and ports, with a control port.

It runs on asyncio, alone in the house: the Modbus units are pymodbus's own servers, which run there, so that our
master faces code that is not ours. Nothing of the charger imports it; it meets the charger on the wire only.
Time is real. The physics is one step every 10 ms, whatever clients and wires do.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import signal
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

from jp_firmware.config.schema import Cabinet
from jp_firmware.config.schema import Wire as WireConfig
from jp_firmware.sim.can_wire import SlcanWire, SocketCanWire
from jp_firmware.sim.control_server import ControlServer
from jp_firmware.sim.modbus_units import Unit, board_unit, meter_unit, site_meter_unit
from jp_firmware.sim.modbus_wire import RtuWire, TcpWire
from jp_firmware.sim.options import Options
from jp_firmware.sim.plant import NotEmulated, Plant
from jp_firmware.sim.reader_wire import ReaderWire
from jp_firmware.sim.verbs import Verbs, Wire

log = logging.getLogger(__name__)


class CabinetError(Exception):
    """The cabinet cannot be emulated here: what, where and what to do, in one line."""


class _RunningWire(Wire, Protocol):
    async def start(self) -> None: ...
    async def stop(self) -> None: ...


def run(
    cabinet: Cabinet,
    device_dir: Path,
    control: Path,
    options: Options | None = None,
    ready: Callable[[], None] = lambda: None,
) -> None:
    """Emulates `cabinet` until SIGTERM or SIGINT, then removes its ttys and sockets and returns.

    Ttys appear below `device_dir` under the names the configuration gives them; verbs are taken on the Unix socket
    `control`. `ready` is called once when all of it stands. Raises CabinetError if it cannot stand, and ConfigError
    for a profile that is not there.
    """
    logging.getLogger("pymodbus.logging").setLevel(logging.CRITICAL)  # else chatty about what we break on purpose
    asyncio.run(_run(cabinet, device_dir, control, options or Options(), ready))


async def _run(cabinet: Cabinet, device_dir: Path, control: Path, options: Options, ready: Callable[[], None]) -> None:
    loop = asyncio.get_running_loop()
    over = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, over.set)
    try:
        plant = Plant(cabinet, options)
    except NotEmulated as error:
        raise CabinetError(str(error)) from error
    wires = _wires(plant, device_dir)
    server = ControlServer(control, Verbs(plant, wires))
    async with contextlib.AsyncExitStack() as stack:
        try:
            # First of all: a second cabinet in the same place must not disturb the first one's ttys.
            stack.push_async_callback(server.stop)
            await server.start()
        except OSError as error:
            raise CabinetError(f"control socket {control}: {_why(error)}; choose another with --control") from error
        for name, wire in wires.items():
            try:
                stack.push_async_callback(wire.stop)
                await wire.start()
            except OSError as error:
                raise CabinetError(f"wire {name}: {_why(error)}; {_remedy(cabinet, name, device_dir)}") from error
        speakers = [wire for wire in wires.values() if isinstance(wire, SlcanWire | SocketCanWire)]
        physics = asyncio.create_task(_physics(plant, speakers, options.step_s))
        stack.push_async_callback(_ended, physics)
        gc.collect()
        gc.freeze()
        ready()
        waiting = asyncio.create_task(over.wait())
        await asyncio.wait((waiting, physics), return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        if physics.done():
            physics.result()  # it never ends by itself: this raises what went wrong


async def _physics(plant: Plant, speakers: Sequence[SlcanWire | SocketCanWire], step_s: float) -> None:
    """Steps the plant on a fixed grid of real time; a late step is a longer one."""
    last_s = time.monotonic()
    plant.power_up(last_s)
    next_s = last_s
    while True:
        next_s = max(next_s + step_s, time.monotonic())
        await asyncio.sleep(next_s - time.monotonic())
        now_s = time.monotonic()
        plant.step(now_s, now_s - last_s)
        for wire in speakers:
            wire.speak(now_s)
        last_s = now_s


async def _ended(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.wait((task,))


def _wires(plant: Plant, device_dir: Path) -> dict[str, _RunningWire]:
    wires: dict[str, _RunningWire] = {one.name: _wire(one, plant, device_dir) for one in plant.cabinet.wires}
    for reader in plant.cabinet.readers:
        wires[reader.id] = ReaderWire(reader, device_dir, plant.readers[reader.id])
    return wires


def _wire(wire: WireConfig, plant: Plant, device_dir: Path) -> _RunningWire:
    if wire.kind == "slcan":
        return SlcanWire(wire, device_dir, plant.module_bus(wire.name))
    if wire.kind == "socketcan":
        return SocketCanWire(wire, plant.module_bus(wire.name))
    units = _units(wire, plant)
    if wire.kind == "modbus-rtu":
        return RtuWire(wire=wire, device_dir=device_dir, units=units, wire_time=plant.options.wire_time)
    return TcpWire(wire=wire, units=units)


def _units(wire: WireConfig, plant: Plant) -> list[Unit]:
    cabinet = plant.cabinet
    meters = [meter_unit(plant.meters[one.id], one.unit) for one in cabinet.meters if one.wire == wire.name]
    boards = [
        board_unit(plant.boards[one.id], one.unit, plant.marks) for one in cabinet.plc_boards if one.wire == wire.name
    ]
    site = cabinet.site_meter
    if site and plant.site_meter and site.wire == wire.name:
        meters.append(site_meter_unit(plant.site_meter, site.unit))
    return meters + boards


def _why(error: OSError) -> str:
    return error.strerror or str(error)


def _remedy(cabinet: Cabinet, name: str, device_dir: Path) -> str:
    wire = next((one for one in cabinet.wires if one.name == name), None)
    if wire is not None and wire.kind == "modbus-tcp":
        return f"end whoever has TCP port {wire.port}, or give the wire another in the configuration"
    if wire is not None and wire.kind == "socketcan":
        return f"bring the interface {wire.port} up, or use an slcan wire"
    return f"make {device_dir} writable, or choose another directory with --device-dir"
