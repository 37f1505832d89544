"""Claims about identifying modules: it finds what is there, disturbs nothing, and can switch nothing on."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator

import attrs
import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st
from trio.testing import MockClock

from jp_firmware.config import profiles
from jp_firmware.config.schema import ConfigError
from jp_firmware.hw.can.bus import MAX_LOAD, CanBus
from jp_firmware.hw.can.frame import Frame
from jp_firmware.hw.modules import identify as identifying
from jp_firmware.hw.modules.driver import ModuleCodec, load_profile
from jp_firmware.hw.modules.identify import PLAIN, Configured, Found, Search, identify, installed_drivers
from jp_firmware.hw.modules.recognition import FAMILIES
from jp_firmware.hw.serial import WireDown
from jp_firmware.sim.bus import Bus
from jp_firmware.sim.marks import Marks
from jp_firmware.sim.module import Module
from jp_firmware.sim.modules.families import EMULATED
from jp_firmware.sim.modules.node import ModuleBus, ModuleNode
from jp_firmware.sim.plant import rating_of
from tests.hw.can.memory import FaultList, MemoryBus
from tests.hw.can.test_frame import frames
from tests.hw.lifelines import Lifelines
from tests.hw.modules.emulated import EmulatedBench

DRIVERS = installed_drivers()
TITLES = {family.driver: family.title for family in FAMILIES if family.driver and not family.profile}
FOUND_BY_FRAMES = sorted(set(EMULATED) & set(TITLES))


def profile_for(driver: str) -> str:
    """A shipped profile of the family."""
    if driver == "dbc":
        return "increase-v1"
    others = [one for one in TITLES if one.startswith(f"{driver}-")]
    names = [one for one in profiles.names_of("modules") if one.startswith(driver)]
    return next(one for one in names if not any(one.startswith(other) for other in others))


def node_of(driver: str, address: int, now_s: float = 0.0) -> ModuleNode:
    module = Module(id=f"{driver}-{address}", rating=rating_of(profile_for(driver)))
    node = EMULATED[driver](
        module=module,
        bus=Bus([module]),
        address=address,
        marks=Marks(clock=lambda: now_s),
        profile=profile_for(driver),
    )
    module.power_up(now_s - 10.0)
    return node


def configured(bench: EmulatedBench) -> list[Configured]:
    return [Configured(one.config.driver, one.config.address, one.profile) for one in bench.tasks]


@attrs.define(eq=False)
class Wire:
    """A CAN bus in memory with modules that nobody drives."""

    nodes: list[ModuleNode]
    memory: MemoryBus = attrs.field(factory=MemoryBus)
    faults: FaultList = attrs.field(factory=FaultList)
    can: CanBus = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self.can = CanBus("can0", 125_000, self.memory.open, self.faults)
        wire = ModuleBus(self.nodes)
        self.memory.devices.append(lambda frame: wire.hear(frame, trio.current_time()))
        self._wire = wire

    _wire: ModuleBus = attrs.field(init=False)

    async def speak(self) -> None:
        while True:
            await trio.sleep(0.02)
            for node in self.nodes:
                node.module.heard(trio.current_time())
            self.memory.arrive(*self._wire.speak(trio.current_time()))

    async def search(self, nursery: trio.Nursery) -> Search:
        await nursery.start(Lifelines().run, self.can.run)
        nursery.start_soon(self.speak)
        search = Search(trio.current_time(), DRIVERS)
        await identify(self.can, search)
        nursery.cancel_scope.cancel()
        return search


# --- finding ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("driver", FOUND_BY_FRAMES)
async def test_each_family_is_found_with_its_addresses(
    autojump_clock: MockClock, nursery: trio.Nursery, driver: str
) -> None:
    search = await Wire([node_of(driver, 1), node_of(driver, 4), node_of(driver, 30)]).search(nursery)

    assert [(TITLES[driver], driver, address) for address in (1, 4, 30)] == [
        (one.family, one.driver, one.address) for one in search.found
    ]


async def test_modules_of_several_families_on_one_wire_are_told_apart(
    autojump_clock: MockClock, nursery: trio.Nursery
) -> None:
    search = await Wire([node_of(driver, 2) for driver in FOUND_BY_FRAMES]).search(nursery)

    assert {(driver, 2) for driver in FOUND_BY_FRAMES} == {(one.driver, one.address) for one in search.found}


async def test_serial_number_and_ratings_are_told_where_the_family_has_them(
    autojump_clock: MockClock, nursery: trio.Nursery
) -> None:
    infy, beg = (await Wire([node_of("infypower", 3), node_of("infypower-beg", 5)]).search(nursery)).found

    assert "V2026000000031003" == infy.serial
    assert infy.rating is not None
    assert (1000, 150, 100, 30_000) == attrs.astuple(infy.rating)
    assert "" == beg.serial
    assert beg.rating is not None
    assert (1000, 200, 73.3, 22_000) == attrs.astuple(beg.rating)


async def test_on_an_idle_wire_nothing_is_found_and_only_the_questions_were_sent(
    autojump_clock: MockClock, nursery: trio.Nursery
) -> None:
    wire = Wire([])
    started_s = trio.current_time()
    search = await wire.search(nursery)

    assert () == search.found
    assert [family.question for family in FAMILIES if family.question] == [frame for _, frame in wire.memory.sent]
    assert trio.current_time() - started_s < 3
    assert wire.memory.sent[0][0] - started_s >= identifying.LISTEN_S, "it listens before it speaks"


async def test_a_wire_that_is_empty_is_not_called_disturbed_for_having_been_searched(
    autojump_clock: MockClock, nursery: trio.Nursery
) -> None:
    wire = Wire([])
    await nursery.start(Lifelines().run, wire.can.run)
    await identify(wire.can, Search(trio.current_time(), DRIVERS))
    await trio.sleep(10)

    assert [] == wire.faults.raised


async def test_progress_goes_from_nothing_to_all_and_says_what_is_being_done(
    autojump_clock: MockClock, nursery: trio.Nursery
) -> None:
    wire = Wire([node_of("infypower", n) for n in range(3)])
    search = Search(0.0, DRIVERS)
    now_s, seen, doing = 0.0, [search.progress], [search.doing]
    while not search.done:
        now_s = search.due_at_s
        for frame in search.act(now_s):
            for node in wire.nodes:
                for answer in node.hear(frame, now_s):
                    search.hear(answer, now_s + 0.01)
        seen.append(search.progress)
        doing.append(search.doing)

    assert 0 == seen[0]
    assert 1 == seen[-1]
    assert all(0 <= one <= 1 for one in seen)
    assert "listening" == doing[0]
    assert "asking Maxwell V1.50" in doing
    assert "asking InfyPower V1.13 2 who it is" in doing


async def test_a_module_that_is_silent_or_nonsensical_ends_no_search(
    autojump_clock: MockClock, nursery: trio.Nursery
) -> None:
    silent, corrupt = node_of("infypower", 1), node_of("infypower", 2)
    silent.misbehaviour.silent = corrupt.misbehaviour.corrupt = True
    search = await Wire([silent, corrupt, node_of("infypower", 3)]).search(nursery)

    assert 3 in [one.address for one in search.found]
    assert 1 not in [one.address for one in search.found]


def test_infypower_modules_that_only_talk_among_themselves_are_a_hint() -> None:
    search = Search(0.0, DRIVERS)
    search.hear(Frame.from_text("0757F803#0000000000000000"), 0.1)

    assert search.talk
    assert () == search.found


def test_a_maxwell_in_group_3_is_no_dpm1000() -> None:
    search = Search(0.0, {})
    search.hear(Frame.from_text("060F800B#41F0000143C80000"), 0.1)
    assert ["DPM1000, R48 or MegMeet"] == [one.family for one in search.found]
    search.hear(Frame.from_text("060F800B#42F0004000400000"), 0.2)

    assert [Found(family="Maxwell V1.50", driver="maxwell", address=1)] == list(search.found)


def test_a_module_at_an_address_that_its_driver_does_not_take_is_found_and_not_asked_more() -> None:
    search = Search(0.0, DRIVERS)
    search.hear(Frame.from_text("0284F03C#000002001B004000"), 0.1)

    assert [("infypower", 60, "")] == [(one.driver, one.address, one.serial) for one in search.found]


@pytest.mark.parametrize("profile", ["increase-v1", "lianming-v2"])
async def test_a_module_that_only_its_profile_describes_is_found_while_it_is_in_use(
    autojump_clock: MockClock, nursery: trio.Nursery, profile: str
) -> None:
    bench = EmulatedBench(driver="dbc", profile_name=profile, addresses=(2, 3))
    await bench.start(nursery)
    search = Search(trio.current_time(), DRIVERS, configured(bench))
    await identify(bench.can, search)

    assert [("dbc", 2), ("dbc", 3)] == [(one.driver, one.address) for one in search.found]
    assert [] == bench.faults.raised


def test_a_module_that_a_shipped_profile_describes_is_told_with_it() -> None:
    search = Search(0.0, {})
    search.hear(Frame.from_text("1207C081#0100000000000000"), 0.1)

    assert [Found(family="Increase", driver="dbc", address=1, profile="increase-v1")] == list(search.found)


# --- disturbing nothing -----------------------------------------------------------------------------------------------


async def test_modules_in_use_go_on_while_it_searches_and_the_budget_of_the_bus_is_kept(
    autojump_clock: MockClock, nursery: trio.Nursery
) -> None:
    bench = EmulatedBench(driver="infypower", profile_name="infypower-reg1k0100g", addresses=(1, 2, 3))
    bench.plug(400)
    await bench.start(nursery)
    bench.deliver(450, 30)
    await bench.until(lambda: bench.bus.current_a > 89.9, 5)
    before = len(bench.memory.sent)
    lowest_a = [math.inf]
    for task in bench.tasks:
        task.status.subscribe(lambda: lowest_a.append(bench.bus.current_a))
    search = Search(trio.current_time(), DRIVERS, configured(bench))
    await identify(bench.can, search)
    sent = bench.memory.sent[before:]
    asked = {family.question for family in FAMILIES if family.question}
    times = [at_s for at_s, frame in sent if frame in asked]

    assert [1, 2, 3] == [one.address for one in search.found]
    assert min(lowest_a) > 89.5
    assert {} == bench.faults.standing
    assert all(task.usable for task in bench.tasks)
    assert 8 == len(times)
    bits = 2 * 157 * len([frame for _, frame in sent])
    assert bits / 125_000 / (sent[-1][0] - sent[0][0]) < MAX_LOAD


@pytest.mark.parametrize("driver", FOUND_BY_FRAMES)
async def test_no_family_takes_the_questions_to_others_for_trouble_of_its_own(
    autojump_clock: MockClock, nursery: trio.Nursery, driver: str
) -> None:
    bench = EmulatedBench(driver=driver, profile_name=profile_for(driver), addresses=(1, 2))
    await bench.start(nursery)
    await trio.sleep(1)
    search = Search(trio.current_time(), DRIVERS, configured(bench))
    await identify(bench.can, search)

    assert [(driver, 1), (driver, 2)] == [(one.driver, one.address) for one in search.found]
    assert [] == bench.faults.raised
    assert all(task.usable for task in bench.tasks)


async def test_questions_wait_for_room_on_the_bus_as_all_others_do(
    autojump_clock: MockClock, nursery: trio.Nursery
) -> None:
    wire = Wire([node_of("infypower", n) for n in range(20)])
    search = await wire.search(nursery)
    times = [at_s for at_s, _ in wire.memory.sent]

    assert 20 == len(search.found)
    assert min(b - a for a, b in itertools.pairwise(times)) >= 0.99 * 2 * 157 / 125_000 / MAX_LOAD


async def test_without_a_bus_it_says_so_and_listens_no_longer(autojump_clock: MockClock, nursery: trio.Nursery) -> None:
    wire = Wire([])
    with pytest.raises(WireDown):
        await identify(wire.can, Search(trio.current_time(), DRIVERS))

    assert [] == wire.can._subscribers


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.floats(0, 0.3), frames()), max_size=30))
def test_whatever_is_heard_it_comes_to_its_end_and_sends_reads_only(heard: list[tuple[float, Frame]]) -> None:
    search, now_s, sent = Search(0.0, DRIVERS), 0.0, []
    for gap_s, frame in heard:
        now_s += gap_s
        search.hear(frame, now_s)
        sent += search.act(now_s)
    while not search.done:
        sent += search.act(search.due_at_s)

    assert set(sent) <= ALL_IT_MAY_SEND
    assert all(isinstance(one.address, int) for one in search.found)


# --- changing nothing -------------------------------------------------------------------------------------------------


def _codecs() -> Iterator[tuple[str, ModuleCodec]]:
    """All with which a module may be asked: those of an unknown one, and with each profile that is shipped."""
    for name, driver in DRIVERS.items():
        for profile in (PLAIN, *map(load_profile, profiles.names_of("modules"))):
            for address in driver.semantics.addresses:
                try:
                    yield name, driver.codec(address, profile)
                except ConfigError:  # a profile of another family, or an address that its family has not
                    continue


CODECS = list(_codecs())
ALL_IT_MAY_SEND = {family.question for family in FAMILIES if family.question} | {
    frame for _, codec in CODECS for frame in (*codec.ask_ratings(), *codec.ask_identity())
}


def test_nothing_it_may_ever_send_is_a_command_of_any_family() -> None:
    commands = {
        frame
        for _, codec in CODECS
        for frame in (
            *codec.on(),
            *codec.off(),
            *codec.start(400, 10),
            *codec.set_point(400, 10),
            *codec.set_point(0, 0),
            *codec.start(0, 0),
            *codec.walk_in(True),
            *codec.walk_in(False),
            *codec.select_range(True),
            *codec.select_range(False),
            *codec.heartbeat(),
        )
    }

    assert len(ALL_IT_MAY_SEND) > 100
    assert set() == commands & ALL_IT_MAY_SEND


def state_of(node: ModuleNode) -> dict[str, object]:
    """All that a command could change; not when, and whether, it was last heard or spoke."""
    module = attrs.asdict(node.module, recurse=False)
    for timing in ("heard_at_s", "comm_lost", "_recovered_at_s"):
        module.pop(timing)
    module["rating"], module["alarms"] = node.module.rating, frozenset(node.module.alarms)
    own = {
        field.name: getattr(node, field.name)
        for field in attrs.fields(type(node))
        if isinstance(getattr(node, field.name), int | float | str | None) and "last_answer" not in field.name
    }
    marks = [(one.device, one.what) for one in node.marks.since(-math.inf) if one.what != "refused"]
    return {"module": module, "own": own, "marks": marks}


@pytest.mark.parametrize("on", [False, True])
@pytest.mark.parametrize("driver", sorted(EMULATED))
def test_nothing_it_may_ever_send_changes_a_module_of_any_family(driver: str, on: bool) -> None:
    nodes = [node_of(driver, address, now_s=100.0) for address in (1, 2, 31)]
    for node in nodes:
        node.module.heard(100.0)
        if on:
            node.module.walk_in_enabled = False
            node.module.set_output(400, 10, 100.0)
            node.module.switch_on(100.0)
            node.module.regulate(100.0, 0.02)
    wire, before = ModuleBus(nodes), [state_of(node) for node in nodes]
    answered = 0
    for frame in sorted(ALL_IT_MAY_SEND, key=str):
        answered += len(wire.hear(frame, 100.0))

    assert before == [state_of(node) for node in nodes]
    assert [on] * 3 == [node.module.on for node in nodes]
    assert answered or driver not in TITLES or driver == "tonhe", "it was asked, and only TonHe cannot be"
