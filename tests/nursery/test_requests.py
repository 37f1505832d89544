"""Restarts that were asked for: as safe as a failure, no back-off, nobody else disturbed; and what is refused."""

from __future__ import annotations

import pytest
import trio
from trio.testing import MockClock

from jp_firmware.nursery.backoff import Backoff
from jp_firmware.nursery.supervisor import (
    Child,
    End,
    Escalated,
    Lifeline,
    Restart,
    RestartRefused,
    State,
    Strategy,
    Supervisor,
    UnknownPath,
)
from jp_firmware.nursery.testing import Scenario, cancel_at_every_step
from tests.nursery.parts import (
    Log,
    Yard,
    failing_after,
    feeding,
    logs_safe,
    started,
)


@pytest.mark.parametrize("path", ["wires/can0/module-1", "root/wires/can0/module-1", "/wires/can0/module-1/"])
async def test_one_part_is_made_safe_and_started_again_and_nobody_else(autojump_clock: MockClock, path: str) -> None:
    yard = Yard()
    async with trio.open_nursery() as nursery:
        await started(nursery, yard.root)
        yard.log.clear()
        yard.root.restart(path, "an operator")
        await trio.sleep(1)

        assert ["safe can0/module-1", "start can0/module-1"] == yard.log
        assert not yard.off, "the bus was not taken down"
        assert [one.restarts for one in yard.buses["can0"].lifelines] == [0, 1, 0]
        nursery.cancel_scope.cancel()


async def test_a_hub_restarts_its_spokes_off_first_and_in_order(autojump_clock: MockClock) -> None:
    yard = Yard()
    async with trio.open_nursery() as nursery:
        await started(nursery, yard.root)
        yard.log.clear()
        yard.root.restart("wires/can0/link", "an operator")
        await trio.sleep(1)

        assert yard.log == [
            *(f"safe can0/{one}" for one in ("module-2", "module-1", "link")),
            *(f"start can0/{one}" for one in ("link", "module-1", "module-2")),
        ]
        assert yard.off == [("can0",)], "everything off, before the first safe state"
        nursery.cancel_scope.cancel()


async def test_a_supervisor_restarts_its_subtree_off_first(autojump_clock: MockClock) -> None:
    yard = Yard()
    async with trio.open_nursery() as nursery:
        await started(nursery, yard.root)
        yard.log.clear()
        yard.root.restart("wires/can1", "an operator")
        await trio.sleep(1)

        assert yard.log[0] == "safe can1/module-2"
        assert yard.log[3:] == [f"start can1/{one}" for one in ("link", "module-1", "module-2")]
        assert yard.off == [("can1",)]
        assert yard.wires.lifelines[1].restarts == 1
        nursery.cancel_scope.cancel()


async def test_a_link_that_fails_takes_its_bus_down_with_everything_off_first(autojump_clock: MockClock) -> None:
    off: list[float] = []
    log = Log()
    link = Child(name="link", run=failing_after(1.0, OSError("unplugged")), safe=logs_safe(log, "link", 0.1))
    module = Child(name="module", run=feeding, safe=logs_safe(log, "module", 0.1))
    bus = Supervisor(
        name="can0",
        children=[link, module],
        strategy=Strategy.HUB,
        intensity=None,
        everything_off=lambda: off.append(trio.current_time()),
    )
    with trio.move_on_after(1.15):
        await bus.run()

    assert len(off) == 2, "once at the link's end, once at the end of all"
    assert [name for name, _ in log] == ["link", "module"]
    assert off[0] < log[1][1]


async def test_a_restart_that_was_asked_for_forgets_the_back_off_and_is_no_failure(autojump_clock: MockClock) -> None:
    runs: list[float] = []

    async def fails_twice(lifeline: Lifeline) -> None:
        runs.append(trio.current_time() - zero_s)
        lifeline.ready()
        if len(runs) < 3:
            raise OSError
        await feeding(lifeline)

    child = Child(name="a", run=fails_twice, backoff=Backoff(first_s=5.0))
    tree = Supervisor(name="s", children=[child], intensity=2)
    zero_s = trio.current_time()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(tree.run)
        await trio.sleep(6)
        assert tree.lifelines[0].state is State.BACKOFF
        for _ in range(5):  # more than the intensity allows failures
            tree.restart("a", "an operator")
            await trio.sleep(0.5)

        assert runs == pytest.approx([0, 5, 6, 6.5, 7, 7.5, 8])
        assert tree.lifelines[0].state is State.UP
        nursery.cancel_scope.cancel()


async def test_a_slow_stop_holds_no_sibling_back(autojump_clock: MockClock) -> None:
    log = Log()
    slow = Child(name="slow", run=feeding, safe=logs_safe(log, "slow", 3.0), safe_within_s=5.0)
    failing = Child(name="failing", run=failing_after(1.0, OSError()), backoff=Backoff(first_s=0.1, cap_s=0.1))
    tree = Supervisor(name="s", children=[slow, failing], intensity=None)
    async with trio.open_nursery() as nursery:
        await started(nursery, tree)
        tree.restart("slow", "an operator")
        await trio.sleep(2.5)

        assert tree.lifelines[0].state is State.MAKING_SAFE
        assert tree.lifelines[1].restarts >= 2
        await trio.sleep(2)
        assert tree.lifelines[0].state is State.UP
        nursery.cancel_scope.cancel()


async def test_asking_twice_restarts_once_while_it_stops(autojump_clock: MockClock) -> None:
    yard = Yard()
    async with trio.open_nursery() as nursery:
        await started(nursery, yard.root)
        for _ in range(3):
            yard.root.restart("journal", "an operator")
        await trio.sleep(1)

        assert yard.root.lifelines[0].restarts == 1
        nursery.cancel_scope.cancel()


async def test_a_part_that_ends_by_itself_as_it_is_asked_to_is_restarted_once(autojump_clock: MockClock) -> None:
    """Whoever comes first, the part, the supervisor or the task that was to stop it: Trio leaves it to chance."""
    for _ in range(30):
        fail = trio.Event()
        starts: list[float] = []

        async def run(lifeline: Lifeline, fail: trio.Event = fail, starts: list[float] = starts) -> None:
            starts.append(trio.current_time())
            lifeline.ready()
            if len(starts) == 1:
                await fail.wait()
                raise OSError("unplugged")
            await feeding(lifeline)

        tree = Supervisor(name="tree", children=[Child(name="a", run=run)], intensity=0)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(tree.run)
            await trio.sleep(1)
            fail.set()
            tree.restart("a", "an operator")
            await trio.sleep(1)
            nursery.cancel_scope.cancel()

        assert starts == [starts[0], starts[0] + 1.0], "at once, and no failure"


async def test_what_has_ended_for_good_is_started_again_when_asked(autojump_clock: MockClock) -> None:
    runs: list[int] = []

    async def once(lifeline: Lifeline) -> None:
        runs.append(1)
        lifeline.ready()

    tree = Supervisor(
        name="s",
        children=[Child(name="once", run=once, restart=Restart.NEVER), Child(name="other", run=feeding)],
    )
    async with trio.open_nursery() as nursery:
        await started(nursery, tree)
        assert tree.lifelines[0].state is State.DONE
        tree.restart("once", "an operator")
        await trio.sleep(1)

        assert len(runs) == 2
        nursery.cancel_scope.cancel()


@pytest.mark.parametrize(
    ("path", "hint"),
    [
        ("wires/can0/modul-1", r"did you mean wires/can0/module-1"),
        ("module-2", r"did you mean wires/can0/module-2 or wires/can1/module-2\?"),
        ("modul-1", r"did you mean wires/can0/module-1 or wires/can1/module-1"),
        ("xyz", r"known: journal, wires"),
        ("wires/can0/module-1/x", "did you mean"),
    ],
)
async def test_an_unknown_path_is_refused_with_the_nearest_names(
    autojump_clock: MockClock, path: str, hint: str
) -> None:
    yard = Yard()
    for ask in (lambda: yard.root.restart(path, ""), lambda: yard.root.release(path), lambda: yard.root.history(path)):
        with pytest.raises(UnknownPath, match=hint):
            ask()


async def test_the_root_and_what_is_not_running_are_refused_and_say_what_to_do(autojump_clock: MockClock) -> None:
    yard = Yard()
    for path in ("root", "", "/"):
        with pytest.raises(RestartRefused, match="the whole tree; restart the process"):
            yard.root.restart(path, "")
    with pytest.raises(RestartRefused, match="root/journal is not running"):
        yard.root.restart("journal", "")


async def test_a_latched_part_is_refused_until_it_is_released(autojump_clock: MockClock) -> None:
    broken = True

    async def safe() -> None:
        if broken:
            raise OSError("relay")

    unsafe = Child(name="unsafe", run=failing_after(0.5, OSError()), safe=safe)
    tree = Supervisor(name="s", children=[unsafe, Child(name="b", run=feeding)], latch_escalates=False, intensity=None)
    async with trio.open_nursery() as nursery:
        await started(nursery, tree)
        assert tree.lifelines[0].state is State.UNSAFE
        assert tree.lifelines[1].state is State.UP, "where a latch does not escalate, siblings go on"
        with pytest.raises(RestartRefused, match=r"s/unsafe is latched \(unsafe\); release it first"):
            tree.restart("unsafe", "an operator")
        assert tree.lifelines[0].asked is None
        assert not tree.release("b")

        broken = False
        assert tree.release("unsafe")
        await trio.sleep(0.1)
        assert tree.lifelines[0].state is State.UP
        nursery.cancel_scope.cancel()


async def test_a_part_below_a_latched_hub_waits_for_its_turn_and_says_so(autojump_clock: MockClock) -> None:
    async def never(lifeline: Lifeline) -> None:
        await trio.sleep_forever()

    hub = Supervisor(
        name="can0",
        children=[Child(name="link", run=never), Child(name="module", run=feeding)],
        strategy=Strategy.HUB,
    )
    async with trio.open_nursery() as nursery:
        await started(nursery, hub)
        with pytest.raises(RestartRefused, match="waits for its turn"):
            hub.restart("module", "")
        nursery.cancel_scope.cancel()


async def test_a_part_that_resists_a_restart_is_made_safe_from_outside_latched_and_escalated(
    autojump_clock: MockClock,
) -> None:
    log = Log()
    ends: list[tuple[str, End]] = []
    let_go = trio.Event()

    async def stubborn(lifeline: Lifeline) -> None:
        lifeline.ready()
        with trio.CancelScope(shield=True):
            await let_go.wait()

    child = Child(name="a", run=stubborn, safe=logs_safe(log, "a"), stop_within_s=0.3)
    tree = Supervisor(name="s", children=[child], on_event=lambda path, one, end: ends.append((path, end)))
    async with trio.open_nursery() as nursery:
        caught: list[Escalated] = []

        async def run() -> None:
            try:
                await tree.run()
            except Escalated as error:
                caught.append(error)

        nursery.start_soon(run)
        await trio.sleep(1)
        tree.restart("a", "an operator")
        await trio.sleep(2)
        assert ends == [("s/a", End.STUCK)]
        assert log, "made safe without its help"
        let_go.set()

    assert "could not be made safe" in str(caught[0])


@pytest.mark.parametrize(
    ("path", "leaves"),
    [
        ("wires/can0/module-1", ["wires/can0/module-1"]),
        ("wires/can0/link", ["wires/can0/link", "wires/can0/module-1", "wires/can0/module-2"]),
        ("wires/can1", ["wires/can1/link", "wires/can1/module-1", "wires/can1/module-2"]),
    ],
)
async def test_it_is_known_beforehand_what_a_restart_takes_along(
    autojump_clock: MockClock, path: str, leaves: list[str]
) -> None:
    yard = Yard()
    async with trio.open_nursery() as nursery:
        await started(nursery, yard.root)
        assert leaves == yard.root.restarted_with(path)
        nursery.cancel_scope.cancel()


def restarted_while_it_runs() -> Scenario:
    yard = Yard()

    async def ask() -> None:
        for path in ("wires/can0/module-1", "wires/can1/link", "wires/can0", "wires/can0/module-2"):
            await trio.sleep(0.05)
            try:
                yard.root.restart(path, "sweep")
            except RestartRefused:
                yard.log.append(f"refused {path}")

    async def run() -> None:
        with trio.move_on_after(0.4):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(yard.root.run)
                await ask()

    def check() -> None:
        up: set[str] = set()
        for what, _, who in (one.partition(" ") for one in yard.log):
            if what == "start":
                assert who not in up, f"{who} started twice"
                up.add(who)
            elif what == "safe":
                up.discard(who)
        assert not up, "left without its safe state"

    return Scenario(run=run, check=check)


def test_cancelled_at_any_step_of_requested_restarts_everything_ends_safe() -> None:
    assert cancel_at_every_step(restarted_while_it_runs, seeds=range(2)) > 300
