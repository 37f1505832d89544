"""The handshake: what it waits for, one after the other, and the two ways in which it fails."""

from __future__ import annotations

import attrs
import pytest

from jp_firmware.charging.handshake import Handshake
from jp_firmware.charging.timeouts import Timeouts
from jp_firmware.charging.view import View
from jp_firmware.model.connector import EvProtocol, EvStatus, PilotState
from jp_firmware.model.power import StageRating
from tests.charging.scenes import PLUGGED, RATING, READY, Scene

LIMITS = Timeouts()
ALL_READY = Scene(ev=READY).view


def shake(view: View, after_s: float = 0.0) -> Handshake:
    """One that has taken `view`, and did not fail by it."""
    handshake = Handshake(view.now_s - after_s, LIMITS)
    assert view.ev is not None
    assert handshake.step(view.ev, view) is None
    return handshake


def test_it_is_over_when_car_meter_and_modules_are_ready() -> None:
    assert shake(ALL_READY).passed


@pytest.mark.parametrize(
    ("car", "world", "sentence"),
    [
        (PLUGGED, {}, "talking to the car"),
        (attrs.evolve(READY, pilot=PilotState.B), {}, "talking to the car"),
        (attrs.evolve(READY, protocol=EvProtocol.NONE), {}, "talking to the car"),
        (attrs.evolve(READY, max_voltage_v=None), {}, "talking to the car"),
        (READY, {"meter": None}, "waiting for the meter"),
        (READY, {"output": None}, "waiting for the power modules"),
        (READY, {"rating": StageRating()}, "waiting for the power modules"),
    ],
)
def test_it_says_what_it_waits_for(car: EvStatus, world: dict[str, object], sentence: str) -> None:
    handshake = shake(attrs.evolve(ALL_READY, ev=car, **world))

    assert handshake.waits_for == sentence
    assert not handshake.passed


def test_one_that_takes_too_long_fails_and_names_the_pilot() -> None:
    waiting = attrs.evolve(ALL_READY, ev=PLUGGED)
    assert not shake(waiting, after_s=LIMITS.handshake_s).passed
    failure = Handshake(-LIMITS.handshake_s - 1, LIMITS).step(PLUGGED, waiting)

    assert failure is not None
    assert (failure.code, failure.detail) == ("HLC-03", "the car was not ready within 60 s (pilot B)")


def test_a_car_that_is_ready_is_never_too_late() -> None:
    """Its session could not be begun for so long: nothing of that was the car's."""
    assert shake(ALL_READY, after_s=10 * LIMITS.handshake_s).passed


def test_modules_that_give_no_voltage_as_low_as_the_car_bears_fail_it_at_once() -> None:
    low = attrs.evolve(READY, max_voltage_v=RATING.min_voltage_v - 1)
    failure = Handshake(0.0, LIMITS).step(low, attrs.evolve(ALL_READY, ev=low))

    assert failure is not None
    assert (failure.code, failure.detail) == ("EV-09", "the car bears 149 V, the modules give no less than 150 V")
