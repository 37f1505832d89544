"""A part that is changed while it is down: between its safe state and its next start, whatever takes it there."""

from __future__ import annotations

import math

import pytest
import trio
from trio.testing import MockClock

from jp_firmware.nursery.supervisor import Child, Lifeline, RestartRefused, State, Strategy, Supervisor, UnknownPath
from tests.nursery.parts import feeding


class Yard:
    """A bus with two devices, and a log of what happens."""

    def __init__(self) -> None:
        self.log: list[str] = []
        self.bus = Supervisor(
            name="can0", children=[self.part(name) for name in ("link", "a", "b")], strategy=Strategy.HUB
        )
        self.root = Supervisor(name="root", children=[self.part("journal"), self.bus.as_child()])

    def part(self, name: str) -> Child:
        async def run(lifeline: Lifeline) -> None:
            self.log.append(f"start {name}")
            await feeding(lifeline)

        async def safe() -> None:
            self.log.append(f"safe {name}")

        return Child(name=name, run=run, safe=safe)

    def change(self) -> None:
        self.log.append("change")


@pytest.mark.parametrize(
    ("path", "log"),
    [
        ("journal", ["safe journal", "change", "start journal"]),
        ("can0/a", ["safe a", "change", "start a"]),
        ("can0/link", ["safe b", "safe a", "safe link", "change", "start link", "start a", "start b"]),
        ("can0", ["safe b", "safe a", "safe link", "change", "start link", "start a", "start b"]),
    ],
)
async def test_it_is_changed_while_it_and_what_hangs_on_it_is_down(
    autojump_clock: MockClock, path: str, log: list[str]
) -> None:
    yard = Yard()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(yard.root.run)
        await trio.sleep(1)
        yard.log.clear()
        yard.root.restart(path, "another address", yard.change)
        assert yard.log == [], "asking changes nothing yet"
        await trio.sleep(1)
        assert yard.log == log
        yard.log.clear()
        yard.root.restart(path, "once more")
        await trio.sleep(1)
        assert "change" not in yard.log, "only once"
        nursery.cancel_scope.cancel()


async def test_one_change_at_a_time(autojump_clock: MockClock) -> None:
    yard = Yard()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(yard.root.run)
        await trio.sleep(1)
        yard.root.restart("can0/a", "first", yard.change)
        with pytest.raises(RestartRefused, match="being changed already"):
            yard.root.restart("can0/a", "second", yard.change)
        yard.root.restart("can0/a", "an operator, who knows nothing of it")
        await trio.sleep(1)
        assert yard.log.count("change") == 1
        nursery.cancel_scope.cancel()


async def test_a_part_that_fails_before_it_was_stopped_is_changed_all_the_same(autojump_clock: MockClock) -> None:
    yard, fail = Yard(), trio.Event()

    async def run(lifeline: Lifeline) -> None:
        yard.log.append("start")
        lifeline.ready()
        await fail.wait()
        raise OSError("unplugged")

    tree = Supervisor(name="tree", children=[Child(name="a", run=run)], intensity=None)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(tree.run)
        await trio.sleep(1)
        fail.set()
        tree.restart("a", "another port", yard.change)
        await trio.sleep(0.05)
        assert yard.log[:3] == ["start", "change", "start"]
        nursery.cancel_scope.cancel()


async def test_whoever_waits_for_a_part_goes_on_when_it_is_up_again(autojump_clock: MockClock) -> None:
    yard = Yard()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(yard.root.run)
        part = yard.root.part("can0/a")
        await part.up()
        down = trio.Event()
        yard.root.restart("can0/a", "another address", down.set)
        await down.wait()
        assert part.state is not State.UP
        with trio.fail_after(1):
            await part.up()
        assert part.state is State.UP
        nursery.cancel_scope.cancel()
    with pytest.raises(UnknownPath):
        yard.root.part("can0/c")


async def test_another_watchdog_counts_from_the_next_feed(autojump_clock: MockClock) -> None:
    fed = trio.Event()

    async def run(lifeline: Lifeline) -> None:
        lifeline.ready()
        await fed.wait()
        lifeline.feed()
        await trio.sleep_forever()

    tree = Supervisor(name="tree", children=[Child(name="a", run=run)], intensity=None)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(tree.run)
        await trio.sleep(100)
        tree.set_terms("a", watchdog_s=2.0)
        await trio.sleep(100)
        assert tree.part("a").restarts == 0, "it was promised more when it was fed last"
        fed.set()
        await trio.sleep(1.9)
        assert tree.part("a").restarts == 0
        await trio.sleep(0.5)
        assert tree.part("a").restarts == 1
        assert math.isclose(tree.part("a").child.watchdog_s, 2.0)
        nursery.cancel_scope.cancel()
