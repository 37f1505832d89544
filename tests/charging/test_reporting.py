"""What is reported of a connector: since when, whether a car is there, and nothing that works without its task."""

from __future__ import annotations

from datetime import UTC, datetime

import attrs
import pytest

from jp_firmware.charging.reporting import report_of
from jp_firmware.charging.view import View
from jp_firmware.model.connector import ConnectorReport, ConnectorState, EvStatus, PilotState
from jp_firmware.model.faults import Severity
from tests.charging.scenes import PLUGGED, TOKEN, Scene, fault

S = ConnectorState
LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)


def reported(scene: Scene, before: ConnectorReport | None = None, *, up: bool = True) -> ConnectorReport:
    return report_of(scene.machine, scene.view, before, up=up, authorization="", session=None)


def test_a_state_is_reported_since_it_was_entered() -> None:
    scene = Scene().available()
    before = attrs.evolve(reported(scene), since=LONG_AGO)
    scene.run(5)
    assert reported(scene, before).since == LONG_AGO

    scene.step(ev=PLUGGED)
    assert reported(scene, before).state is S.PREPARING
    assert reported(scene, before).since > LONG_AGO


@pytest.mark.parametrize(
    ("pilot", "was_plugged", "is_plugged"),
    [
        (PilotState.A, True, False),
        (PilotState.B, False, True),
        (PilotState.E, False, False),
        (PilotState.E, True, True),
        (PilotState.F, True, True),
    ],
)
def test_a_pilot_at_fault_leaves_a_car_where_it_was(pilot: PilotState, was_plugged: bool, is_plugged: bool) -> None:
    scene = Scene().available()
    before = attrs.evolve(reported(scene), plugged=was_plugged)
    scene.step(ev=EvStatus(pilot=pilot))

    assert reported(scene, before).plugged is is_plugged


def test_a_connector_whose_task_is_down_is_reported_only_while_its_session_is_accounted_for() -> None:
    scene = Scene().charging()
    assert reported(scene, up=False).state is S.CHARGING
    scene.sees(stop_request=True)
    scene.step()
    scene.machine.session_over()

    down = reported(scene, up=False)
    assert (down.state, down.text) == (S.UNAVAILABLE, "its task is not running; it starts again by itself")


def test_who_has_identified_himself_and_what_is_at_fault_is_told() -> None:
    scene = Scene().available()
    scene.machine.authorize(TOKEN, scene.now_s)
    scene.step(faults=(fault("PM-03", Severity.DEGRADE),))
    assert (reported(scene).token, reported(scene).fault_codes) == (TOKEN, ("PM-03",))

    unseen: View | None = None
    blind = report_of(scene.machine, unseen, None, up=True, authorization="", session=None)
    assert (blind.plugged, blind.fault_codes) == (False, ())
