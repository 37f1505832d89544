"""Claims about a condition that comes in several frames, and what of it is believed for how long."""

from __future__ import annotations

import attrs
import pytest

from jp_firmware.config.schema import ConfigError
from jp_firmware.hw.modules import heard
from jp_firmware.hw.modules.driver import Alarm, Condition, Detail, Identity, Measured, options_of
from jp_firmware.hw.modules.heard import Heard
from tests.hw.modules.fake import PROFILE

HOT = Alarm("too hot", "PM-03")
LOST = Alarm("input phase lost", "PM-08")
ON = Condition(True, None, (LOST,), ("muted",))


def ear(*, spontaneous: bool = True) -> Heard:
    return Heard(PROFILE.rating, spontaneous=spontaneous)


def test_details_add_to_the_condition_whichever_comes_first() -> None:
    early, late = ear(), ear()
    early.take(Detail("more", 31.0, (HOT,), ("sharing",)), 1.0)
    early.take(ON, 1.1)
    late.take(ON, 1.0)
    late.take(Detail("more", 31.0, (HOT,), ("sharing",)), 1.1)

    assert Condition(True, 31.0, (LOST, HOT), ("muted", "sharing")) == early.condition
    assert early.condition == late.condition


def test_a_part_told_anew_takes_the_place_of_what_it_said_before_and_of_nothing_else() -> None:
    one = ear()
    for report in (ON, Detail("air", 31.0), Detail("more", alarms=(HOT,)), Detail("more")):
        one.take(report, 1.0)

    assert Condition(True, 31.0, (LOST,), ("muted",)) == one.condition


def test_the_same_alarm_told_in_two_frames_is_one() -> None:
    one = ear()
    one.take(ON, 1.0)
    one.take(Detail("more", alarms=(LOST,), notes=("muted",)), 1.0)

    assert ON == one.condition


def test_a_detail_alone_is_no_evidence_and_does_not_say_on_or_off() -> None:
    one = ear()

    assert not one.take(Detail("more", 31.0), 1.0)
    assert one.condition is None
    assert one.take(ON, 1.0)
    assert not one.take(Detail("more", 32.0), 9.0)
    assert 1.0 == one.condition_at_s


def test_a_temperature_that_is_not_renewed_is_not_known_and_an_alarm_stands() -> None:
    one = ear()
    one.take(Detail("more", 31.0, (HOT,)), 1.0)
    one.take(ON, 1.0 + heard.AMBIENT_STALE_S)
    assert one.condition is not None
    assert 31.0 == one.condition.ambient_c
    one.take(ON, 1.1 + heard.AMBIENT_STALE_S)

    assert Condition(True, None, (LOST, HOT), ("muted",)) == one.condition


def test_a_temperature_outside_physics_is_none() -> None:
    one = ear()
    one.take(ON, 1.0)
    one.take(Detail("air", 900.0), 1.0)

    assert ON == one.condition


def test_a_new_start_forgets_details() -> None:
    one = ear()
    one.take(Detail("more", 31.0, (HOT,)), 1.0)
    one.forget(0.0)
    one.take(ON, 2.0)

    assert ON == one.condition


def test_an_identity_may_come_in_two_frames() -> None:
    one = ear()
    one.take(Identity(serial="V1"), 1.0)
    one.take(Identity(firmware="2.7"), 1.0)

    assert Identity("V1", "2.7") == one.identity


def test_output_and_condition_unasked_are_evidence_of_a_family_that_speaks_by_itself_only() -> None:
    assert ear().take(Measured(400, 10), 1.0)
    assert not ear(spontaneous=False).take(Measured(400, 10), 1.0)


@attrs.frozen
class _Options:
    group: int = 0


def test_options_of_a_profile_are_read_strictly() -> None:
    assert _Options(3) == options_of(attrs.evolve(PROFILE, options={"group": 3}), _Options)
    with pytest.raises(ConfigError, match=r"test module: options\.gruop: .*group"):
        options_of(attrs.evolve(PROFILE, options={"gruop": 3}), _Options)
