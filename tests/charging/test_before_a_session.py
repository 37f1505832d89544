"""The connector's machine before a session: plug and identification in either order, waits, faults, reservations."""

from __future__ import annotations

import attrs
import pytest

from jp_firmware.charging.connector import Reservation
from jp_firmware.charging.timeouts import Timeouts
from jp_firmware.faults import catalogue
from jp_firmware.model.connector import ConnectorState, EvStatus
from jp_firmware.model.faults import Severity
from jp_firmware.model.power import StageRating
from jp_firmware.model.session import IdToken, TokenSource
from tests.charging.scenes import PLUGGED, READY, TOKEN, Scene, fault

S = ConnectorState
LIMITS = Timeouts()


def test_a_connector_is_unavailable_until_its_board_speaks() -> None:
    scene = Scene(ev=None)

    assert scene.step() is S.UNAVAILABLE
    assert scene.machine.text == "waiting for the PLC board"
    assert scene.step(ev=EvStatus()) is S.AVAILABLE


@pytest.mark.parametrize("plug_first", [True, False])
def test_plug_and_authorization_start_a_session_in_either_order(plug_first: bool) -> None:
    scene = Scene().available()
    if plug_first:
        assert scene.step(ev=READY) is S.PREPARING
        assert not scene.machine.wants_session
        scene.machine.authorize(TOKEN, scene.now_s)
    else:
        scene.machine.authorize(TOKEN, scene.now_s)
        assert scene.step() is S.PREPARING
        scene.step(ev=READY)
    scene.step()

    assert scene.machine.wants_session


def test_the_car_is_told_that_it_is_authorized_before_it_is_ready() -> None:
    scene = Scene().available()
    scene.step(ev=PLUGGED)
    assert not scene.command.authorized
    scene.machine.authorize(TOKEN, scene.now_s)
    scene.step()

    assert scene.command.authorized
    assert not scene.machine.wants_session


def test_an_authorization_without_a_plug_is_dropped_after_its_time() -> None:
    scene = Scene().available()
    scene.machine.authorize(TOKEN, scene.now_s)
    scene.run(LIMITS.plug_s - 1)
    assert scene.machine.state is S.PREPARING

    assert scene.run(2) is S.AVAILABLE
    assert scene.machine.token is None


def test_a_car_nobody_identifies_for_is_told_and_stays_welcome() -> None:
    scene = Scene().available()
    scene.step(ev=READY)
    scene.run(LIMITS.plug_s + 1)
    assert "AUT-03" in scene.machine.faults
    scene.machine.authorize(TOKEN, scene.now_s)
    scene.step()

    assert scene.machine.faults == {}
    assert scene.machine.wants_session


def test_a_car_that_never_gets_ready_ends_the_wait_with_a_fault_that_an_unplug_clears() -> None:
    scene = Scene().available()
    scene.step(ev=PLUGGED)
    scene.machine.authorize(TOKEN, scene.now_s)
    scene.run(LIMITS.handshake_s + 1)

    assert scene.machine.token is None
    assert "HLC-03" in scene.machine.faults
    scene.step(ev=EvStatus())
    assert scene.machine.faults == {}


@pytest.mark.parametrize(
    ("missing", "text"),
    [({"meter": None}, "waiting for the meter"), ({"rating": StageRating()}, "waiting for the power modules")],
)
def test_no_session_starts_without_a_meter_or_a_module(missing: dict[str, object], text: str) -> None:
    scene = Scene().available()
    scene.step(ev=READY, **missing)
    scene.machine.authorize(TOKEN, scene.now_s)
    scene.step()

    assert not scene.machine.wants_session
    assert scene.machine.text == text


def test_a_fault_before_the_plug_blocks_and_says_so() -> None:
    scene = Scene().available()
    assert scene.step(faults=(fault("SAF-02", Severity.DANGER),)) is S.FAULTED
    assert scene.machine.text.startswith("SAF-02")

    assert scene.step(ev=READY) is S.FAULTED
    assert scene.step(faults=()) is S.PREPARING


def test_a_connector_without_modules_raises_its_own_fault_and_clears_it() -> None:
    scene = Scene().available()
    scene.step(rating=StageRating())
    scene.run(LIMITS.no_modules_s + 0.5)
    assert "PWR-07" in scene.machine.faults

    scene.step(rating=StageRating(max_voltage_v=1000, max_current_a=100, max_power_w=30_000))
    assert "PWR-07" not in scene.machine.faults


def test_a_car_that_leaves_while_the_connector_is_out_of_service_takes_its_fault_with_it() -> None:
    scene = Scene().available()
    scene.step(ev=attrs.evolve(READY, max_voltage_v=120.0))
    scene.machine.authorize(TOKEN, scene.now_s)
    scene.step()
    scene.machine.operative = False
    assert scene.step() is S.UNAVAILABLE
    assert list(scene.machine.faults) == ["EV-09"]

    assert scene.step(ev=EvStatus()) is S.UNAVAILABLE
    assert scene.machine.faults == {}


def test_a_car_that_comes_after_such_a_one_is_not_taken_for_it() -> None:
    """After a fault it may charge; the one before had been charged and had to be unplugged."""
    scene = Scene().charging()
    scene.sees(stop_request=True)
    scene.step()
    scene.sees(contactors_closed=False)
    scene.machine.session_over()
    scene.machine.operative = False
    assert scene.step() is S.UNAVAILABLE
    scene.step(ev=EvStatus())
    scene.machine.operative = True
    assert scene.step() is S.AVAILABLE
    assert scene.step(ev=READY) is S.PREPARING
    assert scene.step(faults=(fault("SAF-02", Severity.DANGER),)) is S.FAULTED

    assert scene.step(faults=()) is S.PREPARING


def test_a_reserved_connector_starts_only_for_its_own_tag() -> None:
    scene = Scene().available()
    scene.machine.reserve(Reservation(TOKEN.uid, scene.now_s + 100))
    assert scene.step() is S.RESERVED
    scene.machine.authorize(IdToken("04FFFFFFFFFFFF", TokenSource.RFID), scene.now_s)
    assert scene.step(ev=READY) is S.RESERVED
    scene.machine.authorize(TOKEN, scene.now_s)

    assert scene.step() is S.PREPARING


def test_a_reservation_expires() -> None:
    scene = Scene().available()
    scene.machine.reserve(Reservation(TOKEN.uid, scene.now_s + 5))
    scene.step()

    assert scene.run(6) is S.AVAILABLE


def test_a_module_that_does_not_switch_off_ends_no_session_and_begins_none() -> None:
    """In a session its current is counted; the next would close the contactors onto a live output."""
    scene = Scene().charging()
    stays_on = attrs.evolve(fault("PM-18", Severity.DEGRADE, "module-1"), kind=catalogue.load()["PM-18"])
    scene.step(faults=(stays_on,))
    scene.run(10)
    assert scene.machine.state is S.CHARGING
    scene.sees(stop_request=True)
    scene.step()
    scene.sees(contactors_closed=False)
    scene.machine.session_over()
    assert scene.run(1) is S.FAULTED
    assert not scene.machine.authorize(TOKEN, scene.now_s)

    scene.step(faults=())
    assert scene.step() is S.FINISHING


@pytest.mark.parametrize("before", [EvStatus(), READY])
def test_a_module_that_does_not_switch_off_is_told_before_anybody_authorizes(before: EvStatus) -> None:
    scene = Scene().available()
    scene.step(ev=before)
    scene.faults = (attrs.evolve(fault("PM-18", Severity.DEGRADE, "module-1"), kind=catalogue.load()["PM-18"]),)

    assert scene.step() is S.FAULTED
    assert scene.machine.text == "PM-18 Module does not switch off"
