"""Claims about the InfyPower driver: what it understands, what it ignores, how it is found and tuned."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jp_firmware.config import profiles
from jp_firmware.config.schema import ConfigError
from jp_firmware.faults import catalogue
from jp_firmware.hw.can.bus import BUS_FAULT
from jp_firmware.hw.can.frame import Frame
from jp_firmware.hw.modules import infypower, shown
from jp_firmware.hw.modules import infypower_wire as wire
from jp_firmware.hw.modules.driver import (
    Available,
    BusVoltage,
    Condition,
    Identity,
    Measured,
    Rated,
    Refused,
    SetPointTaken,
    StartingUp,
    SwitchedOff,
    load_driver,
    load_profile,
)
from tests.hw.can.test_frame import frames

PROFILE = load_profile("infypower-reg1k0100g")
CODEC = infypower.DRIVER.codec(3, PROFILE)


def heard(text: str) -> object:
    frame = Frame.from_text(text)
    assert CODEC.is_from_module(frame)
    reports = CODEC.decode(frame)
    assert len(reports) <= 1
    return reports[0] if reports else None


@pytest.mark.parametrize(
    ("text", "report"),
    [
        ("0289F003#00030D4000001388", Measured(200.0, 5.0)),
        ("028AF003#02EE0064010005DC", Rated(750, 100, 25.6, 15_000)),
        ("0284F003#000002001B004000", Condition(True, 27.0, (), ("walk-in",), walk_in=True)),
        ("0284F003#00000000E7000100", Condition(False, -25.0, (), (), walk_in=False)),
        ("029AF003#0100000000000000", SwitchedOff()),
        ("029CF003#0007A1200000C350", SetPointTaken()),
        ("1E89F003#0000000000000000", StartingUp()),
        ("0E9CF003#0007A12000000000", Refused("set output", "data invalid")),
        ("169AF003#0000000000000000", Refused("set switch", "error 5")),
        ("028BF003#562F2BE6AA2803E8", Identity(serial="V2026000000401000")),
    ],
)
def test_what_a_module_says(text: str, report: object) -> None:
    assert report == heard(text)


@pytest.mark.parametrize(
    "text",
    [
        "029AF003#0000000000000000",
        "0289F003#00030D40",
        "02BFF003#0000000000000000",
        "0AA3F003#1110000000000000",  # to a question of another family, asked of all
    ],
)
def test_what_says_nothing_we_use(text: str) -> None:
    assert heard(text) is None


@pytest.mark.parametrize(
    ("why", "text"),
    [
        ("another module", "0289F004#00030D4000001388"),
        ("another controller", "0289F103#00030D4000001388"),
        ("our own question, echoed", "028903F0#0000000000000000"),
        ("a group's answer", "02C1F003#43FA000042480000"),
        ("between modules", "0757F803#0000000000000000"),
        ("standard", "103#0000000000000000"),
        ("remote", "0289F003#R8"),
    ],
)
def test_what_is_not_for_us(why: str, text: str) -> None:
    assert not CODEC.is_from_module(Frame.from_text(text)), why


@given(frames())
def test_no_frame_makes_the_decoder_raise(frame: Frame) -> None:
    CODEC.decode(frame)


@given(st.integers(0, wire.MAX_ADDRESS))
def test_no_frame_of_ours_is_taken_for_an_answer_or_is_the_vendors_own(address: int) -> None:
    codec = infypower.DRIVER.codec(address, PROFILE)
    questions = codec.ask_output() + codec.ask_condition() + codec.ask_ratings() + codec.ask_identity()
    ours = codec.start(400, 10) + codec.off() + codec.set_point(400, 10) + codec.select_range(True) + questions

    assert not any(codec.is_from_module(frame) for frame in ours)
    assert not any(frame.can_id >> 20 == 0x075 for frame in ours)


def test_the_voltage_behind_the_diode_comes_with_the_available_current_which_is_none_while_off() -> None:
    on, off = (Frame.from_text(f"028CF003#1358{amperes}00000000") for amperes in ("0166", "0000"))

    assert (BusVoltage(495.2), Available(35.8)) == CODEC.decode(on)
    assert (BusVoltage(495.2),) == CODEC.decode(off)


def test_every_fault_bit_is_told() -> None:
    told = wire.Bit(0)
    for bit in [*infypower.ALARMS, *infypower.NOTES]:
        told |= bit

    assert wire.FAULT_MASK & ~told == wire.Bit(0)


def test_every_fault_that_modules_and_buses_raise_is_in_the_catalogue() -> None:
    codes = {alarm.code for alarm in infypower.ALARMS.values()}

    assert codes | {BUS_FAULT, shown.SILENT, shown.REFUSED, shown.DISOBEDIENT} <= set(catalogue.load())


def test_driver_is_found_by_name() -> None:
    assert infypower.DRIVER is load_driver("infypower")
    with pytest.raises(ConfigError, match=r"no module driver 'acme' is installed; there are: .*infypower"):
        load_driver("acme")


def test_an_address_the_family_does_not_have_is_a_mistake_in_the_configuration() -> None:
    infypower.DRIVER.codec(0, PROFILE)
    with pytest.raises(ConfigError, match="0 to 59, not 60"):
        infypower.DRIVER.codec(60, PROFILE)


@pytest.mark.parametrize("name", profiles.names_of("modules"))
def test_every_shipped_profile_is_one(name: str) -> None:
    profile = load_profile(name)

    assert profile.name
    assert profile.poll_on_s <= profile.poll_off_s < profile.silent_off_s


def test_the_profile_of_the_example_cabinet_is_shipped() -> None:
    assert 30_000 == load_profile("infypower-reg1k0100g").rating.max_power_w


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("max_current_a = 0", "max_current_a"),
        ('walk_in = "maybe"', "walk_in"),
        ("colour = 1", "colour"),
        ("min_voltage_v = 1000", "min_voltage_v must be below max_voltage_v"),
        ("derate_from_c = 80\nderate_to_c = 60", "derate_from_c must be below derate_to_c"),
        ("low_range_max_voltage_v = 1000", "low_range_max_voltage_v must lie below max_voltage_v"),
    ],
)
def test_a_wrong_profile_is_one_line_that_names_the_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: str, said: str
) -> None:
    key = line.split()[0]
    shipped = profiles.path_of("modules", "infypower-reg1k0100g").read_text()
    (tmp_path / "modules").mkdir()
    kept = [one for one in shipped.splitlines() if not one.startswith(f"{key} ")]
    (tmp_path / "modules" / "wrong.toml").write_text("\n".join([*kept, line]))
    monkeypatch.setenv("JP_PROFILES", str(tmp_path))

    with pytest.raises(ConfigError, match=said) as raised:
        load_profile("wrong")
    assert "\n" not in str(raised.value)


def test_a_barcode_of_all_ones_is_nobodys_number() -> None:
    question = wire.Identifier.decode(infypower.InfyPowerCodec(1).ask_identity()[0].can_id)

    assert () == infypower.InfyPowerCodec(1).decode(wire.reply(question, 1, b"\xff" * 8))
    assert () != infypower.InfyPowerCodec(1).decode(wire.reply(question, 1, b"V\x2f\x2c\x23\x16\x01\x03\xe9"))
