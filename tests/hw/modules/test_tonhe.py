"""Claims about the TonHe driver: what it says, what it understands, what it ignores."""

from __future__ import annotations

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jp_firmware.config.schema import ConfigError
from jp_firmware.faults import catalogue
from jp_firmware.hw.can.frame import Frame
from jp_firmware.hw.modules import tonhe
from jp_firmware.hw.modules import tonhe_wire as wire
from jp_firmware.hw.modules.driver import (
    Condition,
    Detail,
    Measured,
    Refused,
    Report,
    SetPointTaken,
    load_driver,
    load_profile,
)
from jp_firmware.hw.modules.tonhe_wire import ExtendedFault, ExtendedState, Fault, Message, PfcFault, Running
from tests.hw.can.test_frame import frames

PROFILE = load_profile("tonhe-th30f10025c7")
CODEC = tonhe.DRIVER.codec(1, PROFILE)

ADDRESSES = st.integers(1, wire.MAX_ADDRESS).filter(lambda address: address != wire.CONTROLLER)


def heard(text: str) -> tuple[Report, ...]:
    frame = Frame.from_text(text)
    assert CODEC.is_from_module(frame)
    return CODEC.decode(frame)


NO_FAULT = Fault(0)
NO_PFC_FAULT = PfcFault(0)


def condition(faults: Fault = NO_FAULT, pfc: PfcFault = NO_PFC_FAULT, running: Running = Running.ON) -> Condition:
    frame = wire.from_module(Message.STATE, 1, wire.State(running, 400, 10, faults, pfc).encode())
    told, measured = CODEC.decode(frame)
    assert Measured(400, 10) == measured
    assert isinstance(told, Condition)
    return told


def texts(told: Condition | Detail) -> list[str]:
    return [alarm.text for alarm in told.alarms]


# --- what it understands ---


@pytest.mark.parametrize(
    ("text", "reports"),
    [
        ("1801A001#01A00F1027000000", (Condition(True, None), Measured(400.0, 100.0))),
        ("1801A001#0000000000000000", (Condition(False, None), Measured(0.0, 0.0))),
        (
            "1801A001#1100000000800810",
            (Condition(False, None, (tonhe.PFC_ALARMS[PfcFault.ADDRESS_CONFLICT],)), Measured(0.0, 0.0)),
        ),
        ("0802A001#0100000000000000", (SetPointTaken("start or stop"),)),
        ("0802A001#0000000000000000", (Refused("start or stop", "not received"),)),
        ("180BA001#E508E908D7081800", (Detail("air", 24.0),)),
        ("180BA001#E508E908D708FBFF", (Detail("air", -5.0),)),
        ("1C91A001#0000000000000000", (Detail("extended"),)),
        ("1C91A001#2000040000000000", (Detail("extended", notes=("CAN was interrupted",)),)),
        # The priority is the sender's affair: an identifier is told by its other bits.
        ("0001A001#01A00F1027000000", (Condition(True, None), Measured(400.0, 100.0))),
    ],
)
def test_what_a_module_says(text: str, reports: tuple[Report, ...]) -> None:
    assert reports == heard(text)


@pytest.mark.parametrize(
    "text",
    [
        "1801A001#01A00F10",  # too short
        "1801A001#02A00F1027000000",  # a state that does not exist
        "0802A001#0700000000000000",  # neither received nor not
        "1C91A001#FFFFFFFFFFFFFFFF",  # not available, in J1939
        "180BA001#FFFFFFFFFFFFFFFF",
        "1877A001#0000000000000000",  # a frame V1.2 does not know
    ],
)
def test_what_says_nothing_we_use(text: str) -> None:
    assert () == heard(text)


@pytest.mark.parametrize(
    ("why", "text"),
    [
        ("another module", "1801A002#01A00F1027000000"),
        ("another controller", "1801A101#01A00F1027000000"),
        ("to all", "1801FF01#01A00F1027000000"),
        ("our own command, echoed", "080601A0#AA00A00F10270000"),
        ("another protocol: R set", "1A01A001#01A00F1027000000"),
        ("another protocol: DP set", "1901A001#01A00F1027000000"),
        ("standard", "101#0000000000000000"),
        ("remote", "1801A001#R8"),
    ],
)
def test_what_is_not_for_us(why: str, text: str) -> None:
    assert not CODEC.is_from_module(Frame.from_text(text)), why


@given(frames())
def test_no_frame_makes_the_decoder_raise(frame: Frame) -> None:
    CODEC.decode(frame)
    CODEC.is_from_module(frame)


@given(st.sampled_from(Message), st.binary(max_size=8))
def test_no_payload_makes_the_decoder_raise(message: Message, data: bytes) -> None:
    reports = CODEC.decode(wire.from_module(message, 1, data))

    assert len(data) == 8 or reports == ()


@settings(max_examples=30)
@given(ADDRESSES, ADDRESSES)
def test_no_frame_of_ours_is_taken_for_an_answer_of_any_module(address: int, other: int) -> None:
    codec, listener = tonhe.DRIVER.codec(address, PROFILE), tonhe.DRIVER.codec(other, PROFILE)
    ours = codec.start(400, 10) + codec.on() + codec.off() + codec.set_point(400, 10) + codec.heartbeat()

    assert not any(listener.is_from_module(frame) for frame in ours)


# --- faults ---


@pytest.mark.parametrize(("bit", "alarm"), tonhe.ALARMS.items())
def test_every_fault_bit_that_is_no_warning_is_an_alarm(bit: Fault, alarm: object) -> None:
    assert (alarm,) == condition(bit).alarms


@pytest.mark.parametrize(("bit", "alarm"), tonhe.PFC_ALARMS.items())
def test_every_bit_of_the_pfc_is_an_alarm(bit: PfcFault, alarm: object) -> None:
    assert (alarm,) == condition(pfc=bit).alarms


@pytest.mark.parametrize("bit", [Fault.OUTPUT_LOW_WARNING, Fault.OUTPUT_HIGH_WARNING, Fault.POWER_LIMITED_BY_HEAT])
def test_the_three_warnings_are_notes_also_with_the_hardware_fault_that_two_of_them_set(bit: Fault) -> None:
    summed_up = Fault.HARDWARE if bit is not Fault.POWER_LIMITED_BY_HEAT else NO_FAULT

    assert ((), (tonhe.NOTES[bit],)) == (condition(bit | summed_up).alarms, condition(bit).notes)


def test_a_bit_that_only_follows_from_another_blames_no_part_that_is_not_broken() -> None:
    follows = Fault.PFC_OFF | Fault.HARDWARE

    assert ["input phase lost"] == texts(condition(Fault.PHASE_LOSS | follows))
    assert ["bus over-voltage"] == texts(condition(follows, PfcFault.BUS_OVER_VOLTAGE))
    assert ["PFC shut down"] == texts(condition(follows))
    assert ["hardware fault"] == texts(condition(Fault.HARDWARE))
    assert ["fan fault", "hardware fault"] == texts(condition(Fault.FAN | Fault.HARDWARE))


def test_a_module_switched_off_by_a_fault_it_does_not_name_is_of_no_use() -> None:
    unnamed = condition(running=Running.OFF_BY_FAULT)
    warned = condition(Fault.OUTPUT_LOW_WARNING | Fault.HARDWARE, running=Running.OFF_BY_FAULT)

    assert (tonhe.UNNAMED,) == unnamed.alarms == warned.alarms
    assert not tonhe.UNNAMED.usable
    assert () == condition(running=Running.OFF).alarms


def test_the_extended_word_is_alarms_and_notes() -> None:
    payload = wire.Extended(
        ExtendedState.MUTE | ExtendedState.HOT_PLUG_ENABLED,
        ExtendedFault.RELAY | ExtendedFault.CAN_TIMEOUT | ExtendedFault.INPUT_POWER_LIMITED,
    )
    (told,) = CODEC.decode(wire.from_module(Message.EXTENDED, 1, payload.encode()))

    assert (
        Detail(
            "extended",
            None,
            (tonhe.EXTENDED_ALARMS[ExtendedFault.RELAY],),
            ("CAN was interrupted", "power limited by the input", "muted"),
        )
        == told
    )


def test_every_bit_of_every_word_is_told() -> None:
    assert set(Fault) == set(tonhe.ALARMS) | set(tonhe.NOTES)
    assert set(PfcFault) == set(tonhe.PFC_ALARMS)
    assert set(ExtendedFault) == set(tonhe.EXTENDED_ALARMS) | set(tonhe.EXTENDED_NOTES)


def test_every_fault_it_raises_is_in_the_catalogue() -> None:
    alarms = [*tonhe.ALARMS.values(), *tonhe.PFC_ALARMS.values(), *tonhe.EXTENDED_ALARMS.values(), tonhe.UNNAMED]

    assert {alarm.code for alarm in alarms} <= set(catalogue.load())


# --- what it says ---


def test_its_words_are_the_vendors() -> None:
    assert ["080601A0#AA00A00F10270000"] == [str(one) for one in CODEC.start(400, 100)]
    assert ["080601A0#5500000000000000"] == [str(one) for one in CODEC.off()]
    assert ["1004FFA0#01000000A00F1027"] == [str(one) for one in CODEC.set_point(400, 100)]
    assert ["0803FFA0#010000AA00000000"] == [str(one) for one in CODEC.on()]
    assert ["1805FFA0#0000000000000000"] == [str(one) for one in CODEC.heartbeat()]


def test_nothing_can_be_asked_and_there_is_no_word_for_walk_in_and_range() -> None:
    asked = CODEC.ask_output() + CODEC.ask_condition() + CODEC.ask_ratings() + CODEC.ask_identity()

    assert () == asked + CODEC.walk_in(True) + CODEC.select_range(True)


@given(ADDRESSES, st.floats(0, 1000), st.floats(0, 120))
def test_a_set_point_is_no_start_and_concerns_one_module(address: int, voltage_v: float, current_a: float) -> None:
    (frame,) = tonhe.DRIVER.codec(address, PROFILE).set_point(voltage_v, current_a)
    identifier = wire.Identifier.decode(frame.can_id)
    setting = wire.SetMany.decode(frame.data)

    assert Message.SET_MANY == identifier.message
    assert [address] == [one for one in range(1, wire.MAX_ADDRESS + 1) if setting.selection.includes(one)]
    assert -1e-6 <= voltage_v - setting.voltage_v < 0.1
    assert -1e-6 <= current_a - setting.current_a < 0.01


def test_what_is_uncertain_is_the_profiles() -> None:
    codec = tonhe.DRIVER.codec(30, attrs.evolve(PROFILE, options={"group": 2, "mode": 1}))

    assert "08061EA0#AA01A00F10270000" == str(codec.start(400, 100)[0])
    assert "1004FFA0#20000021A00F1027" == str(codec.set_point(400, 100)[0])


@pytest.mark.parametrize("options", [{"group": 16}, {"mode": -1}, {"mood": 1}])
def test_options_it_does_not_know_are_a_mistake_in_the_profile(options: dict[str, int]) -> None:
    with pytest.raises(ConfigError, match="TonHe TH30F10025C7-WT: options"):
        tonhe.DRIVER.codec(1, attrs.evolve(PROFILE, options=options))


@pytest.mark.parametrize(("address", "said"), [(0, "1 to 240"), (241, "1 to 240"), (160, "the controller's own")])
def test_an_address_the_family_does_not_have_is_a_mistake_in_the_configuration(address: int, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        tonhe.DRIVER.codec(address, PROFILE)


def test_the_driver_is_found_by_name_and_says_what_its_family_is_like() -> None:
    assert tonhe.DRIVER is load_driver("tonhe")
    assert tonhe.DRIVER.semantics.spontaneous
    assert 5.0 == tonhe.DRIVER.semantics.heartbeat_s
    assert PROFILE.poll_status_s == PROFILE.poll_on_s == 0.5
    assert PROFILE.off_within_s > 0.4 + PROFILE.poll_status_s, (
        "or a silent module could not be told from one that is on"
    )
