"""What the roles look like: a calm grey, sixteen colours, and no colour at all.

The only place with colours. The normal state is grey and flat; colour means that something is not as it should be,
or that energy flows, and is never the only sign of it. The sixteen-colour theme is drawn in those colours directly,
not reduced to them, and uses eight backgrounds (bright ones blink on a Linux console). The colourless one knows bold,
reverse, underline and dim.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Final

from rich.style import Style
from textual.color import Color
from textual.theme import Theme

from jp_firmware.tui.text import ROLES

Look = tuple[str, str, str]  # colour, background, text style

_NONE: Final = "transparent"
_DRAWN: Final = (*ROLES, "cursor")

_GREY: Final[Mapping[str, Look]] = {
    "text": ("#c8ccd0", _NONE, "none"),
    "label": ("#878e95", _NONE, "none"),
    "head": ("#9db1c0", _NONE, "bold"),
    "rule": ("#3b4248", _NONE, "none"),
    "strong": ("#f1f3f5", _NONE, "bold"),
    "active": ("#8cc2ea", _NONE, "bold"),
    "note": ("#8fb4c9", _NONE, "none"),
    "warn": ("#e0bb55", _NONE, "none"),
    "high": ("#f0914e", _NONE, "bold"),
    "fail": ("#ffffff", "#b3262e", "bold"),
    "stale": ("#747b82", _NONE, "none"),
    "key": ("#f1f3f5", _NONE, "bold"),
    "off": ("#5b6269", _NONE, "none"),
    "bar": ("#6fa8d0", _NONE, "none"),
    "bar-soft": ("#466d8a", _NONE, "none"),
    "track": ("#343a40", _NONE, "none"),
    "chip": ("#16191c", "#c8ccd0", "bold"),
    "status": ("#dfe3e6", "#2b3138", "none"),
    "banner-fail": ("#ffffff", "#b3262e", "bold"),
    "banner-high": ("#16191c", "#f0914e", "bold"),
    "banner-warn": ("#16191c", "#d9b44a", "none"),
    "banner-note": ("#16191c", "#8fb4c9", "none"),
    "banner-lost": ("#ffffff", "#6f4b91", "bold"),
    "cursor": ("#ffffff", "#34506a", "none"),
}

_SIXTEEN: Final[Mapping[str, Look]] = {
    "text": ("ansi_bright_white", _NONE, "none"),
    "label": ("ansi_white", _NONE, "none"),
    "head": ("ansi_white", _NONE, "bold"),
    "rule": ("ansi_bright_black", _NONE, "none"),
    "strong": ("ansi_bright_white", _NONE, "bold"),
    "active": ("ansi_bright_cyan", _NONE, "bold"),
    "note": ("ansi_bright_cyan", _NONE, "none"),
    "warn": ("ansi_bright_yellow", _NONE, "none"),
    "high": ("ansi_bright_red", _NONE, "bold"),
    "fail": ("ansi_bright_white", "ansi_red", "bold"),
    "stale": ("ansi_bright_black", _NONE, "none"),
    "key": ("ansi_bright_white", _NONE, "bold"),
    "off": ("ansi_bright_black", _NONE, "none"),
    "bar": ("ansi_bright_cyan", _NONE, "none"),
    "bar-soft": ("ansi_cyan", _NONE, "none"),
    "track": ("ansi_bright_black", _NONE, "none"),
    "chip": ("ansi_black", "ansi_white", "none"),
    "status": ("ansi_black", "ansi_white", "none"),
    "banner-fail": ("ansi_bright_white", "ansi_red", "bold"),
    "banner-high": ("ansi_bright_white", "ansi_red", "none"),
    "banner-warn": ("ansi_black", "ansi_yellow", "none"),
    "banner-note": ("ansi_black", "ansi_cyan", "none"),
    "banner-lost": ("ansi_bright_white", "ansi_magenta", "bold"),
    "cursor": ("ansi_bright_white", "ansi_blue", "none"),
}

_MONO_STYLES: Final[Mapping[str, str]] = {
    "head": "bold",
    "strong": "bold",
    "active": "bold",
    "warn": "bold",
    "high": "bold underline",
    "fail": "bold reverse",
    "stale": "dim",
    "key": "bold",
    "off": "dim",
    "bar-soft": "dim",
    "track": "dim",
    "chip": "reverse",
    "status": "reverse",
    "banner-fail": "bold reverse",
    "banner-high": "bold reverse",
    "banner-warn": "reverse",
    "banner-note": "reverse",
    "banner-lost": "bold reverse",
    "cursor": "reverse",
}
_MONO: Final[Mapping[str, Look]] = {
    role: ("ansi_default", "ansi_default", _MONO_STYLES.get(role, "none")) for role in _DRAWN
}


def _theme(name: str, looks: Mapping[str, Look], *, paper: str, card: str, edge: str, ansi: bool) -> Theme:
    variables = {"jp-paper": paper, "jp-card": card, "jp-edge": edge}
    for role in ("text", "strong", "cursor"):
        variables |= {f"jp-{role}-fg": looks[role][0], f"jp-{role}-bg": looks[role][1]}
    # Textual's own style sheet names these two in themes of native colours.
    variables |= {"ansi-background": "ansi_default", "ansi-foreground": "ansi_default"}
    return Theme(
        name=name,
        primary=looks["active"][0],
        warning=looks["warn"][0],
        error=looks["high"][0],
        foreground=looks["text"][0],
        background=paper,
        surface=card,
        panel=card,
        boost=card,
        ansi=ansi,
        variables=variables,
    )


_LOOKS: Final = {"jp-grey": _GREY, "jp-16": _SIXTEEN, "jp-mono": _MONO}

THEMES: Final = {
    "grey": _theme("jp-grey", _GREY, paper="#1b1e21", card="#23282d", edge="#59636c", ansi=False),
    "16": _theme("jp-16", _SIXTEEN, paper="ansi_default", card="ansi_default", edge="ansi_white", ansi=True),
    "mono": _theme("jp-mono", _MONO, paper="ansi_default", card="ansi_default", edge="ansi_default", ansi=True),
}


@lru_cache
def styles_of(theme_name: str) -> Mapping[str, Style]:
    """What each role adds to the style of the panel it stands in. Cheaper at the start than a CSS class a role."""
    looks = _LOOKS.get(theme_name, _GREY)
    return {role: _style(*look) for role, look in looks.items()}


def _style(colour: str, background: str, words: str) -> Style:
    attributes = {} if words == "none" else dict.fromkeys(words.split(), True)
    ground = None if background == _NONE else Color.parse(background).rich_color
    return Style(color=Color.parse(colour).rich_color, bgcolor=ground, **attributes)  # type: ignore[arg-type]
