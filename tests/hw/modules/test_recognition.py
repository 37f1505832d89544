"""Claims about telling the families of modules apart by their frames alone."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jp_firmware.config.profiles import names_of
from jp_firmware.hw.can.frame import Frame
from jp_firmware.hw.modules import recognition
from jp_firmware.hw.modules.driver import ENTRY_POINTS
from jp_firmware.hw.modules.recognition import FAMILIES, Sighting, recognise
from tests.hw.can.test_frame import frames


def seen(text: str) -> tuple[str, int] | None:
    sighting = recognise(Frame.from_text(text))
    return (sighting.family.title, sighting.address) if sighting else None


@pytest.mark.parametrize(
    ("text", "family", "address"),
    [
        ("0289F003#00030D4000001388", "InfyPower V1.13", 3),
        ("0284F001#000002001B004000", "InfyPower V1.13", 1),
        ("1E84F005#0000000000000000", "InfyPower V1.13", 5),  # still starting up
        ("02A3F005#1110000000000100", "InfyPower BEG", 5),
        ("02A4F000#11100000000000A1", "InfyPower BEG", 0),
        ("02205E57#1302000000000000", "UUGreenPower 36.2", 1),  # with day and serial number in its identifier
        ("023FC000#1308000002000000", "UUGreenPower 36.2", 127),
        ("060F8008#42F0004000400000", "Maxwell V1.50", 1),
        ("060F8008#41F00001442F0000", "Maxwell V1.50", 1),
        ("060F800B#42F0004000400000", "Maxwell V1.50", 1),  # in group 3
        ("060F8003#41F0000143C80000", "DPM1000, R48 or MegMeet", 0),
        ("1801A001#01A00F1027000000", "TonHe V1.2", 1),
        ("180BA0F0#E508E908D7081800", "TonHe V1.2", 240),
        ("06F8407C#0175000001900000", "Huawei R100040Gx", 0x78),
        ("06F8407D#0175000001900000", "Huawei R100040Gx", 0x78),  # more follows
        ("1207C081#0100000000000000", "Increase", 1),
        ("1807C083#0100000000000000", "LianMing V2.0", 3),
    ],
)
def test_an_answer_tells_its_family_and_address(text: str, family: str, address: int) -> None:
    assert (family, address) == seen(text)


@pytest.mark.parametrize(
    ("why", "text"),
    [
        ("the command is not known there, so it is another family", "0A84F003#0000000000000000"),
        ("the same, of the other InfyPower family", "0AA3F003#1110000000000000"),
        ("the system's answer has no address", "0282F03F#0000070000000000"),
        ("to another controller", "0289F103#0000000000000000"),
        ("a group's answer", "02C2F001#0000030000000000"),
        ("to another monitor", "02405E57#1302000000000000"),
        ("from no module", "1801A000#0000000000000000"),
        ("to another module", "060408F8#42F0004000400000"),
        ("short", "0289F003#00030D40"),
        ("standard", "7FF#0000000000000000"),
        ("remote", "0289F003#R8"),
        ("between InfyPower modules", "0757F803#0000000000000000"),
        ("a State Grid host", "180180A0#0200000000000000"),
    ],
)
def test_what_tells_of_no_module(why: str, text: str) -> None:
    assert seen(text) is None, why


def test_no_question_of_ours_is_taken_for_an_answer_of_any_family() -> None:
    """An adapter may echo what we send."""
    asked = [family.question for family in FAMILIES if family.question is not None]

    assert 8 == len(asked) == len({frame.can_id for frame in asked})
    assert [None] * 8 == [recognise(frame) for frame in asked]


def test_only_a_family_that_speaks_by_itself_is_not_asked() -> None:
    assert ["tonhe"] == [family.driver for family in FAMILIES if family.question is None]


def test_the_questions_are_those_of_the_documents() -> None:
    assert [
        "02843FF0#0000000000000000",
        "02A33FF0#1110000000000000",
        "02200000#1208000000000000",
        "0607FF80#1000004000000000",
        "0607FF83#01F0000100000000",
        "068040FC#0000000000000000",
        "1307C080#0100000000000000",
        "1907C080#0100000000000000",
    ] == [str(family.question) for family in FAMILIES if family.question is not None]


def test_each_family_with_a_driver_names_one_that_is_installed() -> None:
    from importlib.metadata import entry_points

    installed = entry_points(group=ENTRY_POINTS).names

    assert {family.driver for family in FAMILIES if family.driver} <= set(installed)
    assert {family.profile for family in FAMILIES if family.profile} <= set(names_of("modules"))


def test_talk_of_infypower_modules_is_known_by_its_identifier() -> None:
    assert recognition.is_talk(Frame.from_text("0757F803#0000000000000000"))
    assert not recognition.is_talk(Frame.from_text("0757F903#0000000000000000"))


@given(frames())
def test_no_frame_makes_it_raise_or_is_of_two_families(frame: Frame) -> None:
    sighting = recognise(frame)
    if sighting is not None:
        claimed = [family.title for family in FAMILIES if family.recognise(frame) is not None]
        assert [sighting.family.title] == claimed


@given(st.sampled_from(FAMILIES), st.integers(0, 0x1FFF_FFFF), st.binary(min_size=8, max_size=8))
def test_what_is_recognised_has_an_address_that_fits_a_byte(
    family: recognition.Family, can_id: int, data: bytes
) -> None:
    sighting = recognise(Frame(can_id, data))

    assert sighting is None or (isinstance(sighting, Sighting) and 0 <= sighting.address <= 255)
