"""A session while power may flow, by itself: its stages in their order, its pauses, and which reason ends it."""

from __future__ import annotations

import attrs
import pytest

from jp_firmware.charging.session import EnergisedSession
from jp_firmware.charging.timeouts import Timeouts
from jp_firmware.charging.view import Ending, View
from jp_firmware.config.schema import Connector
from jp_firmware.model.connector import ConnectorState, EvStatus, Insulation, Stage
from jp_firmware.model.faults import Severity
from jp_firmware.model.ids import ConnectorId
from jp_firmware.model.power import StageOutput
from jp_firmware.model.session import StopReason
from tests.charging.scenes import READY, Scene, fault

S = ConnectorState
LIMITS = Timeouts()
SOMEBODY = Ending(StopReason.LOCAL, "by the driver")
CLOSED = attrs.evolve(READY, contactors_closed=True, insulation=Insulation.TESTING)
VALID = attrs.evolve(CLOSED, insulation=Insulation.VALID)
ASKS = attrs.evolve(VALID, ready=True, target_current_a=100.0)
IDLE = Scene(ev=READY).view


def at(now_s: float, ev: EvStatus, voltage_v: float = 0.0, **world: object) -> View:
    output = StageOutput(voltage_v=voltage_v, current_a=0, modules_on=2)
    return attrs.evolve(IDLE, now_s=now_s, ev=ev, output=output, **world)  # type: ignore[arg-type]


WAY = [  # what is seen, and the state and the wished voltage that follow from it
    (at(0.1, READY), S.CABLE_CHECK, None),
    (at(0.2, CLOSED), S.CABLE_CHECK, 500.0),
    (at(0.3, CLOSED, 500.0), S.CABLE_CHECK, 500.0),
    (at(0.4, VALID, 500.0), S.CABLE_CHECK, None),
    (at(0.5, VALID, 20.0), S.PRECHARGE, None),
    (at(0.6, VALID, 200.0), S.PRECHARGE, 400.0),
    (at(0.7, ASKS, 398.0), S.CHARGING, 400.0),
]


def charging() -> EnergisedSession:
    session = EnergisedSession(Connector(id=ConnectorId(1)), LIMITS, began_s=0.0)
    for view, _, _ in WAY:
        assert session.step(view, None) is None
    return session


def test_it_goes_from_the_cable_check_to_the_first_ampere() -> None:
    session = EnergisedSession(Connector(id=ConnectorId(1)), LIMITS, began_s=0.0)
    seen = []
    for view, _, _ in WAY:
        assert session.step(view, None) is None
        seen.append((session.state, session.wish.voltage_v if session.wish else None))

    assert seen == [(state, voltage_v) for _, state, voltage_v in WAY]


def test_every_energised_state_is_told_to_the_board_as_a_stage() -> None:
    session = charging()
    stages = {}
    for state in S:
        if state.is_energised:
            session.state = state
            stages[state] = session.stage

    assert stages == {
        S.CABLE_CHECK: Stage.CABLE_CHECK,
        S.PRECHARGE: Stage.PRECHARGE,
        S.CHARGING: Stage.CHARGING,
        S.SUSPENDED_EV: Stage.CHARGING,
        S.SUSPENDED_EVSE: Stage.CHARGING,
    }


def test_a_car_without_a_share_is_suspended_by_the_charger_and_one_that_wants_nothing_by_itself() -> None:
    session, quiet = charging(), attrs.evolve(ASKS, target_current_a=0.0)
    session.step(at(1.0, ASKS, 398.0, assigned_w=0.0), None)
    assert (session.state, session.wish) == (S.SUSPENDED_EVSE, None)
    session.step(at(2.0, quiet, 398.0, assigned_w=0.0), None)
    assert session.state is S.SUSPENDED_EVSE, "it may want something again in a moment"
    session.step(at(2.0 + LIMITS.ev_pause_s, quiet, 398.0, assigned_w=0.0), None)
    assert session.state is S.SUSPENDED_EV

    session.step(at(10.0, ASKS, 398.0), None)
    assert session.state is S.CHARGING


@pytest.mark.parametrize(
    ("car", "world", "requested", "reason"),
    [
        (ASKS, {}, SOMEBODY, StopReason.LOCAL),
        (attrs.evolve(ASKS, stop_request=True), {}, None, StopReason.COMPLETE),
        (attrs.evolve(ASKS, stop_request=True), {}, SOMEBODY, StopReason.LOCAL),
        (EvStatus(), {}, SOMEBODY, StopReason.EV_DISCONNECTED),
        (ASKS, {"faults": (fault("SAF-01", Severity.DANGER),)}, SOMEBODY, StopReason.EMERGENCY_STOP),
    ],
)
def test_the_worst_of_two_reasons_ends_it_and_what_somebody_asked_for_before_what_the_car_asked_for(
    car: EvStatus, world: dict[str, object], requested: Ending | None, reason: StopReason
) -> None:
    ending = charging().step(at(1.0, car, 398.0, **world), requested)

    assert ending is not None
    assert ending.reason is reason


@pytest.mark.parametrize(("seen", "code"), [(WAY[0][0], "CON-02"), (WAY[4][0], "PWR-05")])
def test_a_stage_that_takes_too_long_ends_it_by_its_own_failure(seen: View, code: str) -> None:
    session = EnergisedSession(Connector(id=ConnectorId(1)), LIMITS, began_s=0.0)
    for view, _, _ in WAY[: [view for view, _, _ in WAY].index(seen) + 1]:
        session.step(view, None)
    ending = session.step(attrs.evolve(seen, now_s=30.0), None)

    assert ending is not None
    assert ending.failure is not None
    assert ending.failure.code == code


def test_other_limits_are_those_of_the_next_stage_and_of_the_ramp() -> None:
    session = EnergisedSession(Connector(id=ConnectorId(1)), LIMITS, began_s=0.0)
    session.set_limits(attrs.evolve(LIMITS, contactor_s=0.01, precharge_current_a=0.5, ramp_a_per_s=1.0))
    for view, _, _ in WAY:
        assert session.step(view, None) is None, "the cable check has the times that it began with"
    assert session.wish is not None
    assert session.wish.current_a == 0.5
    session.step(at(1.0, ASKS, 398.0), None)
    session.step(at(5.0, ASKS, 398.0), None)

    assert session.wish is not None
    assert session.wish.current_a == pytest.approx(LIMITS.min_current_a + 4.0)
