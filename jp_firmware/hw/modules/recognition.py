"""How families of modules are told apart on a bus that nobody has described: one question each, and their answers.

Pure, and only about identifiers and first bytes: what else an answer says is the driver's. Each question is a read, to
all modules of its family at once. Derived from the layouts of the protocol documents; not tried on mixed hardware (?).
"""

from __future__ import annotations

from collections.abc import Callable

import attrs

from jp_firmware.hw.can.frame import Frame
from jp_firmware.hw.modules import infypower_beg_wire as beg
from jp_firmware.hw.modules import infypower_wire as v113

Recognise = Callable[[Frame], int | None]
"""The address of the module that sent this, if it is of the family; None for all else, our own frames included."""

TALK = 0x0757F8
"""InfyPower modules talk among themselves as 0757F8xx; a host never sends that. It says no address (?)."""


@attrs.frozen
class Family:
    """One of them. `driver` is empty where there is none to use its modules with."""

    title: str
    driver: str
    question: Frame | None  # None: its modules speak by themselves, and cannot be asked
    recognise: Recognise
    profile: str = ""  # what describes the family, where its driver is anybody's


@attrs.frozen
class Sighting:
    """A module was heard."""

    family: Family
    address: int


# --- InfyPower --------------------------------------------------------------------------------------------------------


def _infy(command_is_theirs: Callable[[int], bool]) -> Recognise:
    """A module that refuses a command does not know it, and so is none of that family."""

    def recognise(frame: Frame) -> int | None:
        identifier = v113.Identifier.decode(frame.can_id)
        theirs = (
            identifier.device == v113.Device.MODULE
            and identifier.destination == v113.CONTROLLER
            and identifier.error in (v113.Error.NONE, v113.Error.STARTING_UP)
            and command_is_theirs(identifier.command)
        )
        return identifier.source if theirs and identifier.source < v113.BROADCAST else None

    return recognise


_V113 = frozenset(v113.Command)
_BEG = frozenset(beg.Command)

# --- UUGreenPower, ENR ------------------------------------------------------------------------------------------------

_UU_REPLIES = (1, 3, 4, 12)  # of a set, a read, a serial number, a set of all


def _uugreenpower(frame: Frame) -> int | None:
    """Protocol 1, to monitor 1; questions and answers differ in the type alone."""
    address = frame.can_id >> 14 & 0x7F
    theirs = frame.can_id >> 21 == 0b0001_0001 and address and frame.data[0] & 0xF in _UU_REPLIES
    return address if theirs else None


# --- what begins with 060 ---------------------------------------------------------------------------------------------


def _to_us(frame: Frame) -> bool:
    return frame.can_id >> 20 == 0x060 and frame.can_id >> 11 & 0xFF == 0xF0


def _maxwell(frame: Frame) -> int | None:
    """41 is a number, 42 a whole one; in group 3 a 41 could be a DPM1000's, which knows no 42."""
    kind = frame.data[0]
    theirs = _to_us(frame) and (kind == 0x42 or (kind == 0x41 and frame.can_id & 0x7 != 3))
    return frame.can_id >> 3 & 0xFF if theirs else None


def _dpm1000(frame: Frame) -> int | None:
    theirs = _to_us(frame) and frame.can_id & 0x7 == 3 and frame.data[0] in (0x41, 0x43, 0xC1, 0xC3)
    return frame.can_id >> 3 & 0xFF if theirs else None


# --- all others -------------------------------------------------------------------------------------------------------

_TONHE = (0x1801A0, 0x180BA0, 0x1C91A0, 0x0802A0)  # state, input, more state, confirmation; all to the controller


def _tonhe(frame: Frame) -> int | None:
    address = frame.can_id & 0xFF
    return address if frame.can_id >> 8 in _TONHE and 1 <= address <= 240 else None


def _huawei(frame: Frame) -> int | None:
    """Protocol 0D, group 1F; bit 7 says that it comes from the controller."""
    address = frame.can_id >> 16 & 0x7F
    theirs = frame.can_id >> 23 == 0x0D and not frame.can_id & 0x80 and frame.can_id >> 2 & 0x1F == 0x1F
    return address if theirs and address else None


def _behind(prefix: int) -> Recognise:
    """The address stands in the last seven bits."""

    def recognise(frame: Frame) -> int | None:
        return frame.can_id & 0x7F if frame.can_id & ~0x7F == prefix else None

    return recognise


def _ask(text: str) -> Frame:
    identifier, _, data = text.partition("#")
    return Frame.from_text(f"{identifier}#{data:0<16}")


FAMILIES = (
    Family("TonHe V1.2", "tonhe", None, _tonhe),
    # Each module answers with its own status; the count (0x02) would come from the master alone, without addresses.
    Family("InfyPower V1.13", "infypower", _ask("02843FF0#"), _infy(_V113.__contains__)),
    Family("InfyPower BEG", "infypower-beg", _ask("02A33FF0#1110"), _infy(_BEG.__contains__)),
    Family("UUGreenPower 36.2", "uugreenpower", _ask("02200000#1208"), _uugreenpower),
    Family("Maxwell V1.50", "maxwell", _ask("0607FF80#10000040"), _maxwell),
    Family("DPM1000, R48 or MegMeet", "", _ask("0607FF83#01F00001"), _dpm1000),
    Family("Huawei R100040Gx", "huawei", _ask("068040FC#"), _huawei),
    Family("Increase", "dbc", _ask("1307C080#01"), _behind(0x1207C080), "increase-v1"),
    Family("LianMing V2.0", "dbc", _ask("1907C080#01"), _behind(0x1807C080), "lianming-v2"),
)
"""In the order in which they are asked."""


def recognise(frame: Frame) -> Sighting | None:
    """Whose answer this is; None for what is no whole answer of any family that is known here."""
    if not frame.extended or frame.remote or len(frame.data) != 8:
        return None
    for family in FAMILIES:
        address = family.recognise(frame)
        if address is not None:
            return Sighting(family, address)
    return None


def is_talk(frame: Frame) -> bool:
    """Whether InfyPower modules are talking to each other."""
    return frame.extended and frame.can_id >> 8 == TALK
