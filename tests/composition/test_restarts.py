"""Restarting a part: what it takes along is known first, and a session that depends on it ends in order first."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
import pytest
import trio
from trio.testing import MockClock

from jp_firmware.charging.view import Ending
from jp_firmware.composition.calls import all_calls
from jp_firmware.config import store
from jp_firmware.console.calls import CallRefused
from jp_firmware.controller import Controller
from jp_firmware.model.ids import ConnectorId, ModuleId
from jp_firmware.model.signals import Source
from jp_firmware.nursery import walk
from jp_firmware.nursery.supervisor import End, RestartRefused
from jp_firmware.planner.orders import Path as Way

IN_SESSION = (ConnectorId(1), ConnectorId(3))


@attrs.define(eq=False)
class Tree:
    """The tree of the demo cabinet, of which every part runs; remembers what it was asked."""

    real: Any
    asked: list[tuple[str, str, float]] = attrs.field(factory=list)
    released: list[str] = attrs.field(factory=list)
    name: str = "controller"
    latched: str = "planner"

    def restarted_with(self, path: str) -> list[str]:
        above, one = walk.find(self.real, path)
        known = {id(leaf): at for at, _, leaf in walk.parts(self.real)}
        group = above.strategy.group_of(one, above.lifelines)
        leaves = [leaf for each in group if each.child.subtree for _, _, leaf in walk.parts(each.child.subtree)]
        leaves += list(group)
        return sorted(known[id(each)] for each in leaves if not each.child.subtree)

    def restart(self, path: str, reason: str, meanwhile: Callable[[], None] | None = None) -> None:
        if path == "planner":
            raise RestartRefused("controller/planner is latched (unsafe); release it first")
        self.asked.append((path, reason, trio.current_time()))

    def release(self, path: str) -> bool:
        walk.find(self.real, path)
        self.released.append(path)
        return walk.relative(self.real, path) == self.latched

    def history(self, path: str, limit: int) -> list[dict[str, Any]]:
        return walk.history(self.real, path, limit)


@attrs.define(eq=False)
class InSession:
    """A connector's runner with a session; remembers how it was told to end."""

    report: Source[Any] = attrs.field(factory=lambda: Source("connector"))
    in_session: bool = True
    endings: list[Ending] = attrs.field(factory=list)

    def end(self, ending: Ending) -> bool:
        self.endings.append(ending)
        return True

    def ended(self) -> None:
        self.in_session = False
        self.report.publish(object(), trio.current_time())


@pytest.fixture
async def controller(autojump_clock: MockClock, tmp_path: Path) -> Controller:
    made = Controller(store.load(store.find("demo")), tmp_path, tmp_path, tmp_path / "socket")
    made.tree = Tree(made.tree)  # type: ignore[assignment]
    return made


async def call(controller: Controller, method: str, **params: object) -> Any:
    return await all_calls(controller)[method](params)


def in_session(controller: Controller) -> dict[int, InSession]:
    made = {key: InSession() for key in IN_SESSION}
    controller.charger.runners.update(made)  # type: ignore[attr-defined]
    return dict(made)


@pytest.mark.parametrize(
    ("path", "ends", "reduces"),
    [
        ("wires/can0/module-1", [], [1]),
        ("wires/can0", [1, 3], []),
        ("wires/can0/link", [1, 3], []),
        ("wires/plc-1-wire/plc-1", [1], []),
        ("wires/plc-2-wire", [3], []),
        ("wires/rs485-0/meter-3", [3], []),
        ("wires/rs485-0/meter-2", [], []),
        ("connectors/connector-3", [3], []),
        ("connectors/connector-2", [], []),
        ("connectors", [1, 3], []),
        ("journal", [1, 3], []),
        ("backend", [], []),
        ("wires/reader-0", [], []),
    ],
)
async def test_what_a_restart_takes_along_is_told_first_and_not_done_without_a_yes(
    autojump_clock: MockClock, controller: Controller, path: str, ends: list[int], reduces: list[int]
) -> None:
    in_session(controller)
    told = await call(controller, "tree.restart", path=path)

    assert (list(told["ends"]), list(told["reduces"])) == (ends, reduces)
    assert told["result"] == ("unconfirmed" if ends else "accepted")
    assert [one for one, _, _ in controller.tree.asked] == ([] if ends else [path])  # type: ignore[attr-defined]
    if ends:
        assert told["text"].startswith("ends the session on connector")


async def test_a_board_takes_the_modules_along_that_hang_over_its_relays(
    autojump_clock: MockClock, tmp_path: Path
) -> None:
    """The segment of module 5 lies between the boards: one tie is plc-1's, and it came to connector 3 over that."""
    ring = Controller(store.load(store.find("ring")), tmp_path, tmp_path, tmp_path / "socket")
    ring.tree = Tree(ring.tree)  # type: ignore[assignment]
    in_session(ring)
    assert ring.plant.switching is not None
    place = ring.plant.switching.yard.places[ModuleId("module-5")]
    ring.plant.stages[ConnectorId(3)].join(ring.plant.modules[ModuleId("module-5")])
    (tie,) = (one for one in place.own if one.board == "plc-1")
    place.path = Way(ConnectorId(3), tie)
    told = await call(ring, "tree.restart", path="wires/plc-1-wire/plc-1")

    assert (list(told["ends"]), list(told["reduces"])) == ([1], [3])
    assert "takes modules from the session on connector 3" in told["text"]


async def test_with_a_yes_the_sessions_end_in_order_before_the_restart(
    autojump_clock: MockClock, controller: Controller
) -> None:
    begun_s = trio.current_time()
    sessions = in_session(controller)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(controller.restarts.run)
        await trio.testing.wait_all_tasks_blocked()
        told = await call(controller, "tree.restart", path="wires/plc-1-wire", yes=True, reason="new firmware")
        assert told["result"] == "accepted"
        await trio.sleep(3)
        assert [one.detail for one in sessions[1].endings] == ["wires/plc-1-wire is restarted"]
        assert sessions[3].endings == []
        assert controller.tree.asked == [], "it waits"  # type: ignore[attr-defined]

        sessions[1].ended()
        await trio.sleep(0.1)
        assert controller.tree.asked == [("wires/plc-1-wire", "new firmware", begun_s + 3)]  # type: ignore[attr-defined]
        nursery.cancel_scope.cancel()


async def test_a_session_that_does_not_end_keeps_nobody_from_restarting(
    autojump_clock: MockClock, controller: Controller
) -> None:
    begun_s = trio.current_time()
    in_session(controller)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(controller.restarts.run)
        await trio.testing.wait_all_tasks_blocked()
        await call(controller, "tree.restart", path="journal", yes=True)
        await trio.sleep(60)
        assert [at for _, _, at in controller.tree.asked] == [begun_s + 12.0]  # type: ignore[attr-defined]
        nursery.cancel_scope.cancel()


async def test_a_console_that_is_restarted_answers_first(autojump_clock: MockClock, controller: Controller) -> None:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(controller.restarts.run)
        await trio.testing.wait_all_tasks_blocked()
        assert (await call(controller, "tree.restart", path="consoles"))["result"] == "accepted"
        assert controller.tree.asked == []  # type: ignore[attr-defined]
        await trio.sleep(1)
        assert len(controller.tree.asked) == 1  # type: ignore[attr-defined]
        nursery.cancel_scope.cancel()


async def test_refusals_say_why_and_acts_are_recorded(autojump_clock: MockClock, controller: Controller) -> None:
    with pytest.raises(CallRefused, match="did you mean wires/can0/module-3"):
        await call(controller, "tree.restart", path="wires/can0/modul-3")
    with pytest.raises(CallRefused, match="is latched"):
        await call(controller, "tree.restart", path="planner")
    with pytest.raises(CallRefused, match="journal is not latched"):
        await call(controller, "tree.release", path="journal")
    with pytest.raises(CallRefused, match="there is no"):
        await call(controller, "tree.release", path="jornal")
    with pytest.raises(CallRefused, match="there is no"):
        await call(controller, "tree.history", path="jornal")
    assert await call(controller, "tree.history") == []
    await call(controller, "tree.restart", path="backend", reason="a new certificate")

    told = [one["text"] for one in controller.logbook.snapshot()["items"]]
    assert told[0].startswith("restart wires/can0/modul-3: refused, there is no")
    assert told[-1] == "restart backend: no session notices; a new certificate"


async def test_a_release_ends_the_fault_that_stood_for_the_latch(
    autojump_clock: MockClock, controller: Controller
) -> None:
    controller.faults.raise_("CTL-01", "planner", "controller/planner unsafe")
    assert (await call(controller, "tree.release", path="planner"))["result"] == "accepted"

    assert controller.faults.active == ()
    assert controller.tree.released == ["planner"]  # type: ignore[attr-defined]


def _latch(controller: Controller, path: str) -> None:
    _, one = walk.find(controller.tree.real, path)  # type: ignore[attr-defined]
    controller._child_ended(f"controller/{path}", one, End.UNSAFE)


def _latched(controller: Controller) -> list[str]:
    return [fault.source for fault in controller.faults.active if fault.code == "CTL-01"]


async def test_parts_whose_names_are_alike_are_latched_and_released_apart(controller: Controller) -> None:
    _latch(controller, "wires/can0/link")
    _latch(controller, "wires/rs485-0/link")
    assert ["wires/can0/link", "wires/rs485-0/link"] == sorted(_latched(controller))

    controller.tree.latched = "wires/can0/link"  # type: ignore[attr-defined]
    assert controller.release("controller/wires/can0/link")
    assert ["wires/rs485-0/link"] == _latched(controller)


@pytest.mark.parametrize(
    ("path", "concerned"),
    [
        ("connectors/connector-2", [2]),
        ("wires/can0/module-1", [1]),
        ("wires/can0/link", [1, 2, 3, 4]),
        ("wires/plc-1-wire/plc-1", [1, 2]),
        ("planner", []),
    ],
)
async def test_a_latched_part_puts_those_out_of_order_that_depend_on_it(
    controller: Controller, path: str, concerned: list[int]
) -> None:
    _latch(controller, path)

    sources = {key: controller.plant.sources_of(key) for key in controller.charger.runners}
    assert concerned == [key for key, names in sources.items() if controller.faults.active_at(names)]


async def test_a_session_whose_start_is_being_committed_ends_in_order_too(controller: Controller) -> None:
    controller.charger.runners[ConnectorId(2)].machine.about_to_begin()

    assert controller.restarts.effect("wires/plc-1-wire/plc-1").ends == (ConnectorId(2),)
