"""The process as a part of the tree: it feeds systemd and the hardware's watchdog while the tree is healthy."""

from __future__ import annotations

import gc
import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import attrs
import pytest
import trio
from trio.testing import MockClock

from jp_firmware.composition.process import Process, check_stop_budget, sickness, worst_part
from jp_firmware.config import store
from jp_firmware.config.schema import ConfigError
from jp_firmware.config.schema import Process as Settings
from jp_firmware.config.watchdogs import Watch, watches
from jp_firmware.controller import Controller
from jp_firmware.nursery.backoff import Backoff
from jp_firmware.nursery.pauses import GcPauses, GcPolicy
from jp_firmware.nursery.stall import Stall, StallDetector
from jp_firmware.nursery.supervisor import Child, Lifeline, State, Supervisor
from jp_firmware.nursery.systemd import ServiceManager
from tests.nursery.parts import failing_after, failing_once_after, feeding, never_ready


@attrs.define(eq=False)
class Systemd(ServiceManager):
    """Hears all, unless its queue is full."""

    full: bool = False
    heard: list[tuple[float, str]] = attrs.field(factory=list)
    zero_s: float = attrs.field(factory=trio.current_time)

    def tell(self, *assignments: str) -> bool:
        if not self.full:
            self.heard += [(trio.current_time() - self.zero_s, one) for one in assignments]
        return not self.full

    def times(self, what: str) -> list[float]:
        return [round(at_s, 3) for at_s, one in self.heard if one.startswith(what)]

    def first(self, what: str) -> str:
        return next(one for _, one in self.heard if one.startswith(what))


class NoGarbage(GcPolicy):
    """Leaves the collector of the test run alone."""

    def after_start(self) -> None:
        self._looked_at_s = math.inf


@attrs.define(eq=False)
class Charger:
    """What the process's part knows of a controller."""

    process: Process
    parts: list[Child]
    ending: trio.Event = attrs.field(factory=trio.Event)
    restart_wanted: bool = False
    stalls: StallDetector = attrs.field(factory=StallDetector)
    pauses: GcPauses = attrs.field(factory=GcPauses)
    noted: list[tuple[str, str, str]] = attrs.field(factory=list)
    watches: dict[str, Watch] = attrs.field(factory=lambda: watches(store.load(store.find("demo"))))
    tree: Supervisor = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        own: Any = self
        self.tree = Supervisor(name="controller", children=[*self.parts, *self.process.parts(own)])

    def note(self, kind: str, source: str, text: str) -> None:
        self.noted.append((kind, source, text))

    async def run_for(self, seconds: float) -> None:
        with trio.move_on_after(seconds):
            await self.tree.run()


def branch(name: str, *runs: Callable[[Lifeline], Any], **terms: Any) -> Child:
    children = [Child(name=f"{name}-{at}", run=run) for at, run in enumerate(runs, 1)]
    return Supervisor(name=name, children=children, intensity=None, **terms).as_child()


def parts(**changed: Child) -> list[Child]:
    """The first level of a charger's tree, all well unless changed."""
    whole = {
        "journal": Child(name="journal", run=feeding),
        "wires": branch("wires", feeding),
        "planner": Child(name="planner", run=feeding),
        "connectors": branch("connectors", feeding, feeding),
        "backend": branch("backend", feeding),
    }
    return list((whole | changed).values())


def charger(*, settings: Settings | None = None, watchdog_s: float = 4.0, **changed: Child) -> tuple[Charger, Systemd]:
    systemd = Systemd("somewhere", watchdog_s, invoked=True)
    return Charger(Process(settings or Settings(), systemd, garbage=NoGarbage()), parts(**changed)), systemd


# --- ready -----------------------------------------------------------------------------------------------------------


async def test_ready_is_told_once_all_is_up_with_the_process_and_the_watchdogs_time(autojump_clock: MockClock) -> None:
    one, systemd = charger()
    await one.run_for(3.5)

    assert systemd.times("READY=1") == [0.0]
    assert "MAINPID" in systemd.first("MAINPID")
    assert systemd.first("WATCHDOG_USEC") == "WATCHDOG_USEC=4000000"
    assert systemd.times("WATCHDOG=1") == [0.0, 1.0, 2.0, 3.0]
    assert systemd.first("STATUS=all") == "STATUS=all 7 parts up"


async def test_an_absent_device_or_central_system_delays_ready_by_the_patience_of_the_start_only(
    autojump_clock: MockClock,
) -> None:
    one, systemd = charger(wires=branch("wires", never_ready), backend=branch("backend", never_ready))
    await one.run_for(4.5)

    assert systemd.times("READY=1") == [2.0], "a second for each"
    assert systemd.times("WATCHDOG=1") == [2.0, 3.0, 4.0]
    assert systemd.first("STATUS=5 of 7") == "STATUS=5 of 7 parts up; wires/wires-1 starting and 1 more"


async def test_ready_waits_for_the_vital_parts(autojump_clock: MockClock) -> None:
    async def slow(lifeline: Lifeline) -> None:
        await trio.sleep(5.5)
        await feeding(lifeline)

    one, systemd = charger(journal=Child(name="journal", run=slow))
    await one.run_for(7.5)

    assert systemd.first("STATUS") == "STATUS=not healthy: journal is starting"
    assert systemd.times("READY=1") == [6.0], "the first look after it was up"
    assert systemd.times("WATCHDOG=1") == [6.0, 7.0]


async def test_a_datagram_that_was_not_taken_is_told_again(autojump_clock: MockClock) -> None:
    one, systemd = charger()
    systemd.full = True
    async with trio.open_nursery() as nursery:
        nursery.start_soon(one.run_for, 4.5)
        await trio.sleep(2.5)
        systemd.full = False

    assert systemd.times("READY=1") == [3.0]
    assert systemd.times("STATUS=all") == [3.0]


# --- healthy or not --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["journal", "wires", "planner", "connectors"])
async def test_without_a_vital_part_nothing_is_fed_until_it_is_back(autojump_clock: MockClock, name: str) -> None:
    broken = Child(name=name, run=failing_once_after(2.5, OSError("gone")), backoff=Backoff(first_s=3.0))
    one, systemd = charger(**{name: broken})
    await one.run_for(7.5)

    assert systemd.times("WATCHDOG=1") == [0.0, 1.0, 2.0, 6.0, 7.0]
    assert systemd.first("STATUS=not") == f"STATUS=not healthy: {name} is backoff"
    assert [text for _, _, text in one.noted] == [
        f"not healthy, no watchdog is fed: {name} is backoff",
        "healthy again",
    ]
    assert systemd.heard[-1][1].startswith("EXTEND"), "the end of this test"


@pytest.mark.parametrize("name", ["backend", "consoles"])
async def test_a_part_that_the_charger_can_do_without_is_no_reason_to_be_killed(
    autojump_clock: MockClock, name: str
) -> None:
    broken = Child(name=name, run=failing_once_after(2.5, OSError("gone")), backoff=Backoff(first_s=30.0))
    one, systemd = charger(**{name: broken})
    await one.run_for(7.5)

    assert len(systemd.times("WATCHDOG=1")) == 8
    assert systemd.times("STATUS=not") == []
    assert any(text.endswith(f"{name} backoff") for _, text in systemd.heard)


async def test_one_connector_that_is_out_is_no_reason_to_kill_the_sessions_of_the_others(
    autojump_clock: MockClock,
) -> None:
    def unsafe() -> Any:
        raise OSError("still closed")

    children = [
        Child(name="connector-1", run=failing_after(1.5, OSError("lost")), safe=unsafe),
        Child(name="connector-2", run=feeding),
    ]
    connectors = Supervisor(name="connectors", children=children, intensity=None, latch_escalates=False)
    one, systemd = charger(connectors=connectors.as_child())
    await one.run_for(7.5)

    assert connectors.lifelines[0].state is State.UNSAFE
    assert len(systemd.times("WATCHDOG=1")) == 8
    assert any(text == "STATUS=6 of 7 parts up; connectors/connector-1 unsafe" for _, text in systemd.heard)


async def test_a_stuck_task_anywhere_is_a_sickness_that_only_the_end_of_the_process_cures(
    autojump_clock: MockClock,
) -> None:
    wires = Supervisor(name="wires", children=[Child(name="module-1", run=feeding)])
    tree = Supervisor(name="controller", children=parts(wires=wires.as_child()))
    with trio.move_on_after(1):
        await tree.run()
    for one in tree.lifelines:
        one.state = State.UP
    healthy = sickness(tree)
    wires.lifelines[0].state = State.STUCK

    assert healthy is None
    assert sickness(tree) == "wires/module-1 is stuck"


async def test_connectors_that_are_starting_count_as_up_since_each_may_wait_for_its_meter(
    autojump_clock: MockClock,
) -> None:
    one, systemd = charger(connectors=branch("connectors", never_ready, never_ready, never_ready))
    await one.run_for(4.5)

    assert systemd.times("READY=1") == [1.0], "the patience of the root, not that of each connector"


async def test_each_look_comes_at_least_twice_in_the_shortest_watchdogs_time(
    autojump_clock: MockClock, tmp_path: Path
) -> None:
    one, systemd = charger(watchdog_s=0.5)
    await one.run_for(1.1)
    guarded = Process(Settings(hardware_watchdog="/dev/watchdog", hardware_watchdog_timeout_s=4), systemd)

    assert systemd.times("WATCHDOG=1") == [0.0, 0.25, 0.5, 0.75, 1.0]
    assert guarded.look_s == 0.25
    assert Process(Settings()).look_s == 1.0


async def test_the_worst_part_is_named_by_its_share_of_its_watchdog(autojump_clock: MockClock) -> None:
    tree = Supervisor(
        name="controller",
        children=[
            Child(name="a", run=feeding, watchdog_s=1.0),
            Supervisor(name="b", children=[Child(name="c", run=feeding, watchdog_s=2.0)]).as_child(),
        ],
    )
    tree.lifelines[0].state = tree.lifelines[1].state = State.UP
    below = tree.lifelines[1].child.subtree
    assert below is not None
    below.lifelines[0].state = State.UP
    tree.lifelines[0].worst_gap_s, below.lifelines[0].worst_gap_s = 0.3, 0.9

    assert worst_part(tree) == "all 2 parts up; worst b/c (45% of its watchdog)"


async def test_a_defect_of_this_part_takes_nothing_down_and_feeds_nothing(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, systemd = charger()
    with monkeypatch.context() as broken:
        broken.setattr("jp_firmware.composition.process.sickness", lambda _: 1 / 0)
        await one.run_for(60.0)

    assert systemd.times("READY=1") == systemd.times("WATCHDOG=1") == []
    assert one.tree.lifelines[-1].restarts == 0, "it is restarted below, and never escalates"


# --- stopping --------------------------------------------------------------------------------------------------------


async def test_while_sessions_end_systemd_hears_so_at_once_and_its_patience_is_renewed(
    autojump_clock: MockClock,
) -> None:
    one, systemd = charger()
    budget_s = one.tree.stop_budget_s
    async with trio.open_nursery() as nursery:
        nursery.start_soon(one.run_for, 6.0)
        await trio.sleep(2.5)
        one.ending.set()

    assert systemd.times("STOPPING=1") == [2.5, 3.5, 4.5, 5.5, 6.0]
    assert systemd.first("EXTEND_TIMEOUT") == f"EXTEND_TIMEOUT_USEC={(budget_s + 2.0) * 1e6:.0f}"
    assert systemd.first("STATUS=sessions") == "STATUS=sessions are ending in order"
    assert systemd.times("WATCHDOG=1")[-1] == 5.5
    assert systemd.heard[-3][1] == "STOPPING=1"


async def test_a_tree_that_gives_up_tells_that_it_stops(autojump_clock: MockClock) -> None:
    one, systemd = charger(planner=Child(name="planner", run=failing_after(0.5, OSError("broken"))))
    with pytest.raises(Exception, match="planner"):
        await one.tree.run()

    assert len(systemd.times("STOPPING=1")) == 1
    assert systemd.times("STOPPING=1")[0] >= systemd.times("WATCHDOG=1")[-1]


async def test_a_restart_as_asked_is_no_stop_for_systemd_and_its_watchdog_waits_for_it(
    autojump_clock: MockClock,
) -> None:
    one, systemd = charger()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(one.run_for, 3.0)
        await trio.sleep(2.5)
        one.restart_wanted = True
        one.ending.set()
    longer_us = int(systemd.heard[-3][1].removeprefix("WATCHDOG_USEC="))
    again = Charger(one.process, parts())
    await again.run_for(1.5)

    assert longer_us >= 1e6 * (one.tree.stop_budget_s + 60)
    assert systemd.times("STOPPING=1") == [4.5], "of the second run only"
    assert systemd.times("READY=1") == [0.0, 3.0]
    assert [text for _, text in systemd.heard].count("WATCHDOG_USEC=4000000") == 2


# --- the hardware's watchdog -----------------------------------------------------------------------------------------


def guarded(path: Path, **changed: Child) -> tuple[Charger, Systemd]:
    return charger(settings=Settings(hardware_watchdog=str(path)), **changed)


@pytest.fixture
def device(tmp_path: Path) -> Path:
    path = tmp_path / "watchdog"
    path.touch()
    return path


async def test_the_hardwares_watchdog_is_opened_at_ready_and_fed_like_systemds(
    autojump_clock: MockClock, device: Path
) -> None:
    broken = Child(name="planner", run=failing_once_after(2.5, OSError("gone")), backoff=Backoff(first_s=3.0))
    one, _ = guarded(device, planner=broken)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(one.run_for, 8.2)
        await trio.sleep(5.5)
        fed_while_sick = device.read_bytes()
        await trio.sleep(2.0)
        fed = device.read_bytes()

    assert fed_while_sick == b"\0" * 4, "when opened, and at three looks"
    assert fed == b"\0" * 6
    assert ("process", str(device), "a watchdog waits to be fed") in one.noted


async def test_one_that_cannot_wait_for_the_stop_is_stopped_before_it(autojump_clock: MockClock, device: Path) -> None:
    """A file in the place of a device knows no time-out, as a driver whose longest is too short."""
    one, _ = guarded(device)
    await one.run_for(2.5)

    assert device.read_bytes().endswith(b"\0V")


@pytest.mark.parametrize(("in_order", "last"), [(True, b"V"), (False, b"\0")])
async def test_only_an_ordered_end_stops_it(
    autojump_clock: MockClock, device: Path, in_order: bool, last: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, _ = guarded(device)
    one.process.hardware = None
    monkeypatch.setattr("jp_firmware.nursery.hardware_watchdog.HardwareWatchdog.set_timeout", lambda *_: True)
    await one.run_for(2.5)
    before = device.read_bytes()
    one.process.left(in_order=in_order)

    assert before.endswith(b"\0"), "it stays on guard while the tree stops"
    assert device.read_bytes().endswith(last)


async def test_one_that_cannot_be_had_is_noted_and_no_reason_not_to_charge(
    autojump_clock: MockClock, tmp_path: Path
) -> None:
    one, systemd = guarded(tmp_path / "none")
    await one.run_for(2.5)

    assert systemd.times("READY=1") == [0.0]
    assert one.noted == [
        ("process", str(tmp_path / "none"), "the hardware's watchdog cannot be had: No such file or directory")
    ]


# --- stalls and garbage ----------------------------------------------------------------------------------------------


async def test_stalls_go_to_the_logbook_by_task_at_most_one_in_ten_seconds(autojump_clock: MockClock) -> None:
    one, _ = charger()

    def stalled(task: str, step_ms: float) -> None:
        one.stalls.stalls += 1
        one.stalls.recent.append(Stall(task=task, step_ms=step_ms, at_s=0.0, next="charging.runner:88"))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(one.run_for, 30.0)
        await trio.sleep(1.5)
        stalled("planner", 12.0)
        stalled("planner", 7.0)
        await trio.sleep(2)
        stalled("planner", 9.0)
        stalled("journal", 6.0)

    assert one.noted == [
        ("loop", "planner", "a step took 12.0 ms, up to charging.runner:88; 1 shorter ones left out"),
        ("loop", "journal", "a step took 6.0 ms, up to charging.runner:88"),
        ("loop", "planner", "a step took 9.0 ms, up to charging.runner:88"),
    ]


async def test_more_stalls_than_are_kept_are_no_error(autojump_clock: MockClock) -> None:
    one, _ = charger()
    one.stalls.stalls = 1000
    await one.run_for(1.5)

    assert one.noted == []


@pytest.fixture
def collector() -> Iterator[None]:
    thresholds = gc.get_threshold()
    yield
    gc.set_threshold(*thresholds)
    gc.unfreeze()


@pytest.mark.usefixtures("collector")
async def test_garbage_of_the_old_generation_is_collected_by_hand_once_a_minute(autojump_clock: MockClock) -> None:
    one, _ = charger()
    one.process.garbage = GcPolicy()
    one.process.garbage.before_start()
    await one.run_for(150.0)

    assert one.process.garbage.looks == 2
    assert one.process.garbage.put_off == 0


# --- the stop's budget -----------------------------------------------------------------------------------------------


def test_a_limit_below_the_budget_is_refused_in_one_line_that_says_what_to_set() -> None:
    with pytest.raises(ConfigError) as refused:
        check_stop_budget(70.2, 30.0, invoked=True)

    assert str(refused.value) == (
        "an ordered stop may take 76 s, but this process is killed after 30 s; "
        "set TimeoutStopSec=76 in the unit, or process.stop_timeout_s where that is what allows it"
    )


@pytest.mark.parametrize("allowed_s", [76.0, math.inf])
def test_a_limit_that_suffices_is_not_mentioned(allowed_s: float, caplog: pytest.LogCaptureFixture) -> None:
    check_stop_budget(70.2, allowed_s, invoked=True)

    assert caplog.records == []


def test_an_unknown_limit_is_a_warning_for_a_service_and_nothing_for_a_person(caplog: pytest.LogCaptureFixture) -> None:
    check_stop_budget(70.2, None, invoked=False)
    quiet = list(caplog.records)
    check_stop_budget(70.2, None, invoked=True)

    assert quiet == []
    assert "at least 76 s" in caplog.text


def stop_budget_s(directory: Path, extra_modules: int) -> float:
    cabinet = store.load(store.find("demo"))
    more = [
        attrs.evolve(cabinet.modules[0], id=f"more-{number}", address=number + 9) for number in range(extra_modules)
    ]
    larger = attrs.evolve(cabinet, modules=(*cabinet.modules, *more))
    return Controller(larger, directory, directory, directory / "socket").stop_budget_s


async def test_the_demo_cabinet_stops_within_what_systemd_allows_by_itself(
    autojump_clock: MockClock, tmp_path: Path
) -> None:
    budget_s = stop_budget_s(tmp_path, 0)

    assert budget_s < 85, "systemd's own DefaultTimeoutStopSec is 90 s"
    assert stop_budget_s(tmp_path, 50) == budget_s, "equals are stopped at once"
