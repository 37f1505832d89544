"""Runs one cell of the matrix: lets the fault loose on a healthy tree, watches, takes it away, watches again."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta, tzinfo
from itertools import pairwise
from pathlib import Path
from typing import Any

import attrs
import pytest
import trio
from trio.testing import MockClock

from jp_firmware.composition.logbook import Logbook
from jp_firmware.nursery.supervisor import End, Escalated, State
from tests.hw.faults import Faults
from tests.journal.running import Call, running
from tests.matrix.rig import STALL_S, Rig
from tests.matrix.table import Cell
from tests.unhurried import BRIEFLY_S, LivedClock


@attrs.define
class Seen:
    """What was seen of one cell, in the words of the table."""

    end: End | None
    end_after_s: float
    codes: frozenset[str]
    standing: frozenset[str]
    feeds: bool
    trusted: bool
    others: frozenset[str]
    sibling_gap_s: float
    last_fed_s: float  # after the fault began; before its end
    longest_gap_s: float
    rig: Rig
    recovered: str = ""  # what is missing
    journal_trouble: str = ""


async def watch(rig_type: type[Rig], row: str, cell: Cell, **options: Any) -> Seen:
    """The cell on one rig, as the clock of this run goes."""
    clock = trio.lowlevel.current_clock()
    async with trio.open_nursery() as wires, trio.open_nursery() as nursery:
        rig = rig_type(nursery=wires, clock=clock, **options)
        rig.plant_tree()
        nursery.start_soon(rig.live)
        tree_scope = await nursery.start(_run, rig)
        with stepping_wall_clock(rig):
            seen = await _watch(rig, row, cell, tree_scope)
        tree_scope.cancel(reason="test over")
        rig.patient.lets_go()
        with trio.fail_after(60):
            await rig.tree_ended.wait()
        nursery.cancel_scope.cancel(reason="test over")
        wires.cancel_scope.cancel(reason="test over")
    return seen


async def _run(rig: Rig, task_status: trio.TaskStatus[trio.CancelScope]) -> None:
    with trio.CancelScope() as scope:
        task_status.started(scope)
        try:
            await rig.tree.run()
        except Escalated:
            assert rig.patient.lifeline.state.is_latched
    rig.tree_ended.set()


async def _watch(rig: Rig, row: str, cell: Cell, tree_scope: trio.CancelScope) -> Seen:
    await trio.sleep(rig.settle_s)
    assert rig.patient.lifeline.state is State.UP, "it was well before"
    assert rig.is_trusted()
    assert not rig.ends
    struck_s = trio.current_time()
    getattr(rig, row)()
    if row == "task_shields_itself":
        tree_scope.cancel(reason="an ordered stop of the whole tree")
    await trio.sleep(cell.watch_s)

    mine = [(at_s - struck_s, end) for at_s, path, end in rig.ends if path == rig.path]
    gap_s = rig.sibling.worst_gap_s
    if rig.sibling.state is State.UP:
        gap_s = max(gap_s, trio.current_time() - rig.sibling.fed_at_s)
    seen = Seen(
        end=mine[0][1] if mine else None,
        end_after_s=mine[0][0] if mine else 0.0,
        codes=frozenset(one[1:].split()[0] for one in rig.faults.history if one[0] == "+" and one.endswith(rig.source)),
        standing=frozenset(code for code, source in rig.faults.active if source == rig.source),
        feeds=any(at_s > struck_s + cell.grace_s for at_s in rig.patient.fed_at_s),
        trusted=rig.is_trusted(),
        others=frozenset(path for _, path, _ in rig.ends if path != rig.path),
        sibling_gap_s=gap_s,
        last_fed_s=_last_fed_s(rig, struck_s, mine[0][0] if mine else math.inf),
        longest_gap_s=max(later - at_s for at_s, later in pairwise(rig.patient.fed_at_s)),
        rig=rig,
    )
    if cell.recovers:
        rig.relieve()
        await trio.sleep(cell.recover_s)
        seen.recovered = _missing(rig)
    return seen


def _last_fed_s(rig: Rig, struck_s: float, end_after_s: float) -> float:
    return max(at_s - struck_s for at_s in rig.patient.fed_at_s if at_s - struck_s <= end_after_s)


def _missing(rig: Rig) -> str:
    if rig.patient.lifeline.state is not State.UP:
        return f"it is {rig.patient.lifeline.state.value}"
    if any(source == rig.source for _, source in rig.faults.active):
        return f"faults stand: {rig.faults.active}"
    return "" if rig.is_trusted() else "nobody believes it"


def gap_allowed_s(rig: Rig, row: str) -> float:
    """The sibling's worst gap: its own period, and what a blocked loop adds."""
    return rig.tick_s + (STALL_S if row == "task_blocks_200_ms" else 0.0)


def run(rig_type: type[Rig], row: str, cell: Cell, **options: Any) -> Seen:
    async def main() -> Seen:
        return await watch(rig_type, row, cell, **options)

    return trio.run(main, clock=MockClock(autojump_threshold=0))


# --- a full disk ----------------------------------------------------------------------------------------------------


def run_beside_a_full_disk(rig_type: type[Rig], cell: Cell, path: Path) -> Seen:
    """As `run`, in real time, with a real journal whose disk takes nothing more and to which all faults go."""
    cell = attrs.evolve(cell, watch_s=0.6, recovers=False)
    return trio.run(_beside_a_full_disk, rig_type, cell, path, clock=LivedClock(BRIEFLY_S))


async def _beside_a_full_disk(rig_type: type[Rig], cell: Cell, path: Path) -> Seen:
    troubles: list[str] = []
    async with running(path, lambda trouble: troubles.append(trouble or "")) as journal:
        logbook = Logbook(journal)
        faults = Faults(on_raise=lambda code: logbook.note("fault", "matrix", code * 50_000))
        await journal.commit(Call(lambda db: db.execute("PRAGMA max_page_count = 1")))
        seen = await watch(rig_type, "disk_full", cell, settle_s=1.0, faults=faults)
    seen.journal_trouble = next(filter(None, troubles), "")
    return seen


# --- the wall clock -------------------------------------------------------------------------------------------------


@contextmanager
def stepping_wall_clock(rig: Rig) -> Iterator[None]:
    """Every module of the firmware that reads the wall clock reads one that `rig` can step."""

    class Stepped(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]
            return datetime.now(tz) + timedelta(seconds=rig.wall_step_s)

    true_s = time.time
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(time, "time", lambda: true_s() + rig.wall_step_s)
        for name, module in list(sys.modules.items()):
            if name.startswith("jp_firmware.") and getattr(module, "datetime", None) is datetime:
                patch.setattr(module, "datetime", Stepped)
        assert abs((datetime.now(UTC) - Stepped.now(UTC)).total_seconds()) < 60 + abs(rig.wall_step_s)
        yield
