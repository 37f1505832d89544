"""Claims about the driver that is described: the bytes of a known family, what it refuses, and that it costs nobody."""

from __future__ import annotations

import subprocess
import sys

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jp_firmware.config.schema import ConfigError
from jp_firmware.hw.can.frame import Frame
from jp_firmware.hw.modules import dbc
from jp_firmware.hw.modules.dbc import DRIVER, DbcDriver
from jp_firmware.hw.modules.driver import (
    Alarm,
    Condition,
    Measured,
    ModuleProfile,
    Ranges,
    load_driver,
    load_profile,
    semantics_of,
)
from tests.hw.can.test_frame import frames

LIANMING = load_profile("lianming-v2")
INCREASE = load_profile("increase-v1")
TEMPLATE = load_profile("lan-generickm2-bln")
CODEC = DRIVER.codec(3, LIANMING)


def change(profile: ModuleProfile, **options: object) -> ModuleProfile:
    return attrs.evolve(profile, options=dict(profile.options) | options)


def test_orders_are_the_bytes_of_the_published_examples() -> None:
    """Public notes on LianMing V2.0, address 3: set 100 V 90 A, on, off."""
    assert ["1907C083#00015F90000186A0"] == [str(frame) for frame in CODEC.set_point(100, 90)]
    assert ["1907C083#0200000000000055"] == [str(frame) for frame in CODEC.on()]
    assert ["1907C083#02000000000000AA"] == [str(frame) for frame in CODEC.off()]
    assert ["1907C083#0100000000000000"] == [str(frame) for frame in CODEC.ask_output()]
    assert (*CODEC.set_point(100, 90), *CODEC.on(), *CODEC.set_point(100, 90)) == CODEC.start(100, 90)


def test_increase_has_the_same_payload_under_identifiers_of_its_own() -> None:
    """Public notes: host 0x1307C080 plus the address, module 0x1207C080 plus the address."""
    codec = DRIVER.codec(1, INCREASE)

    assert ["1307C081#02000000000000AA"] == [str(frame) for frame in codec.off()]
    assert codec.is_from_module(Frame.from_text("1207C081#0101000000000000"))
    assert not CODEC.is_from_module(Frame.from_text("1207C083#0101000000000000"))


@pytest.mark.parametrize(
    ("text", "on", "codes", "notes"),
    [
        ("1807C083#0101038403E80000", True, [], []),
        ("1807C083#0101038403E80001", False, [], []),
        ("1807C083#0101038403E80003", False, ["PM-02"], []),
        ("1807C083#0101038403E80008", True, ["PM-04"], []),
        ("1807C083#0101038403E80010", True, ["PM-07"], []),
        ("1807C083#0101038403E80020", True, ["PM-07"], []),
        ("1807C083#0101038403E80040", True, ["PM-05"], []),
        ("1807C083#0101038403E80100", True, ["PM-06"], []),
        ("1807C083#0101038403E80200", True, ["PM-03"], []),
        ("1807C083#0101038403E80484", True, [], ["current limited", "output voltage low", "off by setting"]),
    ],
)
def test_an_answer_is_output_and_condition_with_every_bit(
    text: str, on: bool, codes: list[str], notes: list[str]
) -> None:
    frame = Frame.from_text(text)
    assert CODEC.is_from_module(frame)
    measured, condition = CODEC.decode(frame)

    assert Measured(100.0, 90.0) == measured
    assert isinstance(condition, Condition)
    assert (on, codes, notes) == (condition.on, [one.code for one in condition.alarms], list(condition.notes))


@pytest.mark.parametrize(
    ("why", "text"),
    [
        ("the read failed", "1807C083#0100038403E80000"),
        ("another command", "1807C083#0201038403E80000"),
        ("short", "1807C083#0101038403"),
        ("empty", "1807C083#"),
    ],
)
def test_what_says_nothing(why: str, text: str) -> None:
    assert () == CODEC.decode(Frame.from_text(text)), why


@pytest.mark.parametrize(
    ("why", "text"),
    [
        ("another module", "1807C084#0101038403E80000"),
        ("our own question, echoed", "1907C083#0100000000000000"),
        ("another family", "0289F003#00030D4000001388"),
        ("standard", "083#0000000000000000"),
        ("remote", "1807C083#R8"),
    ],
)
def test_what_is_not_for_us(why: str, text: str) -> None:
    assert not CODEC.is_from_module(Frame.from_text(text)), why


@given(frames(), st.binary(max_size=8))
def test_no_frame_makes_the_decoder_raise(frame: Frame, data: bytes) -> None:
    CODEC.decode(frame)
    CODEC.decode(Frame(0x1807C083, data))


@given(st.floats(), st.floats())
def test_no_set_point_makes_it_raise_or_switch_on(voltage_v: float, current_a: float) -> None:
    assert not set(CODEC.set_point(voltage_v, current_a)) & {*CODEC.on(), *CODEC.off()}


def test_what_the_family_is_like_is_read_from_its_profile() -> None:
    semantics = semantics_of(load_driver("dbc"), LIANMING)

    assert range(1, 61) == semantics.addresses
    assert "Switch of Order, 85 is on and 170 is off" == semantics.on_sense
    assert Ranges.NONE is semantics.ranges
    assert not semantics.spontaneous
    assert semantics_of(load_driver("infypower"), LIANMING) is load_driver("infypower").semantics


def test_an_address_that_is_not_in_the_profile_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"an address of LianMing V2.0 is 1 to 60, not 0"):
        DRIVER.codec(0, LIANMING)


def test_a_template_drives_no_wire_until_it_says_that_it_is_none() -> None:
    assert DRIVER is load_driver("dbc")
    with pytest.raises(ConfigError, match=r"is a template, .* set template = false"):
        DRIVER.codec(1, TEMPLATE)
    DRIVER.codec(1, change(TEMPLATE, template=False))
    DbcDriver(templates=True).codec(1, TEMPLATE)


def test_alarms_are_told_by_their_text_and_whether_the_module_goes_on() -> None:
    alarm = {"message": "Answer", "signal": "Fan", "text": "one fan of two", "code": "PM-04", "usable": True}
    codec = DRIVER.codec(3, change(LIANMING, alarms=[alarm]))
    [_, condition] = codec.decode(Frame.from_text("1807C083#0101038403E80008"))

    assert isinstance(condition, Condition)
    assert (Alarm("one fan of two", "PM-04", usable=True),) == condition.alarms


def test_cantools_is_imported_by_who_reads_a_file_and_by_nobody_else() -> None:
    lines = [
        "import sys",
        "from jp_firmware.hw.modules.driver import load_driver, load_profile",
        "driver = load_driver('dbc')",
        "print('cantools' in sys.modules)",
        "driver.codec(3, load_profile('lianming-v2'))",
        "print('cantools' in sys.modules)",
    ]
    done = subprocess.run([sys.executable, "-c", "\n".join(lines)], capture_output=True, text=True, check=True)

    assert ["False", "True"] == done.stdout.split()


def test_its_semantics_without_a_profile_promise_nothing() -> None:
    assert dbc.SEMANTICS is DRIVER.semantics
    assert range(256) == DRIVER.semantics.addresses
