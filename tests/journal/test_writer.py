"""The journal's writer: durability, order, group commit, isolation of failures, and what a stop leaves behind."""

from __future__ import annotations

import math
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
import trio

from jp_firmware.journal.database import MIGRATIONS
from jp_firmware.journal.writer import Journal, JournalError
from jp_firmware.nursery.supervisor import Child, End, Lifeline, Supervisor
from jp_firmware.nursery.testing import Scenario, cancel_at_every_step
from tests.journal.running import PATIENCE_S, Call, Gate, Number, hold, lifeline_of, numbers, numbers_in, running


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "journal.db"


# --- durability -------------------------------------------------------------------------------------------------------

COMMITS_FOR_EVER = """
import sys, itertools, trio
from pathlib import Path
from tests.journal.running import Number, running

async def main():
    async with running(Path(sys.argv[1])) as journal:
        for number in itertools.count():
            await journal.commit(Number(number))
            print(number, flush=True)

trio.run(main)
"""


def test_what_commit_has_confirmed_survives_kill_9(path: Path) -> None:
    repository = Path(__file__).parents[2]
    process = subprocess.Popen(
        [sys.executable, "-c", COMMITS_FOR_EVER, str(path)], cwd=repository, stdout=subprocess.PIPE, text=True
    )
    with process:
        assert process.stdout is not None
        confirmed = [int(process.stdout.readline()) for _ in range(50)]
        process.send_signal(signal.SIGKILL)
        confirmed += [int(line) for line in process.stdout if line.endswith("\n")]

    found = numbers_in(path)
    assert len(confirmed) >= 50
    assert found[: len(confirmed)] == confirmed
    assert len(found) <= len(confirmed) + 1, "at most the one in flight was not confirmed"


async def test_commit_is_on_the_disk_before_it_returns_and_post_is_left_to_the_log(path: Path) -> None:
    levels: list[tuple[str, int]] = []

    def note(what: str) -> Call:
        return Call(lambda db: levels.append((what, db.execute("PRAGMA synchronous").fetchone()[0])))

    async with running(path) as journal:
        before = await hold(journal)
        journal.post(note("post"))
        last = Gate()
        journal.post(last)
        before.opened.set()
        await last.reached.wait()  # a batch without a commit is being written
        last.opened.set()
        await journal.commit(note("commit"))
        gate = await hold(journal)
        async with trio.open_nursery() as nursery:
            journal.post(note("post beside a commit"))
            nursery.start_soon(journal.commit, note("commit beside a post"))
            await trio.sleep(0.01)
            gate.opened.set()

    normal, full = 1, 2
    assert levels == [
        ("post", normal),
        ("commit", full),
        ("post beside a commit", full),
        ("commit beside a post", full),
    ]


async def test_a_reader_sees_what_was_committed(path: Path) -> None:
    async with running(path) as journal:
        await journal.commit(Number(1))

        assert await journal.read(numbers) == [1]


async def test_a_reader_cannot_write(path: Path) -> None:
    async with running(path) as journal:
        await journal.commit(Number(1))
        with pytest.raises(JournalError, match="readonly"):
            await journal.read(lambda db: db.execute("DELETE FROM numbers"))

        assert await journal.read(numbers) == [1]


async def test_what_a_query_raises_of_its_own_passes(path: Path) -> None:
    def query(db: sqlite3.Connection) -> None:
        raise LookupError("no such session")

    async with running(path) as journal:
        with pytest.raises(LookupError):
            await journal.read(query)


# --- order and groups -----------------------------------------------------------------------------------------------


async def test_posts_and_commits_keep_their_order(path: Path) -> None:
    async with running(path) as journal:
        for number in range(0, 300, 3):
            journal.post(Number(number), Number(number + 1))
            await journal.commit(Number(number + 2))

        assert await journal.read(numbers) == list(range(300))


async def test_what_waits_is_committed_together(path: Path) -> None:
    async with running(path) as journal:
        gate = await hold(journal)
        async with trio.open_nursery() as nursery:
            for number in range(50):
                nursery.start_soon(journal.commit, Number(number))
            await trio.testing.wait_all_tasks_blocked(0.01)
            before = journal.transactions
            gate.opened.set()

        assert journal.transactions == before + 2, "the one that was held, and one for all fifty"
        assert sorted(await journal.read(numbers)) == list(range(50))


async def test_a_commit_before_the_writer_is_up_waits_for_it(path: Path) -> None:
    journal = Journal(path)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(journal.commit, Number(7))
        journal.post(Number(8))
        await trio.testing.wait_all_tasks_blocked()
        assert not path.exists()
        with trio.fail_after(PATIENCE_S):
            async with trio.open_nursery() as writer:
                writer.start_soon(journal.run, lifeline_of(journal))
                found = await journal.read(numbers)
                while len(found) < 2:
                    found = await journal.read(numbers)
                writer.cancel_scope.cancel()

    assert found == [7, 8]


# --- failures -------------------------------------------------------------------------------------------------------


async def test_a_record_that_fails_fails_its_own_group_only(path: Path) -> None:
    outcomes: dict[int, str] = {}

    async def commit(journal: Journal, name: int, *values: int) -> None:
        try:
            await journal.commit(*map(Number, values))
            outcomes[name] = "written"
        except JournalError as error:
            outcomes[name] = "unique" if "UNIQUE" in str(error) else str(error)

    async with running(path) as journal:
        await journal.commit(Number(5))
        gate = await hold(journal)
        async with trio.open_nursery() as nursery:
            for name, values in enumerate([(1,), (2, 5, 3), (4,), (5,), (6,)]):
                nursery.start_soon(commit, journal, name, *values)
            await trio.testing.wait_all_tasks_blocked(0.01)
            gate.opened.set()
        await commit(journal, 5, 9)

        assert outcomes == {0: "written", 1: "unique", 2: "written", 3: "unique", 4: "written", 5: "written"}
        assert sorted(await journal.read(numbers)) == [1, 4, 5, 6, 9], "of a group that fails nothing is written"


async def test_a_record_with_a_mistake_in_its_code_fails_its_own_group_only(path: Path) -> None:
    async with running(path) as journal:
        with pytest.raises(JournalError, match="division by zero") as caught:
            await journal.commit(Number(1), Call(lambda db: 1 / 0))
        journal.post(Call(lambda db: 1 / 0))
        await journal.commit(Number(2))

        assert await journal.read(numbers) == [2]
        assert isinstance(caught.value.__cause__, ZeroDivisionError)
        assert not caught.value.storage
        assert journal.lost == 1


async def test_a_record_that_ends_the_transaction_ends_the_writer_but_nobody_waits_for_ever(path: Path) -> None:
    journal = Journal(path)
    failures: list[JournalError] = []

    async def commit() -> None:
        try:
            await journal.commit(Call(lambda db: db.execute("COMMIT")), Call(lambda db: 1 / 0))
        except JournalError as error:
            failures.append(error)

    with trio.fail_after(PATIENCE_S), pytest.RaisesGroup(JournalError):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(commit)
            nursery.start_soon(journal.run, lifeline_of(journal))

    assert len(failures) == 1


async def test_a_full_disk_is_told_with_its_remedy_and_passes(path: Path) -> None:
    troubles: list[str | None] = []
    large = Call(lambda db: db.execute("INSERT INTO state VALUES (hex(randomblob(4)), hex(randomblob(200000)))"))

    async with running(path, troubles.append) as journal:
        await journal.commit(Call(lambda db: db.execute("PRAGMA max_page_count = 30")))
        with pytest.raises(JournalError) as caught:
            await journal.commit(large)
        journal.post(large)
        await journal.commit(Number(1))
        await journal.commit(Call(lambda db: db.execute("PRAGMA max_page_count = 4000")))
        await journal.commit(large)

    assert str(caught.value) == f"journal {path}: database or disk is full; free space on its file system"
    assert caught.value.storage
    assert troubles[:2] == [str(caught.value), None]
    assert journal.lost == 1


async def test_a_file_that_another_process_holds_is_told(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jp_firmware.journal.database.BUSY_TIMEOUT_S", 0.05)
    async with running(path) as journal:
        await journal.commit(Number(1))
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(JournalError, match="locked; another process is writing to it: stop it"):
            await journal.commit(Number(2))
        other.execute("ROLLBACK")
        other.close()
        await journal.commit(Number(3))

        assert await journal.read(numbers) == [1, 3]


async def _error_of_opening(path: Path) -> str:
    journal = Journal(path)
    with trio.fail_after(PATIENCE_S), pytest.raises(JournalError) as caught:
        await journal.run(lifeline_of(journal))
    assert caught.value.storage
    return str(caught.value)


@pytest.mark.parametrize("where", ["/sys/journal.db", "/proc/jp/journal.db"])
async def test_a_directory_that_cannot_be_written_is_told_with_its_remedy(where: str) -> None:
    text = await _error_of_opening(Path(where))

    assert text.startswith(f"journal {where}: ")
    assert text.endswith("; make its directory writable for the user the charger runs as")
    assert "\n" not in text


async def test_a_directory_that_is_a_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("")

    text = await _error_of_opening(tmp_path / "state" / "journal.db")
    assert "directory" in text.lower()


async def test_a_file_that_is_no_database_is_left_alone(path: Path) -> None:
    path.parent.mkdir()
    path.write_text("not a database, but somebody may want it\n" * 100)

    assert "file is not a database; move it away" in await _error_of_opening(path)
    assert path.read_text().startswith("not a database")


async def test_a_file_of_a_newer_firmware_is_refused(path: Path) -> None:
    path.parent.mkdir()
    db = sqlite3.connect(path)
    db.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    db.close()

    assert "written by a newer firmware" in await _error_of_opening(path)


# --- the schema -------------------------------------------------------------------------------------------------------


async def test_each_migration_runs_once_and_in_order(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with running(path) as journal:
        await journal.commit(Number(1))
    newer = (*MIGRATIONS, ("CREATE TABLE later (a INTEGER)", "INSERT INTO later VALUES (42)"))
    monkeypatch.setattr("jp_firmware.journal.database.MIGRATIONS", newer)
    for _ in range(2):
        async with running(path) as journal:
            found = await journal.read(lambda db: [row[0] for row in db.execute("SELECT a FROM later")])
            kept = await journal.read(numbers)

    assert (found, kept) == ([42], [1])


async def test_a_migration_that_fails_leaves_the_file_as_it_was(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with running(path) as journal:
        await journal.commit(Number(1))
    broken = (*MIGRATIONS, ("CREATE TABLE later (a INTEGER)", "INSERT INTO nowhere VALUES (1)"))
    with monkeypatch.context() as patch:
        patch.setattr("jp_firmware.journal.database.MIGRATIONS", broken)
        journal = Journal(path)
        with trio.fail_after(PATIENCE_S), pytest.raises(JournalError, match="nowhere"):
            await journal.run(lifeline_of(journal))
    async with running(path) as journal:
        tables = await journal.read(lambda db: {row[0] for row in db.execute("SELECT name FROM sqlite_master")})
        await journal.commit(Number(2))

    assert "later" not in tables
    assert numbers_in(path) == [1, 2]


# --- a child of the tree --------------------------------------------------------------------------------------------


async def test_an_idle_writer_keeps_its_watchdog_fed_by_its_answers(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jp_firmware.journal.writer.HEARTBEAT_S", 0.05)
    ends: list[End] = []
    journal = Journal(path)
    feeding, fed = trio.open_memory_channel[None](math.inf)
    feed = Lifeline.feed

    def told(lifeline: Lifeline) -> None:
        feed(lifeline)
        feeding.send_nowait(None)

    monkeypatch.setattr(Lifeline, "feed", told)
    child = Child(name="journal", run=journal.run, watchdog_s=PATIENCE_S)
    tree = Supervisor(name="s", children=[child], on_event=lambda path, one, end: ends.append(end))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(tree.run)
        with trio.fail_after(PATIENCE_S):
            for _ in range(5):
                await fed.receive()
        nursery.cancel_scope.cancel()

    assert ends == [End.STOPPED]
    assert journal.transactions == 0
    assert tree.lifelines[0].worst_gap_s >= 0.05, "it is asked now and then, not all the time"


async def test_a_writer_that_hangs_is_found_by_the_watchdog_and_replaced_without_loss(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jp_firmware.journal.writer.HEARTBEAT_S", 0.05)
    monkeypatch.setattr("jp_firmware.journal.writer.DRAIN_S", 0.2)
    ends: list[End] = []
    ended: list[trio.Event] = []

    def on_event(path: str, lifeline: Lifeline, end: End) -> None:
        ends.append(end)
        for one in ended:
            one.set()

    journal = Journal(path)
    child = Child(name="journal", run=journal.run, watchdog_s=0.3)
    tree = Supervisor(name="s", children=[child], on_event=on_event)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(tree.run)
        with trio.fail_after(PATIENCE_S):
            await journal.commit(Number(1))
            gate = await hold(journal)
            journal.post(Number(2))
            before = len(ends)  # a writer that this machine has kept waiting is replaced, too
            ended.append(trio.Event())
            await ended[0].wait()
            gate.opened.set()  # the disk is back: the old thread ends after its transaction, the new one goes on
            await journal.commit(Number(3))
        nursery.cancel_scope.cancel()

    assert ends[before] is End.WATCHDOG
    assert numbers_in(path) == [1, 2, 3]


async def test_a_stop_writes_what_is_queued(path: Path) -> None:
    async with running(path) as journal:
        await journal.commit(Number(0))
        gate = await hold(journal)
        for number in range(1, 1000):
            journal.post(Number(number))
        gate.opened.set()

    assert numbers_in(path) == list(range(1000))


async def test_a_stop_waits_for_a_writer_that_hangs_no_longer_than_it_may(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jp_firmware.journal.writer.DRAIN_S", 0.1)
    async with running(path) as journal:
        await journal.commit(Number(0))
        gate = await hold(journal)
        journal.post(Number(1))
    was_open = gate.opened.is_set()
    gate.opened.set()

    assert not was_open, "the stop came back while the writer still hung"


async def test_a_queue_that_nobody_writes_is_bounded(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jp_firmware.journal.writer.QUEUE_LIMIT", 10)
    journal = Journal(path)
    for number in range(25):
        journal.post(Number(number))

    assert journal.lost == 15


def test_cancelled_at_any_step_nothing_that_was_confirmed_or_posted_is_lost(tmp_path: Path) -> None:
    files = iter(tmp_path / f"{number}.db" for number in range(10_000))

    def scenario() -> Scenario:
        path = next(files)
        confirmed: list[int] = []
        posted: list[int] = []
        journal = Journal(path)

        async def client(first: int) -> None:
            for number in range(first, first + 6, 2):
                posted.append(number)
                journal.post(Number(number))
                await journal.commit(Number(number + 1))
                confirmed.append(number + 1)

        async def run() -> None:
            async with trio.open_nursery() as writer:
                writer.start_soon(journal.run, lifeline_of(journal))
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(client, 0)
                    nursery.start_soon(client, 100)
                writer.cancel_scope.cancel()

        def check() -> None:
            found = numbers_in(path)
            assert set(confirmed) <= set(found)
            assert set(posted) <= set(found)
            assert len(found) == len(set(found))

        return Scenario(run=run, check=check)

    assert cancel_at_every_step(scenario, seeds=[1], clock=None) > 15


# --- a process that must be left --------------------------------------------------------------------------------------


async def test_a_flush_returns_when_all_that_was_queued_can_be_read_though_the_loop_does_not_turn(path: Path) -> None:
    async with running(path) as journal:
        await journal.commit(Number(0))
        journal.post(*map(Number, range(1, 100)))
        flushed = journal.flush_now(PATIENCE_S)
        found = numbers_in(path)

    assert flushed
    assert found == list(range(100))


async def test_a_flush_behind_a_writer_that_hangs_gives_up(path: Path) -> None:
    async with running(path) as journal:
        gate = await hold(journal)
        journal.post(Number(1))
        flushed = journal.flush_now(0.05)
        gate.opened.set()

    assert not flushed
