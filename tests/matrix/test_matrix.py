"""Every cell of the fault matrix is run: the real task in a real tree, beside a sibling that must not notice."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from jp_firmware.nursery.supervisor import DEAF_LOOK_S, End
from tests.matrix.hardware import BoardRig, BusRig, MeterRig, ModuleRig
from tests.matrix.rig import Rig
from tests.matrix.running import Seen, gap_allowed_s, run, run_beside_a_full_disk
from tests.matrix.software import BackendRig, PlannerRig
from tests.matrix.table import COLUMNS, ROWS, TABLE, Cell, Elsewhere, NotHere

RIGS: dict[str, type[Rig]] = {
    "module": ModuleRig,
    "bus": BusRig,
    "meter": MeterRig,
    "board": BoardRig,
    "backend": BackendRig,
    "planner": PlannerRig,
}
ROOT = Path(__file__).parents[2]


def cells(*but: str, only: str = "") -> list[object]:
    return list(_cells(but, only))


def _cells(but: tuple[str, ...], only: str) -> Iterator[object]:
    for column in COLUMNS:
        for row in ROWS:
            cell = TABLE[column][row]
            if isinstance(cell, Cell) and row not in but and only in ("", row):
                marks = [pytest.mark.xfail(reason=cell.known, strict=False)] if cell.known else []
                yield pytest.param(column, row, cell, id=f"{COLUMNS[column]}: {ROWS[row]}", marks=marks)


@pytest.fixture(autouse=True)
def _quiet(caplog: pytest.LogCaptureFixture) -> None:
    """A safe state that fails is logged with its traceback, rightly."""
    caplog.set_level(logging.CRITICAL)


@pytest.mark.parametrize(("column", "row", "cell"), cells("clock_step", "disk_full"))
def test_what_the_matrix_says_is_what_happens(column: str, row: str, cell: Cell) -> None:
    check(run(RIGS[column], row, cell), column, row, cell)


@pytest.mark.parametrize("hour_s", [3600.0, -3600.0], ids=["+1 h", "-1 h"])
@pytest.mark.parametrize(("column", "row", "cell"), cells(only="clock_step"))
def test_a_step_of_the_wall_clock_neither_fires_nor_silences_a_watchdog(
    column: str, row: str, cell: Cell, hour_s: float
) -> None:
    seen = run(RIGS[column], row, cell, hour_s=hour_s)

    check(seen, column, row, cell)
    assert seen.longest_gap_s < seen.rig.patient.child.watchdog_s


@pytest.mark.parametrize("hour_s", [3600.0, -3600.0], ids=["+1 h", "-1 h"])
@pytest.mark.parametrize("column", ["module", "meter", "board"])
def test_a_device_that_falls_silent_while_the_wall_clock_steps_ends_at_the_same_moment(
    column: str, hour_s: float
) -> None:
    cell = TABLE[column]["device_silent"]
    assert isinstance(cell, Cell)
    plain, stepped = run(RIGS[column], "device_silent", cell), run(RIGS[column], "silent_and_step", cell, hour_s=hour_s)

    check(stepped, column, "device_silent", cell)
    assert plain.end_after_s == pytest.approx(stepped.end_after_s, abs=1e-9)


@pytest.mark.parametrize(("column", "row", "cell"), cells(only="disk_full"))
def test_a_full_disk_stops_nobody(column: str, row: str, cell: Cell, tmp_path: Path) -> None:
    if column == "backend":  # its journal is one of ours, so that hours can pass
        seen = run(RIGS[column], row, cell)
        check(seen, column, row, cell)
        assert isinstance(seen.rig, BackendRig)
        assert [] == seen.rig.site.journal.given_up()
    else:
        seen = run_beside_a_full_disk(RIGS[column], cell, tmp_path / "journal.db")
        check(seen, column, row, cell, real_clock=True)
        assert seen.journal_trouble, "the disk was full indeed"


@pytest.mark.parametrize("column", ["module", "meter", "board", "planner"])
def test_a_task_that_shields_itself_from_its_watchdog_is_made_safe_from_outside_and_latched(column: str) -> None:
    seen = run(RIGS[column], "task_shields_itself_from_its_watchdog", Cell(says="", watch_s=12.0, recovers=False))

    child = seen.rig.patient.child
    assert seen.end is End.STUCK
    assert seen.rig.patient.lifeline.state.is_latched
    assert seen.end_after_s <= child.watchdog_s + child.stop_within_s + 2 * child.safe_within_s + 0.1
    assert seen.rig.off_at_its_end[0], "what the task goes on doing switched it on again"
    assert bool(seen.rig.patient.made_safe_at_s) is (child.safe is not None)
    expired_s = seen.rig.patient.fed_at_s[-1] + child.watchdog_s
    assert column != "module" or 0 < seen.rig.last_on_s <= expired_s + DEAF_LOOK_S, "OFF waited for the task"
    assert seen.sibling_gap_s <= seen.rig.tick_s + 1e-6


def check(seen: Seen, column: str, row: str, cell: Cell, *, real_clock: bool = False) -> None:
    """What was seen is what the cell says."""
    rig = seen.rig
    assert (seen.end in cell.ends) if cell.ends else (seen.end is None), f"ended by {seen.end}"
    assert seen.end_after_s <= cell.within_s + 1e-6
    assert seen.codes == ({cell.fault} if cell.fault else set()) or row == "task_shields_itself"
    assert seen.feeds is cell.feeds
    assert cell.trusted is None or seen.trusted is cell.trusted
    assert not (cell.trusted is False and cell.fault) or cell.fault in seen.standing
    assert not rig.believed_late, "an old answer was taken for a new one"
    if cell.others != "*":
        assert all(path.startswith(cell.others or "nobody") for path in seen.others), seen.others
    if seen.end is End.WATCHDOG:
        late_s = seen.end_after_s - seen.last_fed_s - rig.patient.child.watchdog_s
        assert -1e-6 <= late_s <= (rig.patient.child.safe_within_s if rig.patient.child.safe else 1e-6)
    if seen.end in (End.UNSAFE, End.STUCK):
        assert rig.patient.lifeline.state.is_latched
    if rig.off_at_its_end and not cell.holds_power:
        assert rig.off_at_its_end[0], "power was still held when its end was told"
    if seen.end is End.STUCK and rig.patient.child.safe:
        assert rig.patient.made_safe_at_s, "nobody made it safe from outside"
    if not real_clock:
        assert seen.sibling_gap_s <= gap_allowed_s(rig, row) + 1e-6
    assert "" == seen.recovered


def test_the_table_has_every_cell_and_every_exception_its_reason() -> None:
    assert set(COLUMNS) == set(TABLE)
    for column in TABLE.values():
        assert list(ROWS) == list(column)
        for row, cell in column.items():
            text = cell.why if isinstance(cell, NotHere) else cell.says
            assert text.endswith("."), text
            assert not isinstance(cell, Elsewhere) or (ROOT / cell.test).exists(), row
