"""The accounts of one connector: what is on the disk, what may be, and that nothing is left open for good."""

from __future__ import annotations

import attrs
import pytest
import trio
from trio.testing import MockClock

from jp_firmware.charging.accounts import CLOSING_S, RECOVERY_PATIENCE_S, STARTING_S, Accounts
from jp_firmware.charging.timeouts import Timeouts
from jp_firmware.charging.view import Ending
from jp_firmware.config.schema import Connector
from jp_firmware.model.ids import ConnectorId
from jp_firmware.model.power import MeterReading
from jp_firmware.model.session import Session, StopReason
from tests.charging.bench import Bench, BenchLog
from tests.charging.scenes import TOKEN

CONNECTOR = Connector(id=ConnectorId(1))
ENDING = Ending(StopReason.LOCAL, "by the driver")
LIMITS = Timeouts()


@attrs.define(eq=False)
class FaithfulLog(BenchLog):
    """A journal that remembers what is open, and takes as long for each commit as it is told."""

    takes_s: float = 0.01
    refuses: bool = False

    async def started(self, session: Session) -> None:
        self.left_open.append(session)  # it was handed over, whoever waits for it
        await self._commit()
        self.begun.append(session)

    async def stopped(self, session: Session) -> None:
        await self._commit()
        self.left_open = [one for one in self.left_open if one.id != session.id]
        self.ended.append(session)

    async def _commit(self) -> None:
        await trio.sleep(self.takes_s)
        if self.refuses:
            raise OSError("the disk is full")


@pytest.fixture
def log() -> FaithfulLog:
    return FaithfulLog()


@pytest.fixture
def bench(log: FaithfulLog) -> Bench:
    return Bench(log=log)


@pytest.fixture
def accounts(bench: Bench) -> Accounts:
    return Accounts(ConnectorId(1), bench.runner.ports)


def read(bench: Bench, import_wh: int) -> None:
    reading = MeterReading(voltage_v=0, current_a=0, power_w=0, import_wh=import_wh)
    bench.meter.reading.publish(reading, trio.current_time())


async def test_a_session_is_there_once_its_start_is_on_the_disk_and_until_its_stop_is(
    accounts: Accounts, log: FaithfulLog, autojump_clock: MockClock
) -> None:
    assert await accounts.open(TOKEN, 1000, "0242AC110002")
    assert accounts.session is not None
    assert accounts.session in log.begun
    await accounts.close(ENDING, LIMITS)

    assert accounts.session is None
    assert accounts.last_session == log.ended[0]
    assert log.ended[0].stop_reason is StopReason.LOCAL
    assert not accounts.in_doubt


async def test_a_start_that_takes_too_long_is_none_and_in_doubt(
    accounts: Accounts, log: FaithfulLog, autojump_clock: MockClock
) -> None:
    log.takes_s = STARTING_S + 1
    assert not await accounts.open(TOKEN, 1000, "")

    assert trio.current_time() == pytest.approx(STARTING_S)
    assert accounts.session is None
    assert accounts.in_doubt


async def test_a_start_that_the_journal_refuses_is_told_to_the_caller(
    accounts: Accounts, log: FaithfulLog, autojump_clock: MockClock
) -> None:
    log.refuses = True
    with pytest.raises(OSError, match="the disk is full"):
        await accounts.open(TOKEN, 1000, "")

    assert accounts.session is None
    assert accounts.in_doubt


async def test_neither_start_nor_stop_can_be_cancelled(
    accounts: Accounts, log: FaithfulLog, autojump_clock: MockClock
) -> None:
    with trio.CancelScope() as scope:
        scope.cancel(reason="a restart in the middle of it")
        assert await accounts.open(TOKEN, 1000, "")
        await accounts.close(ENDING, LIMITS)

    assert [one.id for one in log.begun] == [one.id for one in log.ended]


async def test_what_was_given_up_is_looked_for_with_the_next_session_and_that_one_is_left_alone(
    accounts: Accounts, bench: Bench, log: FaithfulLog, autojump_clock: MockClock
) -> None:
    log.takes_s = STARTING_S + 1
    await accounts.open(TOKEN, 1000, "")
    [given_up] = log.left_open
    log.takes_s = 0.01
    read(bench, 1000)
    assert await accounts.open(TOKEN, 1000, "")
    await accounts.settle_doubt(CONNECTOR)

    assert [given_up.id] == [one.id for one in log.ended]
    assert accounts.session in log.left_open
    assert not accounts.in_doubt


async def test_without_a_doubt_nothing_is_looked_for(
    accounts: Accounts, log: FaithfulLog, autojump_clock: MockClock
) -> None:
    await accounts.open(TOKEN, 1000, "")
    await accounts.close(ENDING, LIMITS)
    log.left_open = list(log.begun)
    await accounts.settle_doubt(CONNECTOR)

    assert log.left_open == log.begun


@pytest.mark.parametrize("refuses", [True, False])
async def test_a_stop_that_is_not_on_the_disk_ends_the_session_and_is_found_at_the_next_start(
    accounts: Accounts, bench: Bench, log: FaithfulLog, refuses: bool, autojump_clock: MockClock
) -> None:
    await accounts.open(TOKEN, 1000, "")
    log.takes_s, log.refuses = (0.01, True) if refuses else (CLOSING_S + 1, False)
    if refuses:
        with pytest.raises(OSError, match="the disk is full"):
            await accounts.close(ENDING, LIMITS)
    else:
        await accounts.close(ENDING, LIMITS)
        assert accounts.in_doubt
    assert accounts.session is None
    assert accounts.last_session is not None

    log.takes_s, log.refuses = 0.01, False
    read(bench, 1010)
    await accounts.recover(CONNECTOR)
    assert log.left_open == []
    assert [1010] == [one.meter_stop_wh for one in log.ended]


async def test_a_meter_that_stays_silent_holds_nobody_up_for_long(
    accounts: Accounts, log: FaithfulLog, autojump_clock: MockClock
) -> None:
    await accounts.open(TOKEN, 1000, "")
    left_open = Accounts(ConnectorId(1), accounts.ports)
    began_s = trio.current_time()
    await left_open.recover(CONNECTOR)

    assert trio.current_time() - began_s <= RECOVERY_PATIENCE_S + 0.1
    assert [1000] == [one.meter_stop_wh for one in log.ended]
