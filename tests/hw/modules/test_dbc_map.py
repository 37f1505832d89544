"""Claims about descriptions: what does not fit together is one line that names the place, the file and the signal."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import attrs
import pytest

from jp_firmware.config import profiles
from jp_firmware.config.schema import ConfigError
from jp_firmware.hw.can.frame import Frame
from jp_firmware.hw.modules.dbc import DRIVER
from jp_firmware.hw.modules.dbc_map import describe
from jp_firmware.hw.modules.driver import (
    Available,
    Condition,
    Detail,
    Identity,
    IdentityPart,
    MeasuredCurrent,
    MeasuredVoltage,
    ModuleProfile,
    Ranges,
    RatedPart,
    Refused,
    SetPointTaken,
    SwitchedOff,
    load_profile,
    semantics_of,
)
from tests.hw.modules.wordy import WORDY_DBC, own_profile

LIANMING = load_profile("lianming-v2")


def changed(changes: Mapping[str, Any], profile: ModuleProfile = LIANMING) -> ModuleProfile:
    """The profile with the options at some paths changed; None takes one away."""
    options: dict[str, Any] = copy.deepcopy(dict(profile.options))
    for path, value in changes.items():
        table: Any = options
        *way, last = [int(step) if step.isdigit() else step for step in path.split(".")]
        for step in way:
            table = table[step]
        if value is None:
            del table[last]
        else:
            table[last] = value
    return attrs.evolve(profile, options=options)


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("JP_PROFILES", str(tmp_path))
    return tmp_path


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"dbc": "nothing.dbc"}, "options.dbc: there is no file 'nothing.dbc' among the modules"),
        ({"dbc": "../modules/lianming-v2.dbc"}, "options.dbc: there is no file"),
        ({"switch": None}, "options.switch: is missing"),
        ({"switch.message": "Odrer"}, "options.switch: lianming-v2.dbc has no message Odrer; did you mean Order"),
        ({"switch.signal": "Swich"}, "message Order of lianming-v2.dbc has no signal Swich; did you mean Switch"),
        ({"switch.on": 0xAA}, "options.switch.signal: Switch of Order has 170 for both of its values"),
        ({"switch.on": 256}, "options.switch.signal: 256 does not fit into the 8 bits of Switch of message Order"),
        ({"switch.colour": 1}, "options.switch.colour: unknown key"),
        ({"switch.constants": {"Command": 0}}, "Switch of message Order .* is there only while Command is 2, not 0"),
        ({"set_point.0.voltage": ""}, "options.set_point: voltage is named 0 times"),
        ({"set_point.0.voltage": "Command"}, r"options.set_point\[0\].voltage: signal Command .* cannot say the 750 V"),
        ({"set_point.0.constants": {"Switch": 1}}, "Set.* is there only while Command is 0, not 2"),
        ({"set_point": []}, "options.set_point"),
        ({"ask.output": []}, "options.ask.output: is empty; name the message that asks for it, or give spontaneous_s"),
        (
            {"ask.output.0.constants": {"Command": 2}, "switch.on": 0},
            "options.switch: message Order .* carries Switch in another order too, where it would be 0",
        ),
        ({"output.voltage.signal": "Volts"}, "options.output.voltage: message Answer .* has no signal Volts"),
        ({"output.voltage.signal": "Valid"}, "cannot say the 750 V of the rating, only 255 V"),
        ({"condition.on.on": [1]}, "options.condition.on: Off of Answer means both with 1"),
        ({"condition.on.on": [2]}, "options.condition.on: 2 does not fit into the 1 bits of Off of message Answer"),
        ({"alarms.0.code": "PM-99"}, r"options.alarms\[0\].code: there is no fault PM-99; known: PM-01"),
        ({"alarms.0.code": "fan"}, "options.alarms.0.code"),
        ({"address.first": 61}, "options.address.to_module: there is no address from 61 to 60"),
        ({"address.last": 200}, "options.address.to_module: address 200 with offset 0 does not fit into 7 bits"),
        ({"address.to_module.shift": 25}, "7 bits from bit 25 do not fit into an identifier of 29"),
        (
            {"output.voltage.message": "Order", "output.voltage.signal": "SetVoltage"},
            "Order to address 1 has the identifier of Order, .* what we say would be taken for an answer",
        ),
        ({"address.from_module.ignore": 0x40}, "options.address.from_module: ignores bits of the address"),
        ({"current": "half"}, "options.current"),
    ],
)
def test_what_does_not_fit_is_one_line_that_names_it(changes: Mapping[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said) as raised:
        DRIVER.codec(3, changed(changes))
    assert str(raised.value).startswith("module profile LianMing V2.0: ")
    assert "\n" not in str(raised.value)


def test_a_set_point_that_a_module_could_take_for_on_is_refused() -> None:
    """The bits of the switch are zero in it, and zero is ON."""
    template = load_profile("lan-generickm2-bln")
    as_switch = {"switch.message": "SetPoint", "switch.signal": "Enable", "switch.on": 0, "switch.off": 1}
    with pytest.raises(ConfigError, match="has no signal Enable"):
        describe(changed(as_switch, template))
    as_switch["switch.signal"] = "Current"
    with pytest.raises(ConfigError, match=r"options.switch: message SetPoint .* that order would switch"):
        describe(changed(as_switch, template))


@pytest.mark.parametrize(("key", "two"), [("to_module", "Control|SetPoint|Ask"), ("from_module", "Status|Output")])
def test_an_address_that_covers_what_tells_messages_apart_is_refused(key: str, two: str) -> None:
    """Bits 16 to 19 are those in which the template's messages differ."""
    profile = changed({f"address.{key}.shift": 16}, load_profile("lan-generickm2-bln"))
    with pytest.raises(ConfigError, match=rf"options.address: ({two}) and ({two}) .* have the same identifier once"):
        describe(profile)


def test_a_unit_that_nobody_knows_is_refused_and_those_that_are_known_are_converted(own: Path) -> None:
    profile = own_profile(own, WORDY_DBC.replace('"mV" Controller', '"furlong" Controller'))
    with pytest.raises(
        ConfigError, match=r"signal Volts of message Volts of wordy\.dbc has the unit furlong; known: V"
    ):
        describe(profile)
    profile = own_profile(own, WORDY_DBC)
    [report] = DRIVER.codec(5, profile).decode(Frame(0x1000F005, (400_000).to_bytes(4, "little") + bytes(4)))

    assert MeasuredVoltage(400.0) == report


# --- a family that uses every word there is ---------------------------------------------------------------------------


def test_every_word_of_a_description_is_said_and_understood(own: Path) -> None:
    profile = own_profile(own, WORDY_DBC)
    codec, semantics = DRIVER.codec(5, profile), semantics_of(DRIVER, profile)

    assert ["10000050#A00F000000000000", "10010050#C800000000000000"] == [str(one) for one in codec.set_point(400, 20)]
    assert ["10020050#0101000000000000"] == [str(one) for one in codec.on()]
    assert ["10020050#0102000000000000"] == [str(one) for one in codec.off()]
    assert ["10020050#0201000000000000"] == [str(one) for one in codec.walk_in(True)]
    assert ["10020050#0300000000000000"] == [str(one) for one in codec.select_range(False)]
    assert ["10020050#0900000000000000"] == [str(one) for one in codec.ask_identity()]
    assert ["10030000#0000000000000000"] == [str(one) for one in codec.heartbeat()], "to all, as the profile has it"
    assert (1.0, True, Ranges.WHILE_OFF) == (semantics.heartbeat_s, semantics.spontaneous, semantics.ranges)
    assert "total of all addressed" == semantics.current


@pytest.mark.parametrize(
    ("text", "reports"),
    [
        ("1001FF05#A086010000770100", (MeasuredCurrent(100.0), Available(96.0))),
        ("1001F005#A086010000000000", (MeasuredCurrent(100.0),)),
        ("1002F505#0500000000000000", (Condition(True, None, high_range=True),)),
        ("1002F505#0200000000000000", (Condition(False, None, high_range=False),)),
        ("1002F505#0300000000000000", ()),
        ("1003F005#E701000000000000", (Detail("Air", -25.0, alarms=()),)),
        (
            "1004F005#E803320014000000",
            (RatedPart(place=0, of=1, max_voltage_v=1000, max_current_a=50, max_power_w=2e4),),
        ),
        ("1005F005#D204000007000000", (IdentityPart(0, 1, Identity("1234", "7")),)),
        ("1006F005#0100000000000000", (SwitchedOff(),)),
        ("1006F005#0200000000000000", (SetPointTaken("set voltage"),)),
        ("1006F005#0207000000000000", (Refused("set voltage", "range"),)),
        ("1006F005#0300000000000000", (SetPointTaken("set current"),)),
        ("1006F005#0400000000000000", ()),
    ],
)
def test_what_such_a_module_says(own: Path, text: str, reports: tuple[object, ...]) -> None:
    codec = DRIVER.codec(5, own_profile(own, WORDY_DBC))
    frame = Frame.from_text(text)
    assert codec.is_from_module(frame)
    told = codec.decode(frame)
    if text.startswith("1003"):
        assert [one.alarms[0].code for one in told if isinstance(one, Detail)] == ["PM-03"]
        told = tuple(attrs.evolve(one, alarms=()) if isinstance(one, Detail) else one for one in told)

    assert reports == told


def test_the_shipped_descriptions_fit_together() -> None:
    described = [name for name in profiles.names_of("modules") if "dbc" in load_profile(name).options]
    assert {"increase-v1", "lianming-v2", "lan-generickm2-bln"} <= set(described)
    for name in described:
        describe(load_profile(name))
