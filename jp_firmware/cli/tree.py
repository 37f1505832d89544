"""`jp tree`: the live supervision tree, with how close each part has come to its watchdog, and what happened to it."""

from __future__ import annotations

import math
import textwrap
from typing import Any

from jp_firmware.cli.terminal import UNKNOWN, WIDTH, Terminal, clean, duration, number

Json = dict[str, Any]

_NAME_WIDTH, _BAR_WIDTH, _PATH_WIDTH = 29, 10, 30
_ENDS = {"crash": "attention", "watchdog": "attention", "unsafe": "bad", "stuck": "bad"}
_UNICODE = {"middle": "├─ ", "last": "└─ ", "past": "│  ", "full": "█", "empty": "·"}
_ASCII = {"middle": "|- ", "last": "`- ", "past": "|  ", "full": "#", "empty": "."}


def tree_lines(terminal: Terminal, tree: Json) -> list[str]:
    """The tree, a line a part; under each that ever ended against its will, how it ended last and why.

    The bar is the longest gap between two signs of life, measured against the watchdog's period.
    """
    glyphs = _UNICODE if terminal.unicode else _ASCII
    head = f"{'Part':<{_NAME_WIDTH}} {'State':<12}{'Up':>9}{'Starts':>8}  Worst gap/limit"
    return [head, *_node(terminal, glyphs, tree, "", "")]


def history_lines(terminal: Terminal, moments: list[Json]) -> list[str]:
    """What happened, a line each, newest last; the reason on lines of its own where there is no room for it."""
    if not moments:
        return ["Nothing has happened yet."]
    lines = [f"{'Ago':>9}  {'Part':<{_PATH_WIDTH}} What happened"]
    for one in moments:
        what = f"ended ({clean(one['end'])})" if one.get("end") else str(one["what"])
        line = f"{_ago(one['age_s']):>9}  {_path(one['path']):<{_PATH_WIDTH}} "
        told = what + (f": {clean(one['why'])}" if one.get("why") else "")
        first, *rest = textwrap.wrap(told, WIDTH - len(line), max_lines=3, placeholder=" ..") or [""]
        meaning = _ENDS.get(str(one.get("end")), "")
        lines.append(line + terminal.paint(first, meaning))
        lines += [" " * len(line) + terminal.paint(more, meaning) for more in rest]
    return lines


def _ago(age_s: float) -> str:
    return f"{age_s:.1f} s" if age_s < 60 else duration(age_s)


def _path(path: object) -> str:
    """Without the root's name; the end of it where it is too long, since that is what tells parts apart."""
    text = clean(path).partition("/")[2] or clean(path)
    return text if len(text) <= _PATH_WIDTH else ".." + text[2 - _PATH_WIDTH :]


def restart_lines(path: str, told: Json) -> list[str]:
    """What a restart takes along, for the one who asked for it."""
    parts = len(told["restarts"])
    lines = [f"{path}: restart accepted" + (f" ({parts} parts)" if parts > 1 else "")]
    return lines + ([f"it {told['text']}"] if told["text"] else [])


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
    digits = 0 if gap_s >= 10 or period_s >= 1000 else 1 if period_s >= 100 else 2
    gap = f"{gap_s:.{digits}f}"
    return f"{terminal.paint(bar, meaning)} {gap}/{period_s:.4g}s"


def _end(terminal: Terminal, glyphs: dict[str, str], node: Json, rest: str, has_children: bool) -> list[str]:
    end, error = node.get("last_end"), node.get("error")
    if end in (None, "stopped", "exit") and not error:
        return []
    indent = rest + (glyphs["past"] if has_children else "   ")
    age_s, ever_s, worst_s = (node.get(key) for key in ("last_end_age_s", "worst_gap_ever_s", "worst_gap_s"))
    text = f"last end: {clean(end)}" + (f" {_ago(age_s)} ago" if age_s is not None else "")
    text += f", {clean(error)}" if error else ""
    if ever_s is not None and ever_s > (worst_s or 0.0):
        text += f"; worst gap ever {ever_s:.2f} s"
    told = textwrap.wrap(text, WIDTH - len(indent), max_lines=3, placeholder=" ..")
    return [indent + terminal.paint(line, "quiet") for line in told]
