"""All connectors together: whom a swipe, an app or an operator means, and what is refused with which words."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import attrs
import trio
from trio.testing import MockClock

from jp_firmware.charging.charger import Charger
from jp_firmware.charging.connector import ConnectorMachine
from jp_firmware.charging.view import Ending
from jp_firmware.config.schema import Connector
from jp_firmware.model.connector import ConnectorState
from jp_firmware.model.faults import Severity
from jp_firmware.model.ids import ConnectorId
from jp_firmware.model.session import IdToken, StopReason, TokenSource
from tests.charging.bench import Bench
from tests.charging.scenes import PLUGGED

S = ConnectorState
ONE, TWO = ConnectorId(1), ConnectorId(2)
APP = IdToken("APP-1", TokenSource.REMOTE)
TAG = "04a1b2c3d4e5f6"


@attrs.define(eq=False)
class Hall:
    """A charger with two connectors, each on a bench of its own."""

    benches: dict[ConnectorId, Bench] = attrs.field(factory=dict)
    restarts: list[bool] = attrs.field(factory=list)
    remembered: list[Mapping[ConnectorId, bool]] = attrs.field(factory=list)
    charger: Charger = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        for number in (ONE, TWO):
            self.benches[number] = Bench()
            self.benches[number].runner.machine = ConnectorMachine(Connector(id=number))
        self.charger = Charger(
            {number: bench.runner for number, bench in self.benches.items()},
            plug_timeout_s=30,
            restart=self.restarts.append,
            remember_operative=self.remembered.append,
        )

    def state(self, number: ConnectorId) -> ConnectorState:
        return self.benches[number].runner.machine.state

    async def until(self, number: ConnectorId, state: ConnectorState) -> None:
        await self.benches[number].until(lambda: self.state(number) is state)


@asynccontextmanager
async def open_hall() -> AsyncIterator[Hall]:
    hall = Hall()
    async with trio.open_nursery() as world:
        for bench in hall.benches.values():
            world.start_soon(bench.live)
        async with trio.open_nursery() as nursery:
            for bench in hall.benches.values():
                nursery.start_soon(bench.runner.run, bench.lifeline)
                await bench.lifeline.is_ready.wait()
            await hall.until(ONE, S.AVAILABLE)
            await hall.until(TWO, S.AVAILABLE)
            yield hall
            nursery.cancel_scope.cancel()
        world.cancel_scope.cancel()


async def test_a_swipe_starts_the_connector_whose_car_waits_and_a_second_one_ends_it(
    autojump_clock: MockClock,
) -> None:
    async with open_hall() as hall:
        hall.benches[TWO].plug()
        await hall.until(TWO, S.PREPARING)
        hall.charger.swipe(TAG, frozenset())
        await hall.until(TWO, S.CHARGING)
        assert hall.state(ONE) is S.AVAILABLE

        hall.charger.swipe(TAG, frozenset())
        await hall.benches[TWO].until(lambda: bool(hall.benches[TWO].log.ended))
        [ended] = hall.benches[TWO].log.ended
        assert ended.stop_reason is StopReason.LOCAL
        assert ended.stop_token is not None
        assert ended.stop_token.uid == TAG.upper()


async def test_of_two_waiting_cars_a_swipe_means_the_one_plugged_in_last(autojump_clock: MockClock) -> None:
    async with open_hall() as hall:
        hall.benches[ONE].plug()
        await hall.until(ONE, S.PREPARING)
        hall.benches[TWO].plug()
        await hall.until(TWO, S.PREPARING)
        hall.charger.swipe(TAG, frozenset())
        await hall.until(TWO, S.CHARGING)

        assert hall.state(ONE) is S.PREPARING


async def test_a_swipe_before_the_plug_waits_for_the_first_car_and_then_forgets(autojump_clock: MockClock) -> None:
    async with open_hall() as hall:
        hall.charger.swipe(TAG, frozenset())
        await trio.sleep(10)
        hall.benches[ONE].plug()
        await hall.until(ONE, S.CHARGING)

        hall.charger.swipe("04ffffffffffff", frozenset())
        await trio.sleep(31)
        hall.benches[TWO].plug()
        await trio.sleep(5)
        assert hall.state(TWO) is S.PREPARING


async def test_a_reader_serves_only_its_own_connectors(autojump_clock: MockClock) -> None:
    async with open_hall() as hall:
        hall.benches[TWO].plug()
        await hall.until(TWO, S.PREPARING)
        hall.charger.swipe(TAG, frozenset({ONE}))
        await trio.sleep(5)

        assert hall.state(TWO) is S.PREPARING


async def test_a_remote_start_without_a_connector_means_the_one_that_waits(autojump_clock: MockClock) -> None:
    async with open_hall() as hall:
        assert hall.charger.start(None, APP, authorize=False) == (False, "no connector is waiting for a start")
        hall.benches[ONE].plug()
        await hall.until(ONE, S.PREPARING)
        assert hall.charger.start(None, APP, authorize=False) == (True, "")
        await hall.until(ONE, S.CHARGING)


async def test_refusals_say_why(autojump_clock: MockClock) -> None:
    async with open_hall() as hall:
        assert hall.charger.start(ConnectorId(9), APP, authorize=False) == (False, "there is no connector 9")
        assert hall.charger.stop(ONE, remote=True) == (False, "no session is running on connector 1")
        hall.benches[ONE].faults.severity = Severity.STOP
        hall.benches[ONE].faults.raise_("SAF-02", "plc-1")
        accepted, why = hall.charger.start(ONE, APP, authorize=False)
        assert not accepted
        assert why.startswith("connector 1 is faulted: SAF-02")
        hall.benches[TWO].plug()
        hall.charger.start(TWO, APP, authorize=False)
        await hall.until(TWO, S.CHARGING)
        assert hall.charger.start(TWO, APP, authorize=False) == (False, "connector 2 already runs a session")


async def test_a_remote_stop_and_a_refused_token_end_the_session_with_their_reasons(
    autojump_clock: MockClock,
) -> None:
    async with open_hall() as hall:
        for number in (ONE, TWO):
            hall.benches[number].plug()
            hall.charger.start(number, APP, authorize=False)
            await hall.until(number, S.CHARGING)
        hall.charger.stop(ONE, remote=True)
        hall.charger.deauthorize(TWO)
        await hall.charger.all_ended()

        reasons = [hall.benches[number].log.ended[0].stop_reason for number in (ONE, TWO)]
        assert reasons == [StopReason.REMOTE, StopReason.DEAUTHORIZED]


async def test_out_of_service_is_scheduled_while_a_session_runs_and_is_remembered(autojump_clock: MockClock) -> None:
    async with open_hall() as hall:
        hall.benches[ONE].plug()
        hall.charger.start(ONE, APP, authorize=False)
        await hall.until(ONE, S.CHARGING)

        assert hall.charger.set_operative(None, False) == "scheduled"
        await hall.until(TWO, S.UNAVAILABLE)
        assert hall.state(ONE) is S.CHARGING
        assert hall.remembered[-1] == {ONE: False, TWO: False}
        hall.charger.stop(ONE, remote=False)
        await hall.until(ONE, S.UNAVAILABLE)
        assert hall.charger.set_operative(ONE, True) == "accepted"


async def test_a_reset_ends_sessions_first(autojump_clock: MockClock) -> None:
    async with open_hall() as hall:
        hall.benches[ONE].plug()
        hall.charger.start(ONE, APP, authorize=False)
        await hall.until(ONE, S.CHARGING)
        hall.charger.reset(hard=False)
        await hall.charger.all_ended()

        assert hall.restarts == [False]
        assert hall.benches[ONE].log.ended[0].stop_reason is StopReason.SOFT_RESET


async def test_everything_off_reaches_every_stage_inside_the_call(autojump_clock: MockClock) -> None:
    async with open_hall() as hall:
        hall.benches[ONE].plug()
        hall.charger.start(ONE, APP, authorize=False)
        await hall.until(ONE, S.CHARGING)
        idle: list[str] = []
        hall.charger.idle_off = lambda: idle.append("off")
        hall.charger.everything_off()

        assert [bench.stage.told[-1] for bench in hall.benches.values()] == [None, None]
        assert idle == ["off"], "modules that belong to no connector"
        hall.charger.end_all(Ending(StopReason.LOCAL))
        await hall.charger.all_ended()


async def test_an_unlock_ends_the_session_and_then_asks_for_the_lock(autojump_clock: MockClock) -> None:
    async with open_hall() as hall:
        bench = hall.benches[ONE]
        bench.plug()
        hall.charger.start(ONE, APP, authorize=False)
        await hall.until(ONE, S.CHARGING)
        assert hall.charger.unlock(ONE) == (True, "")
        await bench.until(lambda: bench.ev_link.last.unlock)

        assert bench.log.ended[0].stop_reason is StopReason.UNLOCK
        assert bench.car.lock is PLUGGED.lock
