"""The few signs the terminal draws with, in three sets: everything, what a Linux console font has, and plain ASCII.

No emoji, no braille, nothing two cells wide. A sign never stands alone for a meaning: a word or a code stands by it.
"""

from __future__ import annotations

from typing import Final

import attrs


@attrs.frozen(kw_only=True)
class Symbols:
    """One set. `levels` runs from lowest to highest and has eight steps; `eighths` may be empty."""

    name: str
    on: str
    off: str
    alarm: str
    gone: str  # an alarm whose cause has gone
    bad: str
    good: str
    rule: str
    bar: str  # between two fields of a line
    full: str
    soft: str
    empty: str
    eighths: str
    levels: str
    cursor: str
    arrow: str
    ellipsis: str


FULL: Final = Symbols(
    name="full",
    on="●",
    off="○",
    alarm="▲",
    gone="▼",
    bad="✗",
    good="✓",
    rule="─",
    bar="│",
    full="█",
    soft="▒",
    empty="░",
    eighths="▏▎▍▌▋▊▉",
    levels="▁▂▃▄▅▆▇█",
    cursor="›",
    arrow="→",
    ellipsis="…",
)

# Debian's console fonts lack the eighth and half blocks, the open circle and the tick; they have what stands here.
CONSOLE: Final = attrs.evolve(
    FULL, name="console", off="o", bad="x", good="+", eighths="", levels="_.:-=+*#", cursor=">"
)

ASCII: Final = Symbols(
    name="ascii",
    on="*",
    off="o",
    alarm="^",
    gone="v",
    bad="x",
    good="+",
    rule="-",
    bar="|",
    full="#",
    soft="=",
    empty=".",
    eighths="",
    levels="_.:-=+*#",
    cursor=">",
    arrow=">",
    ellipsis="~",
)

SETS: Final = {one.name: one for one in (FULL, CONSOLE, ASCII)}
