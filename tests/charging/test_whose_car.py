"""Whom an identification is for: nobody else's car is charged on it, however answers, taps and plugs fall together."""

from __future__ import annotations

import attrs
import trio
from trio.testing import MockClock

from jp_firmware.charging.view import Ending
from jp_firmware.model.connector import ConnectorState
from jp_firmware.model.ids import ConnectorId
from jp_firmware.model.session import Authorization, IdToken, StopReason, TokenSource
from tests.charging.bench import BenchAuthorizer
from tests.charging.test_charger import APP, ONE, TAG, TWO, Hall, open_hall

S = ConnectorState
OTHER = "04ffffffffffff"


@attrs.define(eq=False)
class SlowAuthorizer(BenchAuthorizer):
    """A central system that takes its time."""

    async def authorize(self, token: IdToken, connector_id: ConnectorId) -> Authorization:
        await trio.sleep(5)
        return self.verdict


def slow(hall: Hall) -> None:
    for bench in hall.benches.values():
        bench.runner.ports.authorizer = SlowAuthorizer()


def users(hall: Hall, number: ConnectorId) -> list[str]:
    return [session.token.uid for session in hall.benches[number].log.begun]


async def test_a_tag_that_waits_for_a_car_waits_at_its_own_reader_only(autojump_clock: MockClock) -> None:
    async with open_hall() as hall:
        hall.charger.swipe(TAG, frozenset({ONE}))
        hall.benches[TWO].plug()
        await trio.sleep(10)
        assert hall.state(TWO) is S.PREPARING
        hall.benches[ONE].plug()
        await hall.until(ONE, S.CHARGING)

        assert users(hall, TWO) == []


async def test_a_second_driver_is_not_charged_for_the_first_ones_car_while_the_answer_is_on_its_way(
    autojump_clock: MockClock,
) -> None:
    async with open_hall() as hall:
        slow(hall)
        hall.benches[TWO].plug()
        await hall.until(TWO, S.PREPARING)
        hall.benches[ONE].plug()
        await hall.until(ONE, S.PREPARING)
        hall.charger.swipe(TAG, frozenset())
        await trio.sleep(1)
        hall.charger.swipe(OTHER, frozenset())
        await hall.until(ONE, S.CHARGING)
        await hall.until(TWO, S.CHARGING)

        assert (users(hall, ONE), users(hall, TWO)) == ([TAG.upper()], [OTHER.upper()])


async def test_a_tag_tapped_twice_starts_one_session(autojump_clock: MockClock) -> None:
    async with open_hall() as hall:
        slow(hall)
        hall.benches[ONE].plug()
        await hall.until(ONE, S.PREPARING)
        hall.charger.swipe(TAG, frozenset())
        await trio.sleep(1)
        hall.charger.swipe(TAG, frozenset())
        await hall.until(ONE, S.CHARGING)
        hall.benches[TWO].plug()
        await trio.sleep(20)

        assert users(hall, ONE) == [TAG.upper()]
        assert hall.state(TWO) is S.PREPARING


async def test_a_stop_takes_back_an_identification_that_has_no_answer_yet(autojump_clock: MockClock) -> None:
    async with open_hall() as hall:
        slow(hall)
        hall.benches[ONE].plug()
        await hall.until(ONE, S.PREPARING)
        hall.charger.swipe(TAG, frozenset())
        await trio.sleep(1)
        assert hall.charger.stop(ONE, remote=False) == (True, "")
        await trio.sleep(20)

        assert hall.state(ONE) is S.PREPARING
        assert users(hall, ONE) == []


async def test_a_tag_ends_the_session_that_an_app_began_for_it_in_other_letters(autojump_clock: MockClock) -> None:
    """Identifications do not tell capitals from small letters (OCPP 1.6: CiString)."""
    async with open_hall() as hall:
        hall.benches[ONE].plug()
        hall.charger.start(ONE, IdToken(TAG.lower(), TokenSource.REMOTE), authorize=False)
        await hall.until(ONE, S.CHARGING)
        hall.charger.swipe(TAG, frozenset())
        await hall.charger.all_ended()

        assert [StopReason.LOCAL] == [one.stop_reason for one in hall.benches[ONE].log.ended]


async def test_a_connector_whose_task_is_down_takes_no_start(autojump_clock: MockClock) -> None:
    async with open_hall() as hall:
        hall.benches[ONE].plug()
        await hall.until(ONE, S.PREPARING)

    accepted, why = hall.charger.start(ONE, APP, authorize=False)
    assert (accepted, why) == (False, "connector 1 is not at work: its task is not running")
    assert not hall.benches[ONE].runner.end(Ending(StopReason.LOCAL))
