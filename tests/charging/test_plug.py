"""The plug and its cable: what they carry, and what a contact that is too hot means."""

from __future__ import annotations

import attrs
import pytest

from jp_firmware.charging.connector import ConnectorMachine
from jp_firmware.charging.offer import Offer
from jp_firmware.charging.timeouts import Timeouts
from jp_firmware.charging.view import View
from jp_firmware.config.schema import Connector
from jp_firmware.model.connector import ConnectorState, EvStatus
from jp_firmware.model.faults import Severity
from jp_firmware.model.ids import ConnectorId
from jp_firmware.model.power import StageOutput, StageRating
from tests.charging.scenes import READY, Scene, fault

S = ConnectorState
STRONG = StageRating(max_voltage_v=1000, min_voltage_v=150, max_current_a=900, max_power_w=400_000)
AT_400_V = View(now_s=0.0, rating=STRONG, output=StageOutput(voltage_v=400, current_a=0, modules_on=4))


@pytest.mark.parametrize(
    ("connector", "offered_a", "offered_w", "bound"),
    [
        pytest.param({"max_current_a": 300}, 300, 120_000, "connector", id="no cable of its own"),
        pytest.param({"max_current_a": 300, "cable_max_current_a": 200}, 200, 80_000, "cable", id="a weaker cable"),
        pytest.param(
            {"max_current_a": 300, "cable_max_current_a": 500}, 300, 120_000, "connector", id="a stronger one"
        ),
        pytest.param({"max_current_a": 300, "max_power_w": 50_000}, 300, 50_000, "connector", id="its power"),
        pytest.param({"max_current_a": 3000, "cable_max_current_a": 2000}, 900, 360_000, "modules", id="the modules"),
    ],
)
def test_what_is_offered_and_what_bounds_it(
    connector: dict[str, float], offered_a: float, offered_w: float, bound: str
) -> None:
    offer = Offer(Connector(id=ConnectorId(1), **connector), Timeouts())
    ev = attrs.evolve(READY, max_current_a=None)

    assert offer.current_a(ev, AT_400_V) == offered_a
    assert offer.power_w(ev, AT_400_V) == (offered_w, bound)


def test_a_contact_at_its_limit_ends_the_session() -> None:
    scene = Scene(ConnectorMachine(Connector(id=ConnectorId(1), derate_from_c=70, derate_to_c=85))).charging()
    scene.sees(plug_temperature_1_c=84.9, plug_temperature_2_c=20.0)
    assert scene.step() is S.CHARGING

    scene.sees(plug_temperature_2_c=85.0)
    assert scene.step() is S.FINISHING
    assert scene.machine.wish is None
    assert scene.machine.faults == {"TMP-04": "85.0 °C at the plug, no power from 85 °C"}


def test_a_plug_that_was_too_hot_waits_until_it_is_unplugged_and_has_cooled() -> None:
    scene = Scene().charging()
    scene.sees(plug_temperature_1_c=91.0)
    scene.step()
    scene.machine.session_over()
    hot = (fault("TMP-04", Severity.STOP, "connector-1"),)
    assert scene.step(faults=hot) is S.FAULTED
    scene.sees(plug_temperature_1_c=40.0)
    scene.run(5)
    assert "TMP-04" in scene.machine.faults, "cool, but still plugged in"

    scene.step(ev=EvStatus(plug_temperature_1_c=80.5))
    assert "TMP-04" in scene.machine.faults, "unplugged, but not cool"
    scene.step(ev=EvStatus(plug_temperature_1_c=79.5))
    assert scene.machine.faults == {}
    assert scene.step(faults=()) is S.AVAILABLE


def test_a_hot_plug_is_out_of_order_before_anybody_comes() -> None:
    scene = Scene().available()
    scene.step(ev=EvStatus(plug_temperature_2_c=95.0))

    assert "TMP-04" in scene.machine.faults
