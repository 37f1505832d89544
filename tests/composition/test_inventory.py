"""The charger's modules: replaced ones are told until they are accepted, and a wire is searched while all goes on."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any

import attrs
import pytest
import trio
from trio.testing import MockClock

from jp_firmware.composition.calls import all_calls
from jp_firmware.composition.inventory import MISPLACED, REPLACED, ModuleInventory
from jp_firmware.console.calls import CallRefused
from jp_firmware.console.protocol import plain
from jp_firmware.faults import catalogue
from jp_firmware.hw.can.frame import Frame
from jp_firmware.model.faults import Severity
from jp_firmware.model.ids import ConnectorId, ModuleId
from jp_firmware.nursery.supervisor import Child, Supervisor
from jp_firmware.sim.modules.infypower import InfyPowerNode
from tests.hw.modules.emulated import EmulatedBench
from tests.whole.charger import ONE, World
from tests.whole.journal import Disk, MemoryJournal

FIRST, OTHER = "V2026000000011001", "V2026000000771077"


@attrs.define(eq=False)
class Charger:
    """As much of a controller as the inventory knows: three modules on a wire, faults, a journal on a disk."""

    disk: Disk = attrs.field(factory=Disk)
    bench: EmulatedBench = attrs.field(
        factory=lambda: EmulatedBench(driver="infypower", profile_name="infypower-reg1k0100g", addresses=(0, 1, 2))
    )
    inventory: ModuleInventory = attrs.field(init=False)
    journal: MemoryJournal = attrs.field(init=False)
    plant: Any = attrs.field(init=False)
    notes: list[str] = attrs.field(factory=list)
    charger: None = None

    def __attrs_post_init__(self) -> None:
        self.journal = MemoryJournal(self.disk)
        self.plant = SimpleNamespace(
            modules={task.id: task for task in self.bench.tasks}, buses={"can0": self.bench.can}, switching=None
        )
        self.inventory = ModuleInventory(self)  # type: ignore[arg-type]

    @property
    def faults(self) -> Any:
        return self.bench.faults

    @property
    def modules(self) -> Any:
        return self.inventory.snapshot()["modules"]

    @property
    def wire(self) -> Any:
        return self.inventory.snapshot()["wires"]["can0"]

    def note(self, kind: str, source: str, text: str) -> None:
        self.notes.append(text)

    def node(self, number: int) -> InfyPowerNode:
        found = self.bench.nodes[number]
        assert isinstance(found, InfyPowerNode)
        return found

    async def call(self, method: str, **params: object) -> Any:
        return await all_calls(self)[method](params)  # type: ignore[arg-type]

    async def until(self, condition: Callable[[], object]) -> None:
        await self.bench.until(condition, 10)


@asynccontextmanager
async def up(charger: Charger) -> AsyncIterator[Charger]:
    """A life of it: its modules have said who they are, and the journal was read."""
    async with trio.open_nursery() as nursery:
        journal = Supervisor(name="disk", children=[Child(name="journal", run=charger.journal.run)])
        nursery.start_soon(journal.run)
        await charger.bench.start(nursery)
        await charger.inventory.recall()
        await charger.until(lambda: all(one["serial"] for one in charger.modules.values()))
        await trio.sleep(0.5)
        yield charger
        nursery.cancel_scope.cancel()


@pytest.fixture
async def charger(autojump_clock: MockClock) -> AsyncIterator[Charger]:
    async with up(Charger()) as made:
        yield made


async def away_for_a_moment(charger: Charger, number: int, specimen: int | None) -> None:
    """So that its task starts anew, and asks who it is."""
    task, node = charger.bench.tasks[number], charger.node(number)
    node.specimen = specimen
    task._heard.forget(0.0)
    task._asked._identity_tries = 0
    await charger.until(lambda: task.identity is not None)
    await trio.sleep(0.5)


# --- what is told -----------------------------------------------------------------------------------------------------


async def test_modules_as_configured_are_told_with_all_that_they_say(
    autojump_clock: MockClock, charger: Charger
) -> None:
    told = charger.modules

    assert ["module-0", "module-1", "module-2"] == list(told)
    assert plain(told) == told
    assert {
        "wire": "can0",
        "address": 1,
        "driver": "infypower",
        "profile": "InfyPower REG1K0100G",
        "connector": 1,
        "state": "off",
        "on": False,
        "voltage_v": 0.0,
        "current_a": 0.0,
        "serial": FIRST,
        "firmware": None,
        "accepted_serial": FIRST,
        "rating": {"max_voltage_v": 1000, "min_voltage_v": 150, "max_current_a": 100, "max_power_w": 30_000},
        "finding": "as configured",
        "as_configured": True,
        "detail": "",
    } == told["module-1"]
    assert {} == charger.faults.standing


async def test_a_silent_module_is_missing_and_tells_nothing(autojump_clock: MockClock, charger: Charger) -> None:
    charger.node(1).misbehaviour.silent = True
    await charger.until(lambda: charger.modules["module-1"]["state"] == "silent")
    told = charger.modules["module-1"]

    assert (None, None, None) == (told["on"], told["voltage_v"], told["current_a"])
    assert ("missing", "no answer at address 1", False) == (told["finding"], told["detail"], told["as_configured"])


# --- replaced modules -------------------------------------------------------------------------------------------------


async def test_a_replaced_module_is_told_until_it_is_accepted_and_over_restarts(autojump_clock: MockClock) -> None:
    disk = Disk()
    async with up(Charger(disk)) as charger:
        assert {} == charger.faults.standing
    charger = Charger(disk)
    charger.node(1).specimen = 77
    async with up(charger):
        told = charger.modules["module-1"]
        assert {(REPLACED, "module-1"): f"serial number {OTHER}, was {FIRST}"} == charger.faults.standing
        assert ("replaced", OTHER, FIRST) == (told["finding"], told["serial"], told["accepted_serial"])

        accepted = await charger.call("modules.accept", module="module-1")
        assert {"result": "accepted", "detail": f"serial number {OTHER}, was {FIRST}"} == accepted
        assert [f"accept module-1: serial number {OTHER}, was {FIRST}"] == charger.notes
        assert {} == charger.faults.standing
        assert "as configured" == charger.modules["module-1"]["finding"]
    charger = Charger(disk)
    charger.node(1).specimen = 77
    async with up(charger):
        assert {} == charger.faults.standing, "accepted once is accepted"
    async with up(Charger(disk)) as charger:
        assert [(REPLACED, "module-1")] == list(charger.faults.standing), "the old one is another one now"


async def test_a_module_that_is_replaced_while_the_charger_runs_is_told_and_the_old_one_back_is_not(
    autojump_clock: MockClock, charger: Charger
) -> None:
    await away_for_a_moment(charger, 1, 77)
    assert [(REPLACED, "module-1")] == list(charger.faults.standing)
    assert charger.bench.tasks[1].usable, "it goes on being used"
    await away_for_a_moment(charger, 1, None)

    assert {} == charger.faults.standing
    assert 1 == len(charger.faults.raised)


async def test_modules_that_changed_places_are_told_whose_they_are(autojump_clock: MockClock) -> None:
    disk = Disk()
    async with up(Charger(disk)):
        pass
    charger = Charger(disk)
    charger.node(0).specimen, charger.node(1).specimen = 1, 0
    async with up(charger):
        assert {
            (REPLACED, "module-0"): f"serial number {FIRST}, was V2026000000001000; that is module-1's",
            (REPLACED, "module-1"): f"serial number V2026000000001000, was {FIRST}; that is module-0's",
        } == charger.faults.standing


async def test_modules_of_two_connectors_that_changed_places_stop_both_until_they_are_back_or_accepted(
    autojump_clock: MockClock,
) -> None:
    """Addresses were given out anew at power-up: what one car asks for would flow into another."""
    disk = Disk()
    async with up(Charger(disk)):
        pass
    charger = Charger(disk)
    task = charger.bench.tasks[1]
    task.config = attrs.evolve(task.config, connector=ConnectorId(2))
    charger.node(0).specimen, charger.node(1).specimen = 1, 0
    async with up(charger):
        misplaced = {source: detail for (code, source), detail in charger.faults.standing.items() if code == MISPLACED}
        assert {
            "module-0": f"at its address answers {FIRST}, module-1",
            "module-1": "at its address answers V2026000000001000, module-0",
        } == misplaced
        assert catalogue.load()[MISPLACED].severity is Severity.STOP

        assert (await charger.call("modules.accept", module="module-0"))["result"] == "accepted"
        assert (await charger.call("modules.accept", module="module-1"))["result"] == "accepted"
        await trio.sleep(1)
        assert {} == charger.faults.standing


async def test_modules_without_a_number_of_their_own_are_in_nobodys_place(autojump_clock: MockClock) -> None:
    """An empty memory says the same of all of them."""
    charger = Charger()
    charger.node(0).specimen = charger.node(1).specimen = 77
    task = charger.bench.tasks[1]
    task.config = attrs.evolve(task.config, connector=ConnectorId(2))
    async with up(charger):
        assert charger.modules["module-0"]["serial"] != ""

    assert not any(MISPLACED in str(one) for one in charger.faults.raised)


async def test_a_new_module_with_the_number_of_a_whole_series_is_in_nobodys_place(autojump_clock: MockClock) -> None:
    """The others of the series still answer with it where they were accepted: it tells nobody apart."""
    disk = Disk()
    first = Charger(disk)
    first.node(1).specimen = first.node(2).specimen = 77
    async with up(first):
        pass
    charger = Charger(disk)
    task = charger.bench.tasks[0]
    task.config = attrs.evolve(task.config, connector=ConnectorId(2))
    for node in range(3):
        charger.node(node).specimen = 77
    async with up(charger):
        assert {(REPLACED, "module-0")} == set(charger.faults.standing)


async def test_modules_that_were_known_by_other_names_are_told_apart_all_the_same(autojump_clock: MockClock) -> None:
    disk = Disk()
    former = Charger(disk)
    former.plant.modules = {}
    for task in former.bench.tasks:
        task.config = attrs.evolve(task.config, id=ModuleId(f"a-former-{task.id}"))
        former.plant.modules[task.id] = task
    async with up(former):
        pass
    async with up(Charger(disk)):
        pass
    charger = Charger(disk)
    task = charger.bench.tasks[1]
    task.config = attrs.evolve(task.config, connector=ConnectorId(2))
    charger.node(0).specimen, charger.node(1).specimen = 1, 0
    async with up(charger):
        misplaced = {source for code, source in charger.faults.standing if code == MISPLACED}
        assert {"module-0", "module-1"} == misplaced


@pytest.mark.parametrize(
    ("segments", "misplaced"),
    [((), set()), ((("module-0", "module-1"),), set()), ((("module-0",), ("module-1",)), {"module-0", "module-1"})],
)
async def test_modules_that_changed_places_behind_the_same_contactors_stop_nobody(
    autojump_clock: MockClock, segments: tuple[tuple[str, ...], ...], misplaced: set[str]
) -> None:
    """Also where other modules of the charger are switched."""
    disk = Disk()
    async with up(Charger(disk)):
        pass
    charger = Charger(disk)
    places = {module: SimpleNamespace(modules=group) for group in segments for module in group}
    charger.plant.switching = SimpleNamespace(modules=charger.plant.modules, yard=SimpleNamespace(places=places))
    charger.node(0).specimen, charger.node(1).specimen = 1, 0
    async with up(charger):
        assert misplaced == {source for code, source in charger.faults.standing if code == MISPLACED}
        assert {(REPLACED, "module-0"), (REPLACED, "module-1")} <= set(charger.faults.standing)


async def test_a_wire_with_a_module_that_is_left_alone_is_not_searched(
    autojump_clock: MockClock, charger: Charger
) -> None:
    task = charger.bench.tasks[0]
    task._left_alone.begin("reports that it is on", trio.current_time())

    with pytest.raises(CallRefused, match=r"module-0 does not switch off, and is left alone: search again in 11 s"):
        await charger.call("modules.identify", wire="can0")


def test_the_fault_is_one_that_ends_no_session() -> None:
    assert catalogue.load()[REPLACED].severity is Severity.DEGRADE


@pytest.mark.parametrize(
    ("module", "why"),
    [("module-1", "has not been replaced"), ("module-9", "there is no module 'module-9'; see jp modules")],
)
async def test_what_cannot_be_accepted_is_refused_with_the_reason(
    autojump_clock: MockClock, charger: Charger, module: str, why: str
) -> None:
    with pytest.raises(CallRefused, match=why):
        await charger.call("modules.accept", module=module)


async def test_before_anything_is_known_nothing_is_judged_or_accepted(autojump_clock: MockClock) -> None:
    charger = Charger()
    with pytest.raises(CallRefused, match="it is not known yet which modules were accepted"):
        await charger.call("modules.accept", module="module-1")
    async with trio.open_nursery() as nursery:
        lifeline = Supervisor(name="disk", children=[Child(name="journal", run=charger.journal.run)])
        nursery.start_soon(lifeline.run)
        await charger.inventory.recall()
        nursery.cancel_scope.cancel()
    with pytest.raises(CallRefused, match="has told no serial number"):
        await charger.call("modules.accept", module="module-1")


# --- searching --------------------------------------------------------------------------------------------------------


async def test_a_wire_is_searched_and_found_as_configured_and_the_topic_tells_how_far_it_is(
    autojump_clock: MockClock, charger: Charger
) -> None:
    seen: list[Any] = []

    async def watch() -> None:
        while True:
            await trio.sleep(0.1)
            seen.append(charger.wire)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(watch)
        result = await charger.call("modules.identify", wire="can0")
        nursery.cancel_scope.cancel()

    assert json.loads(json.dumps(result)) == result
    assert [("InfyPower V1.13", n, f"module-{n}", f"V20260000000{n}100{n}") for n in range(3)] == [
        (one["family"], one["address"], one["module"], one["serial"]) for one in result["found"]
    ]
    assert [] == result["missing"]
    assert ["identify can0: 3 found, 0 missing"] == charger.notes
    progress = [one["progress"] for one in seen]
    assert progress[0] < 0.2 < 0.8 < progress[-1]
    assert {"listening", "asking UUGreenPower 36.2"} <= {one["doing"] for one in seen}
    assert 3 == seen[-1]["found_so_far"]
    assert {
        "searching": False,
        "doing": None,
        "progress": None,
        "found_so_far": None,
        "searched_at": result["at"],
        "unexpected": [],
    } == charger.wire
    assert {} == charger.faults.standing


async def test_what_is_missing_unexpected_or_of_another_family_is_told(
    autojump_clock: MockClock, charger: Charger
) -> None:
    """A Maxwell stands where module-1 should, and module-2 has another address than the configured one."""
    charger.node(1).misbehaviour.silent = True
    charger.node(2).address = 9
    await charger.until(lambda: not any(charger.modules[name]["voltage_v"] == 0 for name in ("module-1", "module-2")))
    maxwell = Frame.from_text("060F8008#42F0004000400000")
    charger.bench.memory.devices.append(lambda frame: [maxwell] if frame.can_id == 0x0607FF80 else [])
    result = await charger.call("modules.identify", wire="can0")

    assert [("infypower", 0, "module-0"), ("infypower", 9, None), ("maxwell", 1, None)] == [
        (one["driver"], one["address"], one["module"]) for one in result["found"]
    ]
    assert ["module-1", "module-2"] == result["missing"]
    assert ["as configured", "other family", "missing"] == [one["finding"] for one in charger.modules.values()]
    assert "Maxwell V1.50 answers at its address 1" == charger.modules["module-1"]["detail"]
    assert [("infypower", 9)] == [(one["driver"], one["address"]) for one in charger.wire["unexpected"]]


@pytest.mark.parametrize("wire", ["can7", "rs485-0"])
async def test_a_wire_that_is_no_can_wire_is_refused(autojump_clock: MockClock, charger: Charger, wire: str) -> None:
    with pytest.raises(CallRefused, match=f"there is no CAN wire '{wire}'; there are: can0"):
        await charger.call("modules.identify", wire=wire)


async def test_a_wire_that_is_down_is_told_and_can_be_searched_again(autojump_clock: MockClock) -> None:
    charger = Charger()
    for _ in range(2):
        with pytest.raises(CallRefused, match="can0: the bus is down"):
            await charger.call("modules.identify", wire="can0")


async def test_one_search_of_a_wire_at_a_time_and_one_that_is_given_up_leaves_nothing_behind(
    autojump_clock: MockClock, charger: Charger
) -> None:
    subscribers = len(charger.bench.can._subscribers)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(lambda: charger.call("modules.identify", wire="can0"))
        await trio.sleep(0.5)
        with pytest.raises(CallRefused, match="being searched already"):
            await charger.call("modules.identify", wire="can0")
        nursery.cancel_scope.cancel()

    assert subscribers == len(charger.bench.can._subscribers)
    assert not charger.wire["searching"]
    assert 3 == len((await charger.call("modules.identify", wire="can0"))["found"])


async def test_in_the_whole_charger_a_session_goes_on_while_its_wire_is_searched(autojump_clock: MockClock) -> None:
    world = World()
    process = world.boot()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(world.run)
        scope, ended = trio.CancelScope(), trio.Event()

        async def live() -> None:
            with scope:
                await process.run()
            ended.set()

        nursery.start_soon(live)
        await world.until(lambda: process.controller.charger.runners[ONE].machine.state.value == "available")
        world.plug(ONE)
        await world.until(lambda: process.start(ONE)[0])
        await world.until(lambda: world.plant.buses[ONE].current_a > 20, 60)
        lowest: list[float] = []
        world.watchers.append(lambda: lowest.append(world.plant.buses[ONE].current_a))
        result = await all_calls(process.controller)["modules.identify"]({"wire": "can0"})

        in_session = process.session(ONE) is not None

        assert ["module-1", "module-2", "module-3"] == [one["module"] for one in result["found"]]
        assert in_session
        assert min(lowest) > 15
        assert [] == process.faults()
        serials = process.controller.inventory.snapshot()["modules"]
        assert all(one["serial"] == one["accepted_serial"] for one in serials.values()), "the journal was read"
        scope.cancel()
        await ended.wait()
        nursery.cancel_scope.cancel()
