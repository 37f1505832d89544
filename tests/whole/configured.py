"""A whole charger in memory that was started from a file, so that its configuration can be changed while it runs.

The real tree with `config`, `backend` and `consoles`; the central system never answers, and no console has a socket.
A wire is found at the port that the file began with, and nowhere else. What takes a worker thread on a real charger
is done at once here: under a mock clock nothing may wait for a thread.
"""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from pathlib import Path
from typing import Any, NoReturn, TypeVar
from unittest import mock

import attrs
import trio

from jp_firmware import controller as composition
from jp_firmware.composition.configuration.change import Resumed
from jp_firmware.config.kept.commit import Disk
from jp_firmware.config.kept.config_store import ConfigStore
from jp_firmware.config.schema import Cabinet, Wire
from jp_firmware.config.store import of_text
from jp_firmware.console.server import ConsoleServer
from jp_firmware.controller import Controller
from jp_firmware.hw.can.link import CanLink
from jp_firmware.hw.modbus.link import ByteStream
from jp_firmware.hw.modbus.master import ModbusMaster
from jp_firmware.hw.serial import WireError
from jp_firmware.model.connector import ConnectorState
from jp_firmware.model.ids import ConnectorId
from jp_firmware.nursery import walk
from jp_firmware.nursery.child import Lifeline
from jp_firmware.nursery.history import STARTED
from jp_firmware.nursery.supervisor import Supervisor
from jp_firmware.ocpp.failure import Kind, LinkFailure
from jp_firmware.ocpp.v16.client import Backend16
from tests.whole.charger import BOTH, ONE, OTHER_TAG, TAG, TWO, Process, World
from tests.whole.wires import ModbusWire

Json = dict[str, Any]
T = TypeVar("T")

TEXT = """\
# Everything there is to configure, but for what moves modules.

[charger]
identity = "JP-WHOLE"
serial = "0001"

[site]
limit_w = 200_000 # of the contract

[board]
profile = "pro"

[brand]
name = "Whole"
support_phone = "0800 1"
primary_colour = "#102030"
accent_colour = "#405060"

[backend]
url = "ws://127.0.0.1:9/ocpp"

[authorize]
local_list = [
    { uid = "04A1B2C3D4E5F6", name = "Service card" },
    { uid = "04A1B2C3D4E5F7" },
]

[process]
guard_deadline_s = 1.0

[[wires]]
name = "can0"
kind = "slcan"
port = "can0"

[[wires]]
name = "can1" # with nothing on it
kind = "slcan"
port = "can1"

[[wires]]
name = "rs485-0"
kind = "modbus-rtu"
port = "rs485-0"

[[wires]]
name = "rs485-1" # with nothing on it
kind = "modbus-rtu"
port = "rs485-1"

[[wires]]
name = "plc-1-wire"
kind = "modbus-rtu"
port = "plc-1"
baud = 115_200

[[wires]]
name = "plc-2-wire"
kind = "modbus-tcp"
host = "127.0.0.1"
port = "1502"

[[modules]]
id = "module-1"
wire = "can0"
address = 0
connector = 1

[[modules]]
id = "module-2"
wire = "can0"
address = 1
connector = 1

[[modules]]
id = "module-3"
wire = "can0"
address = 2
connector = 2

[[meters]]
id = "meter-1"
wire = "rs485-0"
unit = 1
connector = 1

[[meters]]
id = "meter-2"
wire = "rs485-0"
unit = 2
connector = 2

[site_meter]
wire = "rs485-0"
unit = 10

[[plc_boards]]
id = "plc-1"
wire = "plc-1-wire"
connectors = [1]

[[plc_boards]]
id = "plc-2"
wire = "plc-2-wire"
connectors = [2]

[[readers]]
id = "reader-0"
port = "reader-0"
connectors = [1]

[[connectors]]
id = 1
cable_max_current_a = 180

[[connectors]]
id = 2

[[chains]]
name = "A"
connectors = [1]
cap_w = 150_000
share_w = 100_000

[[feeders]]
name = "NORTH"
connectors = [1]
limit_w = 150_000

[[watchdogs]]
path = "planner"
period_s = 3.0
grace_s = 20.0
at_expiry = "restart"

[[watchdogs]]
path = "wires/can1/link"
period_s = 3600.0
"""

MODULE_4 = """
[[modules]]
id = "module-4"
wire = "can0"
address = 3
connector = {connector}
"""

RELAYS = f"""\
{TEXT}{MODULE_4.format(connector=2)}
[[bridges]]
name = "bridge"
board = "plc-1"
relay = 16

[[switches]]
module = "module-2"
connector = 1
board = "plc-1"
relay = 3

[[switches]]
module = "module-2"
connector = 2
board = "plc-1"
relay = 4

[[switches]]
module = "module-4"
connector = 2
board = "plc-2"
relay = 3

[[switches]]
module = "module-4"
connector = 1
board = "plc-2"
relay = 4
bridge = "bridge"
"""

RING = f"""\
{TEXT}{MODULE_4.format(connector=1)}
[[bus_bars]]
name = "ring"

[[bus_bars.segments]]
modules = ["module-1"]
connector = 1
tie = {{ board = "plc-1", relay = 3 }}

[[bus_bars.segments]]
modules = ["module-2", "module-4"]
tie = {{ board = "plc-1", relay = 4 }}

[[bus_bars.segments]]
modules = ["module-3"]
connector = 2
"""


@attrs.define(eq=False, repr=False)
class ConfiguredProcess(Process):
    """One life of a charger that `store` configures."""

    store: ConfigStore = attrs.field(kw_only=True)
    resumed: Resumed | None = attrs.field(default=None, kw_only=True)

    def _new_controller(self) -> Controller:
        nowhere = Path("/nowhere")
        cabinet = of_text(self.store.text, self.store.path_in_force, (), self.store.secrets)
        with (
            mock.patch(
                "jp_firmware.composition.central_system.Backend16", partial(Backend16, open_link=_nobody_answers)
            ),
            mock.patch.object(composition, "ConsoleServer", _NoSocket),
        ):
            return Controller(cabinet, nowhere, nowhere, nowhere / "socket", store=self.store, resumed=self.resumed)

    def _tree(self) -> Supervisor:
        return self.controller.tree

    async def run(self) -> None:
        """Runs the charger until cancelled, or until it wants another life."""
        await self.controller.run()

    async def call(self, method: str, **params: Any) -> Any:
        """What a console calls. Raises CallRefused."""
        return await self.controller.console._calls[method](params)

    def ask(self, topic: str) -> Any:
        """What a console is told of a topic now."""
        return self.controller._topics()[topic]()

    async def apply(self, *edits: Json, **terms: Any) -> Json:
        """One change of the version in force."""
        answer = await self.call("config.apply", edits=list(edits), base=self.store.current.number, **terms)
        assert isinstance(answer, dict)
        return answer

    def started(self) -> dict[str, float]:
        """When each part without children was started last, by its path without the root."""
        return {
            path: max((moment.at_s for moment in one.history if moment.what == STARTED), default=-math.inf)
            for path, one in self.parts().items()
        }

    def parts(self) -> dict[str, Lifeline]:
        return {path: one for path, _, one in walk.parts(self.tree) if one.child.subtree is None}


@attrs.define(eq=False, repr=False)
class Site:
    """A cabinet, its file and its disk; and the charger that runs in it now."""

    directory: Path
    world: World
    process: ConfiguredProcess

    @classmethod
    def of(cls, directory: Path, text: str = TEXT) -> Site:
        path = directory / "cabinet.toml"
        path.write_text(text)
        world = World(cabinet=of_text(text, path))
        return cls(directory, world, ConfiguredProcess(world, store=open_store(directory)))

    @property
    def file(self) -> bytes:
        return (self.directory / "cabinet.toml").read_bytes()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """The charger runs in the body, and is stopped after it; another life of its own is the body's to begin."""
        with _no_threads(), _wires_of(self):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self.world.run)
                nursery.start_soon(self.process.run)
                yield
                nursery.cancel_scope.cancel(reason="the test is over")

    async def next_life(self, nursery: trio.Nursery) -> Controller:
        """What the process does when the charger wants another life: one built from what the disk says."""
        former = self.process.controller
        await self.world.until(lambda: not self.process.tree._running, 60.0)
        assert former.restart_wanted
        self.process.life.sever()
        self.process = ConfiguredProcess(self.world, store=open_store(self.directory), resumed=former.resumes)
        controller = self.process.controller
        for name, bus in controller.plant.buses.items():
            bus.configure(controller.cabinet.wire(name), self.directory)
        for name, master in controller.plant.masters.items():
            master.configure(controller.cabinet.wire(name), self.directory)
        nursery.start_soon(self.process.run)
        return controller

    async def two_sessions(self) -> None:
        """Both connectors charge, and what they share has settled."""
        for connector, uid in ((ONE, TAG), (TWO, OTHER_TAG)):
            await self.session(connector, uid)
        await self.world.until(lambda: all(self.flows(one) for one in BOTH))
        await trio.sleep(3.0)

    async def session(self, connector: ConnectorId, uid: str = TAG) -> None:
        """One connector charges, whatever it did before."""
        process, world = self.process, self.world
        if process.session(connector) is not None:
            return
        if world.plant.outlets[connector].car is not None:
            world.verbs.unplug(connector)
        await world.until(lambda: process.state(connector) is ConnectorState.AVAILABLE)
        world.plug(connector)
        await world.until(lambda: process.state(connector) is ConnectorState.PREPARING)
        assert process.start(connector, uid) == (True, "")
        await world.until(lambda: process.state(connector) is ConnectorState.CHARGING)

    def is_settled(self) -> bool:
        """Whether every part is at work, or done."""
        return all(one.state.is_settled for one in self.process.parts().values())

    def flows(self, connector: ConnectorId) -> bool:
        """Whether power flows, and all that it should."""
        return self.world.plant.buses[connector].current_a > 20.0


def open_store(directory: Path) -> ConfigStore:
    return ConfigStore.open(directory / "cabinet.toml", directory / "state", disk=_Memory())


class _Memory(Disk):
    """A disk that is never waited for."""

    def sync(self, directory: Path) -> None:
        pass


class _NoSocket(ConsoleServer):
    async def run(self, lifeline: Lifeline) -> None:
        lifeline.ready()
        while True:
            await trio.sleep(1.0)
            lifeline.feed()


class _nobody_answers:
    """Each attempt to reach the central system fails soon."""

    def __init__(self, *_: object, **__: object) -> None: ...

    async def __aenter__(self) -> NoReturn:
        await trio.sleep(0.1)
        raise LinkFailure(Kind.REFUSED, "refused")

    async def __aexit__(self, *_: object) -> None: ...


async def _at_once(do: Callable[[], T]) -> T:
    await trio.lowlevel.checkpoint()
    return do()


class _SilentPort:
    """A reader's tty at which nobody holds a card."""

    async def receive_some(self, max_bytes: int = 4096) -> bytes:
        await trio.sleep_forever()
        raise AssertionError("for ever is over")

    async def aclose(self) -> None:
        await trio.lowlevel.checkpoint()


@contextmanager
def _no_threads() -> Iterator[None]:
    # What was found keeps nothing from being tried: another driver than the one of the modules that answer, say.
    unseen = mock.patch("jp_firmware.composition.configuration.proposing.new_mistakes", return_value=[])
    with mock.patch("jp_firmware.composition.configuration.threads.in_thread", _at_once), unseen:
        yield


@contextmanager
def _wires_of(site: Site) -> Iterator[None]:
    """A bus that is configured anew is opened at its new place, where it may not be."""
    began: Cabinet = site.world.cabinet

    def is_there(wire: Wire) -> bool:
        return (wire.host, wire.port) in [(one.host, one.port) for one in began.wires if one.name == wire.name]

    def opener(wire: Wire, _: Path) -> Callable[[], Awaitable[CanLink]]:
        async def open_link() -> CanLink:
            if not is_there(wire):
                raise WireError(f"{wire.port}: no such port")
            link: CanLink = await site.world.wires[wire.name].open(site.process.life)  # type: ignore[assignment]
            return link

        return open_link

    def master_for(wire: Wire, _: Path) -> ModbusMaster:
        line = site.world.wires[wire.name]
        assert isinstance(line, ModbusWire)

        async def connect() -> ByteStream:
            if not is_there(wire):
                raise FileNotFoundError(2, "No such file or directory")
            return await line.open(site.process.life)

        return ModbusMaster(name=wire.name, where=wire.port, connect=connect, new_line=line.new_line)

    async def reader_port(path: Path, *, baud: int) -> _SilentPort:
        await trio.lowlevel.checkpoint()
        if path.name not in [one.port for one in began.readers]:
            raise WireError(f"{path}: no such port")
        return _SilentPort()

    with (
        mock.patch("jp_firmware.hw.can.bus._opener", opener),
        mock.patch("jp_firmware.hw.modbus.master.master_for", master_for),
        mock.patch("jp_firmware.hw.rfid.reader.SerialPort.open", reader_port),
    ):
        yield
