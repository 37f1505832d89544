"""What kind of terminal this is, and the environment Textual must find. Imports no Textual: it reads it on import."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from typing import Final

import attrs

from jp_firmware.tui.symbols import ASCII, CONSOLE, FULL, SETS, Symbols

_SET: Final = {
    "TEXTUAL_ANIMATIONS": "none",
    "TEXTUAL_DISABLE_KITTY_KEY": "1",  # of no use here, and older consoles print its request
    "TEXTUAL_SMOOTH_SCROLL": "0",  # also keeps mouse positions in cells
}
# COLUMNS and LINES freeze the size for good; NO_COLOR is honoured by our own colourless theme, while Textual's filter
# could leave black on black; the others would let a shell's settings reach into the charger's terminal.
_REMOVED: Final = ("COLUMNS", "LINES", "NO_COLOR", "TEXTUAL_THEME", "TEXTUAL_DRIVER", "TEXTUAL_FPS", "TEXTUAL_DEBUG")


class Unsuitable(Exception):
    """This terminal cannot show the application; the message says what to use instead."""


@attrs.frozen(kw_only=True)
class Surroundings:
    """How to draw here."""

    theme: str  # a key of `themes.THEMES`
    symbols: Symbols
    mouse: bool
    interval_s: float  # between snapshots
    escape_delay_ms: int  # how long a lone Esc waits for the rest of a sequence


def look_around(environment: Mapping[str, str], *, is_tty: bool) -> Surroundings:
    """Judges the terminal by its environment. Raises Unsuitable.

    JP_THEME (grey, 16, mono) and JP_SYMBOLS (full, console, ascii) overrule the judgement.
    """
    term = environment.get("TERM", "")
    if not is_tty:
        raise Unsuitable("the terminal needs a tty for input and output; without one use: jp status --watch")
    if term in ("", "dumb", "unknown"):
        shown = f'"{term}"' if term else "not set"
        raise Unsuitable(f"TERM is {shown}, which cannot be drawn on; use: jp status --watch")
    simple = term.startswith(("linux", "vt", "ansi", "cons"))
    theme = "16" if simple else "grey"
    if environment.get("NO_COLOR"):
        theme = "mono"
    symbols = _symbols(term, environment)
    return Surroundings(
        theme=_chosen(environment, "JP_THEME", ("grey", "16", "mono"), theme),
        symbols=SETS[_chosen(environment, "JP_SYMBOLS", tuple(SETS), symbols.name)],
        mouse=not simple,
        interval_s=1.0 if term.startswith("vt") else 0.5,
        # A reply or function key split by more than this arrives as single keys; a local console never splits them.
        escape_delay_ms=100 if term.startswith("linux") else 250,
    )


def _symbols(term: str, environment: Mapping[str, str]) -> Symbols:
    """By what the terminal's font can be trusted to have."""
    locale = _locale(environment)
    utf8 = "utf8" in locale.lower().replace("-", "")
    if term.startswith("linux"):
        return CONSOLE if utf8 or not locale else ASCII
    if term.startswith(("vt", "ansi", "cons")):
        return FULL if utf8 else ASCII
    return FULL if utf8 or not locale else ASCII


def _locale(environment: Mapping[str, str]) -> str:
    """The locale that someone set. Python itself puts LC_CTYPE=C.UTF-8 where it finds none (PEP 538)."""
    language = environment.get("LANG", "")
    ctype = environment.get("LC_CTYPE", "")
    if ctype in ("C.UTF-8", "C.utf8", "UTF-8") and language in ("", "C", "POSIX"):
        ctype = ""
    return environment.get("LC_ALL") or ctype or language


def _chosen(environment: Mapping[str, str], name: str, known: tuple[str, ...], otherwise: str) -> str:
    wanted = environment.get(name, otherwise)
    if wanted not in known:
        raise Unsuitable(f"{name} is {wanted!r}; it may be {', '.join(known)}")
    return wanted


def settle(environment: MutableMapping[str, str], surroundings: Surroundings) -> None:
    """Puts the environment in order, before Textual is imported."""
    for name in _REMOVED:
        environment.pop(name, None)
    environment.update(_SET)
    environment.setdefault("ESCDELAY", str(surroundings.escape_delay_ms))
