"""What F1 shows: what is on this screen, and every key, from the one table of actions."""

from __future__ import annotations

from typing import Final

from jp_firmware.tui.action import Risk, key_names
from jp_firmware.tui.actions import ACTIONS
from jp_firmware.tui.text import BLANK, Line, cell, line, span, wrap

_SCREENS: Final = {
    "overview": (
        "Overview",
        "Site power: the bar is measured power, then what is assigned beyond it, against the site's limit. Connectors: "
        "one row each, with what limits it or what it waits for. Central system: why it is down, if it is. Health: how "
        "many tasks the charger runs, whether one is down, and whose watchdog came closest to its limit.",
    ),
    "connector": (
        "Connector",
        "Live values and their course. Power, from the car's wish to what flows: requested by the car, offered by this "
        "connector, allowed as its share under all limits, assigned now, measured. The heading names the limit that "
        "binds. Faults shows what concerns this connector, with what to do about it.",
    ),
    "planner": (
        "Planner",
        "Site: measured power, then what is assigned beyond it, against the limit; short by is what cars ask for and "
        "connectors could give beyond what is allowed; below it what cars will want soon. Connectors: requested by the "
        "car, offered by the connector alone, allowed as its share under all limits, assigned now, measured, all in "
        "kW; the modules that feed it, +1 is one that comes; then the owner of the limit that binds. An old wish comes "
        "from a car that was not heard: it is never raised. Chains: assigned power, the share that is theirs, what "
        "their wiring carries, what their own modules give; borrows is power beyond the share, a negative one is what "
        "is left of it while others borrow. Below: the chosen connector's limits from the car to the grid; the one "
        "that binds is marked.",
    ),
    "config": (
        "Configuration",
        "Every key with its value, where that comes from (file, default, command line, secret) and what a change "
        "takes. Enter changes a key, opens a table, or adds an item; Del takes a change back, else the key goes back "
        "to its default; Left and Right fold. Changes collect in a draft, marked *, that the charger checks at once; "
        "nothing is done before it is applied. Preview shows the plan. A change that could lock you out is undone by "
        "itself unless somebody confirms it: the seconds left stand in the first row of every screen. One that has "
        "sessions in its way waits, and others are made beside it; w shows what waits. Where somebody else changed the "
        "configuration meanwhile, Apply shows what, and lays the draft over it or drops it. Secrets are typed hidden "
        "and never shown.",
    ),
    "faults": (
        "Fault centre",
        "Active faults, worst first, those nobody has acknowledged on top; then past ones. Acknowledging says that "
        "someone has seen it. A fault leaves the list when its cause is gone; a latched one must be cleared besides, "
        "after the remedy was carried out. Enter shows what can be done with the chosen fault.",
    ),
}
_SIGNS: Final = (
    ("---", "not known"),
    ("61.2?", "the last known value; it is old"),
    ("UNACK", "nobody has acknowledged this fault yet"),
    ("*", "a key that the draft changes"),
)
_MOVES: Final = (
    ("Up Down j k", "Choose a row; Home, End, PgUp, PgDn jump"),
    ("Enter", "Open the chosen row"),
    ("Tab", "Go to the next list"),
    ("Left Right", "The connector before or after; in the configuration, fold and unfold"),
)


def help_lines(workspace: str, width: int) -> list[Line]:
    """The whole text, for any width; the dialog scrolls it."""
    title, text = _SCREENS[workspace]
    rows: list[Line] = [line(span(title, "strong")), *wrap(text, width), BLANK]
    rows.append(line(span("KEYS", "head")))
    for keys, words in _MOVES:
        rows.append(_row(keys, words))
    for action in sorted(ACTIONS, key=lambda one: bool(one.places) and workspace not in one.places):
        names = key_names(action) or "F2"
        mark = "asks first" if action.risk is Risk.PLANT else ""
        rows.append(_row(names, action.title, mark))
    rows += [BLANK, line(span("SIGNS", "head"))]
    rows += [_row(sign, words) for sign, words in _SIGNS]
    rows += [BLANK, *wrap("Emergency stop is a button on the charger. This terminal only shows it.", width, "label")]
    return rows


def _row(keys: str, words: str, mark: str = "") -> Line:
    tail = f"  ({mark})" if mark else ""
    return line(cell(keys, 24, "key"), span(words), span(tail, "label"))
