"""What can happen to a charger, as plain steps: what a person does, what breaks, what is repaired, what ends a part.

A step is a word, what it is done to, and how long the world then goes on. Steps that make no sense where they come up
(unplugging no car) change nothing, so that any list of steps is a story that can be told again and shortened.
"""

from __future__ import annotations

import attrs
from hypothesis import strategies as st

from jp_firmware.sim.module import Alarm
from jp_firmware.sim.outlet import OutletAlarm
from jp_firmware.sim.plc_board import BoardAlarm
from tests.whole.charger import BOTH, CABINET, OTHER_TAG, TAG

UNKNOWN_TAG = "0411223344556677"
LIMITS_W = (0.0, 3_000.0, 12_000.0, 25_000.0, 40_000.0, 80_000.0)

_MODULES = tuple(one.id for one in CABINET.modules)
_METERS = tuple(one.id for one in CABINET.meters)
_BOARDS = tuple(one.id for one in CABINET.plc_boards)
_WIRES = tuple(one.name for one in CABINET.wires)
_OUTLETS = tuple(f"connector-{connector}" for connector in BOTH)
_CHILDREN = ("journal", "planner", *_OUTLETS, *_MODULES, *_METERS, *_BOARDS, *(f"{wire}/link" for wire in _WIRES))


@attrs.frozen
class Step:
    """One step of a story."""

    word: str
    what: str = ""
    value: float | str = ""
    then_s: float = 0.0

    def __repr__(self) -> str:
        told = ", ".join(repr(one) for one in (self.word, self.what, self.value) if one != "")
        return f"Step({told}, then_s={self.then_s:g})"


Told = tuple[str, str, float | str]


def _each(word: str, whats: tuple[str, ...], values: tuple[float | str, ...] = ("",)) -> list[Told]:
    return [(word, what, value) for what in whats for value in values]


_FAULTS = [
    *_each("fault", _MODULES, tuple(one.value for one in Alarm)),
    *_each("fault", _METERS, ("broken-wire",)),
    *_each("fault", _BOARDS, tuple(one.value for one in BoardAlarm)),
    *_each("fault", _OUTLETS, tuple(one.value for one in OutletAlarm)),
]
_MISBEHAVING = [
    one for word in ("silence", "freeze", "corrupt") for one in _each(word, (*_MODULES, *_METERS, *_BOARDS))
]
_DEVICES = (*_MODULES, *_METERS, *_BOARDS, *_OUTLETS)

# How often a word comes up, against the others; what it can be done to comes up evenly.
_WORDS: tuple[tuple[int, list[Told]], ...] = (
    (10, _each("charge", _OUTLETS)),
    (2, _each("plug", _OUTLETS)),
    (2, _each("unplug", _OUTLETS)),
    (2, _each("swipe", (TAG, OTHER_TAG, UNKNOWN_TAG))),
    (2, _each("start", _OUTLETS)),
    (2, _each("stop", _OUTLETS)),
    (1, _each("unlock", _OUTLETS)),
    (1, _each("pause", _OUTLETS)),
    (1, _each("resume", _OUTLETS)),
    (1, _each("operative", _OUTLETS, (0.0, 1.0))),
    (4, _each("limit", ("site",), LIMITS_W)),
    (3, _FAULTS),
    (4, _MISBEHAVING),
    (3, _each("clear", _DEVICES)),
    (7, _each("heal", ("all",))),
    (1, _each("emergency stop", ("press",))),
    (1, _each("emergency stop", ("release",))),
    (2, _each("cut", _WIRES)),
    (2, _each("restore", _WIRES)),
    (1, _each("disk", ("full", "free"))),
    (4, _each("cancel", _CHILDREN)),
    (1, _each("stop and start", ("charger",))),
    (1, _each("kill and start", ("charger",), (0.1, 0.7, 3.0))),
    (6, _each("wait", ("",))),
)

_PAUSES_S = (*(4 * (0.0,)), 0.01, 0.02, 0.03, 0.05, 0.07, 0.1, 0.1, 0.15, 0.2, 0.2, 0.3, 0.5, 1.0, 2.5)


def stories(at_least: int, at_most: int) -> st.SearchStrategy[list[Step]]:
    """Lists of steps."""
    some = [st.sampled_from(words) for weight, words in _WORDS for _ in range(weight)]
    step = st.builds(
        lambda which, then_s: Step(which[0], which[1], which[2], then_s),
        st.sampled_from(range(len(some))).flatmap(lambda at: some[at]),
        st.sampled_from(_PAUSES_S),
    )
    return st.lists(step, min_size=at_least, max_size=at_most)
