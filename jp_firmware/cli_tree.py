"""`jp tree`: the live supervision tree, with how close each part has come to its watchdog."""

from __future__ import annotations

import math
import textwrap
from typing import Any

from jp_firmware.cli_terminal import UNKNOWN, WIDTH, Terminal, clean, duration, number

Json = dict[str, Any]

_NAME_WIDTH, _BAR_WIDTH = 29, 10
_UNICODE = {"middle": "├─ ", "last": "└─ ", "past": "│  ", "full": "█", "empty": "·"}
_ASCII = {"middle": "|- ", "last": "`- ", "past": "|  ", "full": "#", "empty": "."}


def tree_lines(terminal: Terminal, tree: Json) -> list[str]:
    """The tree, a line a part; under each that ever ended against its will, how it ended last and why.

    The bar is the longest gap between two signs of life, measured against the watchdog's period.
    """
    glyphs = _UNICODE if terminal.unicode else _ASCII
    head = f"{'Part':<{_NAME_WIDTH}} {'State':<12}{'Up':>9}{'Starts':>8}  Worst gap/limit"
    return [head, *_node(terminal, glyphs, tree, "", "")]


def _node(terminal: Terminal, glyphs: dict[str, str], node: Json, first: str, rest: str) -> list[str]:
    name = f"{first}{clean(node['name'])}"
    state = str(node["state"])
    restarts = node.get("restarts")
    starts = str(restarts + 1) if isinstance(restarts, int) else UNKNOWN
    up_for = duration(node.get("up_for_s")) if state == "up" else UNKNOWN
    line = (
        f"{clean(name, _NAME_WIDTH):<{_NAME_WIDTH}} {terminal.paint(f'{clean(state, 12):<12}', _meaning(node))}"
        f"{up_for:>9}{starts:>8}  {_gap(terminal, glyphs, node)}"
    )
    children = node.get("children") or []
    lines = [line.rstrip(), *_end(terminal, glyphs, node, rest, bool(children))]
    for index, child in enumerate(children):
        last = index == len(children) - 1
        lines += _node(
            terminal,
            glyphs,
            child,
            rest + glyphs["last" if last else "middle"],
            rest + ("   " if last else glyphs["past"]),
        )
    return lines


def _meaning(node: Json) -> str:
    match node["state"]:
        case "up" | "done" | "idle":
            return ""
        case "starting" | "stopping" | "backoff":
            return "attention"
    return "bad"


def _gap(terminal: Terminal, glyphs: dict[str, str], node: Json) -> str:
    """The worst gap as a bar, or when the next try is due."""
    if node.get("backoff_s") is not None:
        return f"next try in {number(node['backoff_s'], 1)} s"
    period_s, gap_s = node.get("watchdog_s"), node.get("worst_gap_s")
    if not period_s or gap_s is None:
        return ""
    share = gap_s / period_s
    filled = min(_BAR_WIDTH, math.ceil(share * _BAR_WIDTH))
    bar = glyphs["full"] * filled + glyphs["empty"] * (_BAR_WIDTH - filled)
    meaning = "bad" if share >= 1.0 else "attention" if share >= 0.75 else ""
    gap = f"{gap_s:.0f}" if gap_s >= 10 else f"{gap_s:.{1 if period_s >= 100 else 2}f}"
    return f"{terminal.paint(bar, meaning)} {gap}/{period_s:.4g}s"


def _end(terminal: Terminal, glyphs: dict[str, str], node: Json, rest: str, has_children: bool) -> list[str]:
    end, error = node.get("last_end"), node.get("error")
    if end in (None, "stopped", "exit") and not error:
        return []
    indent = rest + (glyphs["past"] if has_children else "   ")
    text = f"last end: {clean(end)}" + (f", {clean(error)}" if error else "")
    told = textwrap.wrap(text, WIDTH - len(indent), max_lines=3, placeholder=" ..")
    return [indent + terminal.paint(line, "quiet") for line in told]
