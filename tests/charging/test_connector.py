"""The connector's machine while it charges and at the end: what bounds the current, what ends a session; any world."""

from __future__ import annotations

import math

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jp_firmware.charging.connector import ConnectorMachine
from jp_firmware.charging.timeouts import Timeouts
from jp_firmware.charging.transitions import TRANSITIONS
from jp_firmware.charging.view import Ending, Failure
from jp_firmware.config.schema import Connector
from jp_firmware.model.connector import (
    ConnectorState,
    EvProtocol,
    EvStatus,
    Insulation,
    LockState,
    PilotState,
)
from jp_firmware.model.faults import Severity
from jp_firmware.model.ids import ConnectorId
from jp_firmware.model.power import StageOutput, StageRating
from jp_firmware.model.session import StopReason
from tests.charging.scenes import TOKEN, Scene, fault

S = ConnectorState
LIMITS = Timeouts()


def ended_by(scene: Scene) -> tuple[StopReason, str]:
    assert scene.machine.ending is not None
    return scene.machine.ending.reason, scene.machine.ending.detail


# --- charging --------------------------------------------------------------------------------------------------------


def current_a(scene: Scene) -> float:
    return scene.machine.wish.current_a if scene.machine.wish else 0.0


def test_noise_of_the_measured_voltage_is_no_new_set_point() -> None:
    scene = Scene(assigned_w=20_000).charging()
    scene.run(5)
    wishes = set()
    for tenth in range(20):
        scene.at_output(398 + 0.01 * tenth)
        scene.step()
        wishes.add(current_a(scene))

    assert len(wishes) == 1


def test_the_current_rises_by_the_ramp_and_falls_at_once() -> None:
    scene = Scene().charging()
    scene.run(0.4)
    first = current_a(scene)
    scene.run(1)
    assert current_a(scene) - first == pytest.approx(LIMITS.ramp_a_per_s, abs=0.2 * LIMITS.ramp_a_per_s)  # a step
    scene.run(10)
    assert current_a(scene) == pytest.approx(100)
    scene.sees(target_current_a=40.0)
    scene.step()

    assert current_a(scene) == pytest.approx(40)


@pytest.mark.parametrize(
    ("change", "bound_a"),
    [
        ({"assigned_w": 19_900.0}, 50.0),  # the planner's share at 398 V
        ({"rating": StageRating(max_voltage_v=1000, max_current_a=60, max_power_w=60_000)}, 60.0),
        ({"rating": StageRating(max_voltage_v=1000, max_current_a=200, max_power_w=19_900)}, 50.0),
    ],
)
def test_the_current_stays_inside_every_bound(change: dict[str, object], bound_a: float) -> None:
    scene = Scene().charging()
    scene.run(10)
    scene.step(**change)

    assert current_a(scene) == pytest.approx(bound_a)


def test_the_cable_bounds_the_current() -> None:
    scene = Scene(machine=ConnectorMachine(Connector(id=ConnectorId(1), max_current_a=30))).charging()
    scene.run(10)

    assert current_a(scene) == pytest.approx(30)


def test_no_share_suspends_and_a_new_share_resumes() -> None:
    scene = Scene().charging()
    scene.run(5)
    assert scene.step(assigned_w=0.0) is S.SUSPENDED_EVSE
    assert scene.machine.wish is None
    assert scene.command.close_contactors

    assert scene.step(assigned_w=20_000.0) is S.CHARGING


def test_a_car_that_wants_nothing_gets_nothing_at_once_and_is_suspended_after_a_while() -> None:
    scene = Scene().charging()
    scene.run(5)
    scene.sees(target_current_a=0.0)
    assert scene.step() is S.CHARGING
    assert scene.machine.wish is None
    assert scene.run(LIMITS.ev_pause_s + 0.2) is S.SUSPENDED_EV
    scene.sees(target_current_a=30.0)

    assert scene.step() is S.CHARGING


# --- the end ---------------------------------------------------------------------------------------------------------


def no_change(scene: Scene) -> None:
    pass


ENDINGS = {
    "the car asks": (lambda s: s.sees(stop_request=True), StopReason.COMPLETE, None),
    "unplugged": (lambda s: s.sees(pilot=PilotState.A), StopReason.EV_DISCONNECTED, None),
    "pilot short": (lambda s: s.sees(pilot=PilotState.E), StopReason.FAULT, "EV-01"),
    "insulation": (lambda s: s.sees(insulation=Insulation.FAULT), StopReason.FAULT, "ISO-02"),
    "hot cable": (lambda s: s.sees(over_temperature=True), StopReason.FAULT, "TMP-04"),
    "contactors fell": (lambda s: s.sees(contactors_closed=False), StopReason.FAULT, "CON-03"),
    "board silent": (lambda s: setattr(s, "ev", None), StopReason.FAULT, None),
    "emergency stop": (
        lambda s: setattr(s, "faults", (fault("SAF-01", Severity.DANGER),)),
        StopReason.EMERGENCY_STOP,
        None,
    ),
    "meter gone": (lambda s: setattr(s, "faults", (fault("MTR-01", Severity.STOP),)), StopReason.FAULT, None),
    "local stop": (lambda s: s.machine.ask_to_end(Ending(StopReason.LOCAL)), StopReason.LOCAL, None),
    "unlock": (lambda s: s.machine.ask_to_unlock(), StopReason.UNLOCK, None),
}


@pytest.mark.parametrize("stage", ["precharge", "charging"])
@pytest.mark.parametrize("what", ENDINGS)
def test_what_ends_a_session_ends_it_in_the_same_step(stage: str, what: str) -> None:
    change, reason, code = ENDINGS[what]
    scene: Scene = getattr(Scene(), stage)()
    change(scene)

    assert scene.step() is S.FINISHING
    assert scene.machine.wish is None
    assert ended_by(scene)[0] is reason
    assert list(scene.machine.faults) == ([code] if code else [])


def test_a_board_that_falls_silent_is_named_and_not_its_car() -> None:
    """The fault itself is the board's to raise and to clear."""
    scene = Scene().charging()
    scene.step(ev=None)

    assert ended_by(scene) == (StopReason.FAULT, "PLC-01 the PLC board no longer reports this connector")


def test_a_degrading_fault_does_not_end_a_session() -> None:
    scene = Scene().charging()

    assert scene.step(faults=(fault("PM-03", Severity.DEGRADE, "module-1"),)) is S.CHARGING


def test_a_gap_in_measurements_is_no_voltage_and_ends_the_session_only_after_its_grace() -> None:
    scene = Scene().charging()
    scene.step(output=None)
    assert scene.run(LIMITS.measurement_s - 0.3) is S.CHARGING

    assert scene.run(0.5) is S.FINISHING
    assert ended_by(scene)[1].startswith("PM-01")


def test_an_over_voltage_is_debounced_and_then_ends_the_session() -> None:
    scene = Scene().charging()
    scene.at_output(560)  # the car bears 450 V: its limit is 550 V
    assert scene.step() is S.CHARGING
    scene.at_output(540)
    scene.step()
    scene.at_output(560)
    scene.step()
    assert scene.run(LIMITS.over_voltage_s - 0.1) is S.CHARGING

    assert scene.run(0.3) is S.FINISHING
    assert "PWR-02" in scene.machine.faults


def test_after_the_session_the_connector_waits_for_the_unplug() -> None:
    scene = Scene().charging()
    scene.sees(stop_request=True)
    scene.step()
    scene.step(ev=EvStatus())
    assert scene.machine.state is S.FINISHING, "the session is not accounted for yet"
    scene.machine.session_over()

    assert scene.step() is S.AVAILABLE
    assert scene.machine.token is None


def test_a_blocking_fault_leads_from_finishing_to_faulted_and_back_without_a_restart() -> None:
    scene = Scene().charging()
    scene.step(faults=(fault("SAF-01", Severity.DANGER),))
    scene.machine.session_over()
    assert scene.step() is S.FAULTED
    assert scene.step(faults=()) is S.FINISHING

    assert scene.step(ev=EvStatus()) is S.AVAILABLE


def test_out_of_service_waits_for_the_session_to_end() -> None:
    scene = Scene().charging()
    scene.machine.operative = False
    assert scene.step() is S.CHARGING
    scene.sees(stop_request=True)
    scene.step()
    scene.machine.session_over()

    assert scene.step() is S.UNAVAILABLE


def test_the_lock_is_released_only_after_the_session() -> None:
    scene = Scene().charging()
    scene.machine.ask_to_unlock()
    scene.step()
    assert not scene.command.unlock
    scene.machine.session_over()
    scene.step()
    assert scene.command.unlock
    scene.sees(lock=LockState.UNLOCKED)
    scene.step()

    assert not scene.command.unlock


def test_a_fault_seen_while_the_scope_closes_faults_the_connector() -> None:
    scene = Scene().charging()
    scene.sees(stop_request=True)
    scene.step()
    scene.machine.fail(Failure("CON-01", "still closed"), scene.now_s)

    assert scene.machine.faults == {"CON-01": "still closed"}
    assert scene.machine.state is S.FINISHING


# --- any world -------------------------------------------------------------------------------------------------------

statuses = st.builds(
    EvStatus,
    pilot=st.sampled_from(PilotState),
    contactors_closed=st.booleans(),
    insulation=st.sampled_from(Insulation),
    protocol=st.sampled_from(EvProtocol),
    max_voltage_v=st.sampled_from([None, 450.0, 920.0]),
    target_voltage_v=st.sampled_from([None, 0.0, 400.0, 2000.0, math.nan]),
    target_current_a=st.sampled_from([None, 0.0, 100.0, -5.0, math.inf, math.nan]),
    ready=st.booleans(),
    stop_request=st.booleans(),
    over_temperature=st.booleans(),
    plug_temperature_1_c=st.sampled_from([None, 40.0]),
    plug_temperature_2_c=st.sampled_from([None, 40.0, 95.0]),
)
worlds = st.fixed_dictionaries(
    {
        "ev": st.none() | statuses,
        "output": st.none()
        | st.builds(
            StageOutput,
            voltage_v=st.sampled_from([0.0, 395.0, 500.0, 700.0]),
            current_a=st.sampled_from([0.0, 100.0]),
            modules_on=st.integers(0, 2),
        ),
        "asked_at_s": st.sampled_from([None, 0.0, 5.0, 20.0]),
        "assigned_w": st.sampled_from([0.0, 30_000.0]),
        "faults": st.sampled_from([(), (fault("SAF-01", Severity.DANGER),), (fault("PM-02", Severity.DEGRADE),)]),
    }
)
acts = st.sampled_from(["none", "authorize", "stop", "unlock", "out of service", "in service", "session over"])


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(worlds, acts, st.sampled_from([0.1, 1.0, 15.0])), max_size=30))
def test_in_any_world_only_known_transitions_happen_and_power_is_wished_for_only_in_energised_states(
    history: list[tuple[dict[str, object], str, float]],
) -> None:
    scene = Scene()
    machine = scene.machine
    for world, act, seconds in history:
        before = machine.state
        if act == "authorize":
            machine.authorize(TOKEN, scene.now_s)
        elif act == "stop":
            machine.ask_to_end(Ending(StopReason.LOCAL))
        elif act == "unlock":
            machine.ask_to_unlock()
        elif act == "session over" and not before.is_energised:
            machine.session_over()
        machine.operative = act != "out of service" and (machine.operative or act == "in service")
        if machine.wants_session:
            machine.about_to_begin()
            machine.begin(scene.now_s)
            before = machine.state
        scene.step(seconds, **world)

        reachable = TRANSITIONS[before] | {before} | {end for step in TRANSITIONS[before] for end in TRANSITIONS[step]}
        assert machine.state in reachable
        if not machine.state.is_energised:
            assert machine.wish is None
            assert not scene.command.close_contactors
        if any(one.kind.severity <= Severity.STOP for one in scene.faults) or scene.ev is None:
            assert not machine.state.is_energised or before is not machine.state
            assert machine.wish is None
        if machine.wish is not None:
            assert scene.ev is not None
            assert (scene.ev.hottest_c or 0.0) < machine.connector.derate_to_c
            assert (machine.session.watch.asking.age_s(scene.now_s) or 0.0) < machine.limits.demand_lost_s
            assert machine.wish.voltage_v <= 1000
            assert machine.wish.current_a <= 200


def test_the_transition_table_is_closed_and_every_state_can_be_left() -> None:
    assert set(TRANSITIONS) == set(S)
    assert all(TRANSITIONS[state] for state in S)
    assert {state for state in S if any(state in ends for ends in TRANSITIONS.values())} == set(S)
    assert attrs.has(ConnectorMachine)
