"""What a supervision tree promises as a whole: restarts and back-off, escalation, everything off first, its picture."""

from __future__ import annotations

import json

import pytest
import trio
from trio.testing import MockClock

from jp_firmware.nursery.backoff import Backoff
from jp_firmware.nursery.supervisor import (
    AtExpiry,
    Child,
    End,
    Escalated,
    Lifeline,
    Restart,
    State,
    Strategy,
    Supervisor,
)
from tests.nursery.parts import (
    Ends,
    Log,
    failing_after,
    failing_once_after,
    failing_without_ready,
    feeding,
    logs_safe,
    never_ready,
    run_for,
    starving,
)


@pytest.mark.parametrize(
    ("restart", "runs"), [(Restart.ALWAYS, 3), (Restart.ON_FAILURE, 2), (Restart.NEVER, 1)], ids=lambda x: str(x)
)
async def test_restart_says_which_ends_are_followed_by_another_run(
    autojump_clock: MockClock, restart: Restart, runs: int
) -> None:
    born = 0

    async def run(lifeline: Lifeline) -> None:
        nonlocal born
        born += 1
        lifeline.ready()
        if born == 1:
            raise ValueError
        if born >= 3:
            await feeding(lifeline)

    await run_for(Supervisor(name="s", children=[Child(name="a", run=run, restart=restart)]), 5)

    assert born == runs


async def test_back_off_grows_with_failures_and_is_forgotten_after_a_healthy_run(autojump_clock: MockClock) -> None:
    ends = Ends().start()
    lives = iter([0.0, 0.0, 0.0, 5.0, 0.0, 100.0])

    async def run(lifeline: Lifeline) -> None:
        lifeline.ready()
        await trio.sleep(next(lives))
        raise OSError

    child = Child(name="a", run=run, backoff=Backoff(first_s=1, cap_s=100, healthy_after_s=4))
    await run_for(Supervisor(name="s", children=[child], intensity=None, on_event=ends), 30)

    assert [at_s for _, end, at_s in ends.seen if end is End.CRASH] == [0.0, 1.0, 3.0, 12.0, 13.0]


async def test_a_run_that_was_never_ready_is_not_healthy_however_long_it_took(autojump_clock: MockClock) -> None:
    ends = Ends().start()
    child = Child(
        name="a", run=never_ready, ready_within_s=10, backoff=Backoff(first_s=1, cap_s=100, healthy_after_s=4)
    )
    await run_for(Supervisor(name="s", children=[child], intensity=None, on_event=ends), 34)

    assert [at_s for _, end, at_s in ends.seen if end is End.WATCHDOG] == [10.0, 21.0, 33.0]


async def test_a_supervisor_without_anything_left_to_run_returns(autojump_clock: MockClock) -> None:
    async def once(lifeline: Lifeline) -> None:
        lifeline.ready()

    with trio.fail_after(1):
        await Supervisor(name="s", children=[Child(name="a", run=once, restart=Restart.ON_FAILURE)]).run()


async def test_too_many_restarts_escalate_bare_and_the_parent_restarts_the_subtree(autojump_clock: MockClock) -> None:
    born: list[float] = []

    async def run(lifeline: Lifeline) -> None:
        born.append(trio.current_time())
        lifeline.ready()
        await trio.sleep(0.01)
        raise RuntimeError("again")

    inner = Supervisor(
        name="inner",
        children=[Child(name="c", run=run, backoff=Backoff(first_s=0.01, cap_s=0.01))],
        intensity=2,
        period_s=10,
    )
    root = Supervisor(name="root", children=[inner.as_child(backoff=Backoff(first_s=1))], intensity=1, period_s=100)
    with pytest.raises(Escalated) as caught:
        await root.run()

    assert isinstance(caught.value.__cause__, Escalated)
    assert isinstance(caught.value.__cause__.__cause__, RuntimeError)
    assert len(born) == 6


async def test_without_intensity_a_device_may_be_gone_for_days(autojump_clock: MockClock) -> None:
    day_s = 86_400.0
    child = Child(name="a", run=failing_without_ready, backoff=Backoff(first_s=0.5, cap_s=30))
    supervisor = Supervisor(name="s", children=[child], intensity=None, period_s=3600)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(supervisor.run)
        await trio.sleep(2 * day_s)
        state, falls = supervisor.lifelines[0].state, supervisor.tree()["falls"]
        nursery.cancel_scope.cancel()

    assert state is State.BACKOFF
    assert supervisor.lifelines[0].restarts > 5000
    assert falls <= 3600 / 30 + 1


@pytest.mark.parametrize("why", ["cancelled", "escalated"])
async def test_everything_off_comes_before_the_first_child_is_stopped(autojump_clock: MockClock, why: str) -> None:
    log: list[str] = []

    def off() -> None:
        log.append("everything off")
        raise OSError("wire is gone")

    async def feeding_then_logging(lifeline: Lifeline) -> None:
        try:
            await feeding(lifeline)
        finally:
            log.append("b stops")

    a = failing_after(0.5, OSError()) if why == "escalated" else feeding
    supervisor = Supervisor(
        name="s",
        children=[Child(name="a", run=a), Child(name="b", run=feeding_then_logging)],
        intensity=0,
        everything_off=off,
    )
    if why == "escalated":
        with pytest.raises(Escalated):
            await supervisor.run()
    else:
        await run_for(supervisor, 1)

    assert log == ["everything off", "b stops"]
    assert supervisor.tree()["off_error"] == "OSError: wire is gone"


async def test_everything_off_comes_before_a_restart_of_all(autojump_clock: MockClock) -> None:
    log: list[str] = []

    async def b(lifeline: Lifeline) -> None:
        try:
            await feeding(lifeline)
        finally:
            log.append("b stops")

    supervisor = Supervisor(
        name="s",
        children=[Child(name="a", run=failing_once_after(0.5, OSError())), Child(name="b", run=b)],
        strategy=Strategy.ALL,
        everything_off=lambda: log.append("off"),
    )
    await run_for(supervisor, 5)

    assert log == ["off", "b stops", "off", "b stops"]


async def test_a_listener_that_fails_changes_nothing(autojump_clock: MockClock) -> None:
    def on_event(path: str, lifeline: Lifeline, end: End) -> None:
        raise KeyError(path)

    child = Child(name="a", run=failing_once_after(0.1, OSError()))
    supervisor = Supervisor(name="s", children=[child], on_event=on_event)
    await run_for(supervisor, 2)

    assert supervisor.lifelines[0].restarts == 1


async def test_a_supervisor_without_listener_tells_its_parents_by_full_path(autojump_clock: MockClock) -> None:
    ends = Ends().start()
    inner = Supervisor(name="wires", children=[Child(name="can0", run=failing_once_after(0.5, OSError()))])
    root = Supervisor(name="controller", children=[inner.as_child()], on_event=ends)
    await run_for(root, 0.55)

    assert ends.seen[0] == ("controller/wires/can0", End.CRASH, 0.5)
    assert ends.seen[-1] == ("controller/wires", End.STOPPED, 0.55)


async def test_keyboard_interrupt_passes_and_leaves_siblings_safe(autojump_clock: MockClock) -> None:
    log = Log()
    children = [
        Child(name="a", run=failing_after(0.1, KeyboardInterrupt()), safe=logs_safe(log, "a")),
        Child(name="b", run=feeding, safe=logs_safe(log, "b")),
    ]
    with pytest.raises(BaseExceptionGroup) as caught:
        await Supervisor(name="s", children=children).run()

    assert caught.group_contains(KeyboardInterrupt)
    assert {name for name, _ in log} == {"a", "b"}


async def test_the_tree_is_json_without_infinities_and_tells_each_childs_state(autojump_clock: MockClock) -> None:
    inner = Supervisor(
        name="wires",
        children=[
            Child(name="can0", run=feeding, watchdog_s=2.0),
            Child(name="rs485-0", run=failing_without_ready, backoff=Backoff(first_s=8)),
        ],
    )
    root = Supervisor(name="controller", children=[Child(name="journal", run=feeding), inner.as_child()])
    async with trio.open_nursery() as nursery:
        nursery.start_soon(root.run)
        await trio.sleep(3.02)
        tree = json.loads(json.dumps(root.tree(), allow_nan=False))
        nursery.cancel_scope.cancel()

    journal, wires = tree["children"]
    can0, rs485 = wires["children"]
    assert (tree["kind"], tree["state"], tree["strategy"]) == ("supervisor", "up", "one for one")
    assert (wires["kind"], wires["state"], wires["restarts"]) == ("supervisor", "up", 0)
    assert (journal["kind"], journal["state"], journal["watchdog_s"]) == ("child", "up", None)
    assert (can0["state"], can0["watchdog_s"]) == ("up", 2.0)
    assert can0["gap_s"] == pytest.approx(0.02)
    assert can0["worst_gap_s"] == pytest.approx(0.05)
    assert can0["up_for_s"] == pytest.approx(3.02)
    assert (rs485["state"], rs485["last_end"], rs485["error"]) == ("backoff", "crash", "OSError: no port")
    assert rs485["backoff_s"] == pytest.approx(8 - 3.02)
    assert rs485["gap_s"] is None


async def test_a_tree_that_has_not_run_yet_is_told_too(autojump_clock: MockClock) -> None:
    inner = Supervisor(name="inner", children=[Child(name="a", run=feeding)])
    tree = Supervisor(name="root", children=[inner.as_child()]).tree()

    assert [tree["state"], tree["children"][0]["state"], tree["children"][0]["children"][0]["state"]] == ["idle"] * 3


async def test_a_group_of_errors_is_told_by_its_members(autojump_clock: MockClock) -> None:
    error = ExceptionGroup("Exceptions from Trio nursery", [OSError("a"), ExceptionGroup("inner", [ValueError("b")])])
    child = Child(name="a", run=failing_after(0, error), restart=Restart.NEVER)
    supervisor = Supervisor(name="s", children=[child])
    await supervisor.run()

    assert supervisor.tree()["children"][0]["error"] == "OSError: a; ValueError: b"


def test_two_children_of_one_name_are_refused() -> None:
    with pytest.raises(ValueError, match="two children share a name"):
        Supervisor(name="s", children=[Child(name="a", run=feeding), Child(name="a", run=feeding)])


async def test_a_watchdog_may_restart_all_siblings_off_first(autojump_clock: MockClock) -> None:
    log = Log()
    off: list[int] = []
    dumb = Child(name="dumb", run=starving, watchdog_s=0.5, at_expiry=AtExpiry.RESTART_ALL, safe=logs_safe(log, "dumb"))
    tree = Supervisor(
        name="s",
        children=[Child(name="link", run=feeding, safe=logs_safe(log, "link")), dumb],
        strategy=Strategy.HUB,
        everything_off=lambda: off.append(len(log)),
    )
    with trio.move_on_after(0.55):
        await tree.run()

    assert [name for name, _ in log][:2] == ["dumb", "link"]
    assert off[0] == 1, "after the one that ended, before its siblings"


async def test_a_watchdog_may_escalate_and_a_crash_of_the_same_part_does_not(autojump_clock: MockClock) -> None:
    runs: list[int] = []

    async def run(lifeline: Lifeline) -> None:
        runs.append(1)
        lifeline.ready()
        if len(runs) == 1:
            raise OSError
        await trio.sleep_forever()

    child = Child(name="a", run=run, watchdog_s=0.5, at_expiry="escalate")  # type: ignore[arg-type]
    with pytest.raises(Escalated, match="s/a: its watchdog expired"):
        await Supervisor(name="s", children=[child]).run()

    assert len(runs) == 2


def test_no_other_word_says_what_follows() -> None:
    with pytest.raises(ValueError, match="reboot"):
        Child(name="a", run=feeding, at_expiry="reboot")  # type: ignore[arg-type]
