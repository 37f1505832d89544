"""How `jp why` is drawn: one sentence for each connector, and under it the chain of limits from the car to the grid."""

from __future__ import annotations

import math
from collections.abc import Sequence

from jp_firmware.cli.terminal import Json, Terminal, clean, duration, kilo, table, wrapped


def site_lines(terminal: Terminal, site: Json, told: Sequence[Json]) -> list[str]:
    """The page of all: the site in a few sentences, then each connector."""
    short = site["short_by_w"] > 0 or (site["forecast"] or {}).get("short_by_w", 0) > 0
    lines = wrapped(clean(site["sentence"]), "")
    return [
        *(terminal.paint(line, "attention") if short else line for line in lines),
        "",
        *why_lines(terminal, told),
    ]


def why_lines(terminal: Terminal, told: Sequence[Json]) -> list[str]:
    """The page. The limit that binds is marked."""
    lines: list[str] = []
    for one in told:
        if lines:
            lines.append("")
        lines += wrapped(clean(one["sentence"]), "")
        rows = [["", "limit", "where", "value", "for", "why"], *(_row(link) for link in one["links"])]
        for row, link in zip(table(rows, "<<<>><"), [None, *one["links"]], strict=True):
            lines.append(terminal.paint(row, "attention") if link and link["binds"] else row)
    return lines


def loss_lines(terminal: Terminal, told: Sequence[Json]) -> list[str]:
    """What the loss of each module would mean; those that no other module could make good stand out."""
    return [
        line if one["covered"] else terminal.paint(line, "attention")
        for one in told
        for line in wrapped(clean(one["sentence"]), "")
    ]


def _row(link: Json) -> list[str]:
    return [
        ">" if link["binds"] else "",
        clean(link["owner"], 24),
        clean(link["scope"], 14),
        kilo(link["value_w"], "kW"),
        duration(math.ceil(link["expires_in_s"])) if link["expires_in_s"] is not None else "",
        clean(link["reason"])
        + (f", {kilo(link['grid_w'], 'kW')} at the grid" if link.get("grid_w") is not None else ""),
    ]
