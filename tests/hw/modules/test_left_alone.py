"""Claims about a module that hears OFF and stays on: told in vain, it is left alone until its own time-out has run."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import attrs
import pytest
import trio
from trio.testing import MockClock

from jp_firmware.hw.modules import infypower_wire as wire
from jp_firmware.hw.modules.carried import SILENT_MARGIN_S
from jp_firmware.hw.modules.driver import ModuleProfile
from jp_firmware.hw.modules.infypower_wire import Command
from jp_firmware.hw.modules.left_alone import HEARD_AGAIN_S, UNOBEYED_S
from jp_firmware.model.signals import Quality
from jp_firmware.nursery.child import AtExpiry, State
from jp_firmware.nursery.supervisor import Supervisor
from tests.hw.modules.emulated import LEASE_S, EmulatedBench
from tests.hw.modules.fake import PROFILE, Bench, FakeModule
from tests.hw.modules.supervised import tree

FAMILIES = {
    "infypower": "infypower-reg1k0100g",
    "infypower-beg": "infypower-beg1k075g",
    "uugreenpower": "uugreenpower-ur100030",
    "maxwell": "maxwell-mxr100030",
    "tonhe": "tonhe-th30f10025c7",
    "huawei": "huawei-r100040gx",
    "dbc": "increase-v1",
}
LONGEST_S = 20.0
"""Of a time-out that is emulated here: a longer one differs in nothing."""

EACH_A = 15.0
MARGIN_S = 1.5


@attrs.define(eq=False)
class StuckOn:
    """Two modules that deliver into one battery. The first is told OFF and stays on; the second is wanted on."""

    bench: EmulatedBench
    tree: Supervisor
    voltage_v: float = 300.0

    @property
    def silent_off_s(self) -> float:
        return self.bench.task.profile.silent_off_s

    @property
    def fault(self) -> str:
        return self.bench.faults.standing.get(("PM-18", "module-1"), "")

    @property
    def stray_a(self) -> float:
        return self.bench.task.stray_current_a(trio.current_time())

    async def order(self) -> None:
        """As a stage does ten times a second: OFF to the one, and again, and a set-point to the other."""
        while True:
            self.bench.tasks[0].want_off()
            self.bench.tasks[1].want(self.voltage_v, EACH_A, trio.current_time() + LEASE_S)
            await trio.sleep(0.1)

    async def told_in_vain(self) -> float:
        """Until it is left alone; when that was."""
        await self.bench.until(lambda: self.fault, UNOBEYED_S + MARGIN_S)
        return trio.current_time()


def shortened(profile: ModuleProfile) -> ModuleProfile:
    return attrs.evolve(profile, silent_off_s=min(profile.silent_off_s, LONGEST_S))


@pytest.fixture(params=list(FAMILIES))
def driver(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def bench_of(driver: str, change_profile: Callable[[ModuleProfile], ModuleProfile] = shortened) -> EmulatedBench:
    bench = EmulatedBench(driver=driver, profile_name=FAMILIES[driver], addresses=(1, 2), change_profile=change_profile)
    for node in bench.nodes:
        rating = node.module.rating
        node.module.rating = attrs.evolve(rating, comm_timeout_s=min(rating.comm_timeout_s, LONGEST_S))
    return bench


async def stuck(bench: EmulatedBench, nursery: trio.Nursery, **terms: object) -> StuckOn:
    """From power-up to the first that is stuck on, just before it is told OFF."""
    tree = await bench.start_in_a_tree(nursery, **terms)
    it = StuckOn(bench, tree)
    bench.plug(it.voltage_v - 40)
    bench.deliver(it.voltage_v, EACH_A)
    await bench.until(lambda: min(node.module.current_a for node in bench.nodes) > EACH_A - 0.5, 12)
    bench.renewing = False
    bench.node.stuck_on = True
    nursery.start_soon(it.order)
    return it


async def test_it_is_told_for_a_while_and_then_left_alone_until_it_is_off(
    driver: str, autojump_clock: MockClock, nursery: trio.Nursery
) -> None:
    bench = bench_of(driver)
    it = await stuck(bench, nursery)
    told_s = trio.current_time()
    left_s = await it.told_in_vain()
    assert left_s - told_s >= UNOBEYED_S
    assert "nothing is said to it for" in it.fault
    assert bench.node.module.on

    await trio.sleep(0.1)  # what was on the wire
    heard_s = bench.node.module.heard_at_s
    await bench.until(lambda: not bench.node.module.on, it.silent_off_s + MARGIN_S)
    assert heard_s == bench.node.module.heard_at_s, "whoever spoke, spoke to it"
    assert EACH_A == pytest.approx(bench.nodes[1].module.current_a, abs=0.5), "its neighbour delivers as before"
    assert bench.tasks[1].usable

    await bench.until(lambda: bench.task.usable, SILENT_MARGIN_S + HEARD_AGAIN_S + MARGIN_S)
    await bench.until(lambda: not it.fault, 1)
    assert 0 == bench.task.carried_current_a(trio.current_time())
    assert not any(lifeline.state.is_latched for lifeline in it.tree.lifelines)
    nursery.cancel_scope.cancel()


async def test_what_it_delivers_is_nobody_elses_until_it_says_that_it_is_off(
    driver: str, autojump_clock: MockClock, nursery: trio.Nursery
) -> None:
    bench = bench_of(driver)
    it = await stuck(bench, nursery)
    await it.told_in_vain()
    while not bench.task.usable:
        flows_a = bench.node.module.current_a
        assert it.stray_a >= flows_a - 0.1 or bench.task.carried_current_a(trio.current_time()) >= flows_a - 0.1
        await trio.sleep(0.1)

    assert 0 == it.stray_a
    nursery.cancel_scope.cancel()


async def test_one_that_was_left_alone_in_vain_is_told_on_and_on(
    autojump_clock: MockClock, nursery: trio.Nursery
) -> None:
    """Its neighbours need not go without a heartbeat again and again for it."""
    bench = bench_of("infypower")
    for node in bench.nodes:
        node.module.rating = attrs.evolve(node.module.rating, comm_timeout_s=1e9)
    it = await stuck(bench, nursery)
    await it.told_in_vain()
    await bench.until(lambda: "cut its supply" in it.fault, 40)
    for _ in range(int(2 * it.silent_off_s)):
        await trio.sleep(1)
        assert trio.current_time() - bench.node.module.heard_at_s < 0.5
        assert not bench.task.usable
        assert it.stray_a >= EACH_A - 0.5
    assert "stayed on when it was left alone: cut its supply" in it.fault

    bench.node.stuck_on = False
    await bench.until(lambda: not bench.node.module.on and not it.fault, 1.5)
    bench.node.stuck_on = True
    bench.node.switch_on(trio.current_time())
    await bench.until(lambda: "nothing is said to it" in it.fault, UNOBEYED_S + MARGIN_S)
    nursery.cancel_scope.cancel()


@pytest.mark.parametrize("at_expiry", [AtExpiry.RESTART_ALL, AtExpiry.ESCALATE])
async def test_its_silence_is_no_expired_watchdog_that_takes_others_down(
    autojump_clock: MockClock, nursery: trio.Nursery, at_expiry: AtExpiry
) -> None:
    bench = bench_of("uugreenpower")
    it = await stuck(bench, nursery, at_expiry=at_expiry, ready_within_s=1.0)
    await it.told_in_vain()
    for _ in range(int(it.silent_off_s)):
        await trio.sleep(1)
        assert bench.nodes[1].module.current_a > EACH_A - 0.5

    await bench.until(lambda: bench.task.usable, SILENT_MARGIN_S + HEARD_AGAIN_S + MARGIN_S)
    assert {"link": 0, "module-2": 0} == {one.name: one.restarts for one in it.tree.lifelines if one.name != "module-1"}
    nursery.cancel_scope.cancel()


async def test_a_family_that_has_no_time_out_is_never_left_alone(
    autojump_clock: MockClock, nursery: trio.Nursery
) -> None:
    def without(profile: ModuleProfile) -> ModuleProfile:
        return attrs.evolve(profile, options={**profile.options, "times_out": False})

    bench = bench_of("dbc", without)
    it = await stuck(bench, nursery)
    await it.told_in_vain()
    assert "no time-out of its own: cut its supply" in it.fault
    for _ in range(30):
        await trio.sleep(1)
        assert trio.current_time() - bench.node.module.heard_at_s < 0.5
    assert Quality.GOOD is bench.task.status.signal.quality
    assert 0 == next(one.restarts for one in it.tree.lifelines if one.name == "module-1")

    bench.node.stuck_on = False
    await bench.until(lambda: not bench.node.module.on and not it.fault, 1.5)
    nursery.cancel_scope.cancel()


async def test_it_is_told_on_and_on_while_it_is_not_heard(autojump_clock: MockClock, nursery: trio.Nursery) -> None:
    """Whether it hears is not known then: its task ends by its watchdog, and begins anew, with OFF."""
    bench = bench_of("infypower")
    it = await stuck(bench, nursery)
    bench.node.misbehaviour.silent = True
    await trio.sleep(3 * UNOBEYED_S)

    assert not it.fault
    assert ("PM-01", "module-1") in bench.faults.standing
    nursery.cancel_scope.cancel()


@pytest.mark.parametrize("speak", ["everything_off", "safe", "restart"])
async def test_nothing_that_happens_meanwhile_says_a_word_to_it(
    autojump_clock: MockClock, nursery: trio.Nursery, speak: str
) -> None:
    bench = bench_of("infypower")
    it = await stuck(bench, nursery)
    await it.told_in_vain()
    await trio.sleep(0.1)
    heard_s = bench.node.module.heard_at_s

    async def restart() -> None:
        it.tree.restart("can0/module-1", "an operator")

    async def everything_off() -> None:
        bench.task.want_off()
        bench.task.safe_now()

    ways: dict[str, Callable[[], Awaitable[object]]] = {
        "everything_off": everything_off,
        "safe": bench.task.safe,
        "restart": restart,
    }
    await ways[speak]()
    await trio.sleep(2)

    assert heard_s == bench.node.module.heard_at_s
    assert all(one.state is not State.UNSAFE for one in it.tree.lifelines)
    nursery.cancel_scope.cancel()


async def test_who_cuts_its_supply_as_it_is_asked_to_need_not_replace_it_at_once(
    autojump_clock: MockClock, nursery: trio.Nursery
) -> None:
    """It keeps its connector from the next session only as long as it may be on."""
    bench = bench_of("infypower")
    it = await stuck(bench, nursery)
    await it.told_in_vain()
    bench.node.misbehaviour.silent = True
    await trio.sleep(it.silent_off_s)
    assert it.fault
    await trio.sleep(SILENT_MARGIN_S + 2 * HEARD_AGAIN_S)

    assert not it.fault
    assert 0 == it.stray_a
    assert ("PM-01", "module-1") in bench.faults.standing
    nursery.cancel_scope.cancel()


# --- what is no disobedience ------------------------------------------------------------------------------------------


async def test_one_that_says_it_is_off_and_measures_a_little_is_asked_on(
    autojump_clock: MockClock, nursery: trio.Nursery
) -> None:
    """A converter's zero, or a discharge: it has done already what its time-out would do."""
    bench = Bench()
    fake, task = bench.add(FakeModule(measured=wire.Output(0, 1.2)))
    nursery.start_soon(tree(bench).run)
    for _ in range(40):
        await trio.sleep(1)
        assert Quality.GOOD is task.status.signal.quality
    assert {("PM-02", "module-1")} == set(bench.faults.standing)

    fake.measured = None
    await trio.sleep(1)
    assert task.usable
    assert {} == bench.faults.standing
    nursery.cancel_scope.cancel()


async def test_one_whose_type_takes_long_to_switch_off_has_that_time(
    autojump_clock: MockClock, nursery: trio.Nursery
) -> None:
    bench = Bench()
    fake, task = bench.add(FakeModule(), attrs.evolve(PROFILE, off_within_s=8.0))
    nursery.start_soon(tree(bench).run)
    await trio.sleep(1)
    task.want(400, 20, trio.current_time() + 60)
    await trio.sleep(1)
    fake.lost = 70
    task.want_off()
    await trio.sleep(UNOBEYED_S + 0.5)
    assert fake.on
    await trio.sleep(2.5)

    assert not fake.on
    assert task.usable
    assert not any(code == "PM-18" for code, *_ in bench.faults.raised)
    nursery.cancel_scope.cancel()


async def test_one_that_stands_at_a_voltage_is_not_taken_for_off_while_it_is_left_alone(
    autojump_clock: MockClock, nursery: trio.Nursery
) -> None:
    """On since before the controller was, and joined to nothing: a relay that closes would have it deliver."""
    bench = Bench()
    _, task = bench.add(FakeModule(on=True, deaf_to={Command.SET_SWITCH}, measured=wire.Output(400, 0)))
    nursery.start_soon(tree(bench).run)
    await trio.sleep(UNOBEYED_S + 1)
    assert task.left_alone_until_s > trio.current_time()

    assert task.carried_current_a(trio.current_time()) >= 1.0
    nursery.cancel_scope.cancel()


async def test_one_that_is_looked_for_at_another_address_is_given_its_time_there(
    driver: str, autojump_clock: MockClock, nursery: trio.Nursery
) -> None:
    """What was heard while it was made safe is no word of whoever is asked next; and the way back is open."""
    bench = bench_of(driver)
    tree = await bench.start_in_a_tree(nursery)
    found, task = bench.task.config, bench.task
    absent = attrs.evolve(found, address=3)
    tree.restart("can0/module-1", "another address", lambda: task.configure(absent, task.profile))
    await bench.until(lambda: ("PM-01", "module-1") in bench.faults.standing, 15)
    tree.restart("can0/module-1", "and back", lambda: task.configure(found, task.profile))
    await bench.until(lambda: task.usable, 15)
    nursery.cancel_scope.cancel()
