"""Between an identification and power: a session whose reason goes while its start is being made durable, and an
identification that is accepted too late.
"""

from __future__ import annotations

from collections.abc import Callable

import attrs
import pytest
import trio
from trio.testing import MockClock

from jp_firmware.charging.view import Ending
from jp_firmware.model.connector import ConnectorState
from jp_firmware.model.faults import Severity
from jp_firmware.model.session import Authorization, IdToken, Session, StopReason, TokenSource
from tests.charging.bench import Bench, BenchAuthorizer, BenchLog
from tests.charging.scenes import READY, TOKEN, Scene, fault
from tests.charging.test_runner import is_safe, running, until_state

S = ConnectorState


@attrs.define(eq=False)
class UnhurriedLog(BenchLog):
    """A journal whose commit of a start takes seconds."""

    commits: trio.Event = attrs.field(factory=trio.Event)

    async def started(self, session: Session) -> None:
        self.commits.set()
        await trio.sleep(3)
        await super().started(session)


def stops(bench: Bench) -> None:
    assert bench.runner.end(Ending(StopReason.LOCAL, "by the driver"))


def stops_twice(bench: Bench) -> None:
    stops(bench)
    assert bench.runner.end(Ending(StopReason.REMOTE, "by the app"))


def unplugs(bench: Bench) -> None:
    bench.unplug()


def presses(bench: Bench) -> None:
    bench.faults.raise_("SAF-01", "plc-1")


@pytest.mark.parametrize(
    ("meanwhile", "reason"),
    [
        (stops, StopReason.LOCAL),
        (stops_twice, StopReason.LOCAL),
        (unplugs, StopReason.EV_DISCONNECTED),
        (presses, StopReason.EMERGENCY_STOP),
    ],
)
async def test_what_happens_while_the_start_is_committed_ends_the_session_before_anything_flows(
    meanwhile: Callable[[Bench], None], reason: StopReason, autojump_clock: MockClock
) -> None:
    log = UnhurriedLog()
    bench, closed = Bench(log=log), []
    bench.ev_link.on_command = lambda command: closed.append(command.close_contactors)
    async with running(bench):
        bench.plug()
        bench.runner.present(TOKEN, authorize=True)
        await log.commits.wait()
        meanwhile(bench)
        await bench.until(lambda: bool(log.ended))
        await trio.sleep(10)

        assert [reason] == [ended.stop_reason for ended in log.ended]
        assert not any(closed)
        assert all(one is None for one in bench.stage.told)


async def test_out_of_service_while_the_start_is_committed_waits_for_the_session(autojump_clock: MockClock) -> None:
    log = UnhurriedLog()
    async with running(Bench(log=log)) as bench:
        bench.plug()
        bench.runner.present(TOKEN, authorize=True)
        await log.commits.wait()
        bench.runner.set_operative(False)
        await until_state(bench, S.CHARGING)
        bench.runner.end(Ending(StopReason.LOCAL))
        await until_state(bench, S.UNAVAILABLE)
        assert is_safe(bench)


async def test_a_lock_is_not_released_while_the_start_is_committed(autojump_clock: MockClock) -> None:
    """Asked to unlock, the connector first ends the session that is about to begin."""
    log = UnhurriedLog()
    bench, unlocked = Bench(log=log), []
    bench.ev_link.on_command = lambda command: unlocked.append((command.unlock, bool(log.ended)))
    async with running(bench):
        bench.plug()
        bench.runner.present(TOKEN, authorize=True)
        await log.commits.wait()
        bench.runner.unlock()
        await trio.sleep(20)

    assert [StopReason.UNLOCK] == [ended.stop_reason for ended in log.ended]
    assert (True, True) in unlocked
    assert (True, False) not in unlocked


@attrs.define(eq=False)
class UncommittedLog(BenchLog):
    """A journal that takes no starts for a while: each is given up."""

    stuck: bool = True
    tried: int = 0

    async def started(self, session: Session) -> None:
        self.tried += 1
        if self.stuck:
            await trio.sleep_forever()
        await super().started(session)


@pytest.mark.parametrize("asked", [False, True])
async def test_a_start_that_cannot_be_committed_is_tried_again_unless_somebody_asked_to_end(
    asked: bool, autojump_clock: MockClock
) -> None:
    log = UncommittedLog()
    async with running(Bench(log=log)) as bench:
        bench.plug()
        bench.runner.present(TOKEN, authorize=True)
        await bench.until(lambda: log.tried == 1)
        if asked:
            bench.runner.end(Ending(StopReason.LOCAL))
        await trio.sleep(12)
        log.stuck = False
        await trio.sleep(30)

        assert bool(log.begun) is not asked
        assert (bench.runner.machine.token is None) is asked


# --- identifications that come too late ------------------------------------------------------------------------------


@attrs.define(eq=False)
class SlowAuthorizer(BenchAuthorizer):
    """A central system that thinks about it."""

    async def authorize(self, token: IdToken, connector_id: object) -> Authorization:
        await trio.sleep(8)
        return self.verdict


async def test_an_answer_after_its_car_has_gone_starts_no_other_cars_session(autojump_clock: MockClock) -> None:
    async with running(Bench(authorizer=SlowAuthorizer())) as bench:
        bench.plug()
        await until_state(bench, S.PREPARING)
        bench.runner.present(TOKEN, authorize=True)
        await trio.sleep(2)
        bench.unplug()
        await until_state(bench, S.AVAILABLE)
        await trio.sleep(8)
        bench.plug()
        await trio.sleep(20)

        assert bench.runner.machine.state is S.PREPARING
        assert bench.log.begun == []
        assert bench.runner.authorization == "accepted by local list, too late"


async def test_an_answer_before_its_car_is_plugged_in_is_good_for_it(autojump_clock: MockClock) -> None:
    async with running(Bench(authorizer=SlowAuthorizer())) as bench:
        bench.runner.present(TOKEN, authorize=True)
        await trio.sleep(2)
        bench.plug()
        await until_state(bench, S.CHARGING)


@pytest.mark.parametrize("faulted", [True, False])
def test_an_identification_for_a_connector_out_of_order_is_not_kept_until_it_is_in_order(faulted: bool) -> None:
    scene = Scene().available()
    scene.step(ev=READY)
    if faulted:
        scene.step(faults=(fault("SAF-02", Severity.DANGER),))
    else:
        scene.machine.operative = False
        scene.step()
    assert not scene.machine.authorize(TOKEN, scene.now_s)

    scene.machine.operative = True
    scene.step(faults=())
    scene.run(5)
    assert scene.machine.state is S.PREPARING
    assert not scene.machine.wants_session


@pytest.mark.parametrize("plugged", [True, False])
@pytest.mark.parametrize("faulted", [True, False])
def test_an_identification_in_the_moment_in_which_a_connector_fails_is_not_kept_either(
    plugged: bool, faulted: bool
) -> None:
    scene = Scene().available()
    if plugged:
        scene.step(ev=READY)
    assert scene.machine.authorize(TOKEN, scene.now_s)
    scene.machine.operative = faulted
    scene.step(faults=(fault("SAF-02", Severity.DANGER),) if faulted else ())
    assert scene.machine.state is (S.FAULTED if faulted else S.UNAVAILABLE)

    scene.machine.operative = True
    scene.step(ev=READY, faults=())
    scene.run(5)
    assert scene.machine.state is S.PREPARING
    assert not scene.machine.wants_session


def test_an_identification_during_a_session_does_not_take_it_over() -> None:
    scene = Scene().charging()
    assert not scene.machine.authorize(IdToken("04FFFFFFFFFFFF", TokenSource.RFID), scene.now_s)

    assert scene.machine.token == TOKEN


async def test_an_identification_does_not_outlive_the_connectors_task(autojump_clock: MockClock) -> None:
    """A connector may be latched for hours; whoever identified himself then has long gone."""
    bench = Bench()
    bench.car = attrs.evolve(READY, max_voltage_v=None)
    async with running(bench):
        await until_state(bench, S.PREPARING)
        bench.runner.present(TOKEN, authorize=True)
        await bench.until(lambda: bench.runner.machine.token is not None)
    bench.car = READY
    async with running(bench):
        await trio.sleep(5)
        assert bench.log.begun == []
