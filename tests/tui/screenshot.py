"""Pictures of the terminal for the documentation: `python -m tests.tui.screenshot OUT.svg` writes the overview.

With `--text` it prints a workspace's characters instead: `python -m tests.tui.screenshot --text connector`.
"""

from __future__ import annotations

import argparse
import asyncio
import copy
import math
import re
from pathlib import Path

from jp_firmware.console.protocol import Snapshot
from tests.tui import cabinet
from tests.tui.engine import Engine
from tests.tui.harness import Stage

_KEYS = {
    "overview": (),
    "connector": ("f4",),
    "planner": ("f12",),
    "config": ("g", "e", "/", *"limit_w", "enter", "enter", "ctrl+u", *"120000", "enter"),
    "faults": ("f5",),
}
# Some of the tables, so that the picture stays when others come.
_TABLES = (
    "charger",
    "site",
    "backend",
    "authorize",
    "wires",
    "modules",
    "meters",
    "plc_boards",
    "connectors",
    "planner",
)
_FONTS = "Fira Code, DejaVu Sans Mono, Menlo, Consolas, monospace"


def render(
    topics: dict[str, Snapshot], *, size: tuple[int, int] = (118, 30), workspace: str = "overview", minutes: int = 5
) -> tuple[str, list[str]]:
    """The workspace as SVG and as rows of text, after `minutes` in which the cars went along their curves."""
    drawn: tuple[str, list[str]] = ("", [])

    async def run() -> None:
        nonlocal drawn
        stage = Stage()
        async with stage.app.run_test(size=size) as pilot:
            stage.pilot = pilot
            while not stage.app.drawable:
                await pilot.pause(0.01)
            stage.charger.connect()
            stage.charger.answers |= Engine(tables=_TABLES).calls()
            for second in range(minutes * 60):
                stage.clock.now_s += 1
                stage.charger.tell(status=_earlier(topics["status"], minutes * 60 - 1 - second))
            await stage.tell(**topics)
            await stage.press(*_KEYS[workspace])
            drawn = _with_own_fonts(stage.app.export_screenshot(title="jp console")), stage.screen()

    asyncio.run(run())
    return drawn


def example() -> dict[str, Snapshot]:
    """A charger whose numbers add up: one car gets all that its modules give, another all that it asks for."""
    told = cabinet.topics()
    status = told["status"]
    status["connectors"]["1"] |= {
        "power_w": 54_320.0,
        "current_a": 134.4,
        "allowed_w": 60_000.0,
        "assigned_w": 60_000.0,
        "limited_by": "modules",
        "target_voltage_v": 410.0,
        "target_current_a": 288.8,
    }
    status["site"] |= {
        "limit_w": 120_000.0,
        "grid_limit_w": 120_000.0,
        "requested_w": 160_500.0,
        "allowed_w": 102_100.0,
        "assigned_w": 102_100.0,
        "measured_w": 96_120.0,
        "headroom_w": 17_900.0,
        "utilisation": 0.851,
        "short_by_w": 0.0,
        "forecast": {"within_s": 900, "p50_w": 96_400.0, "p90_w": 118_800.0, "short_by_w": 0.0},
    }
    return told


def _earlier(status: Snapshot, seconds: int) -> Snapshot:
    """The status as it may have been: power a little different, voltage lower, a step where another car came."""
    known = copy.deepcopy(status)
    for number, one in known["connectors"].items():
        if one["power_w"]:
            wave = 1 + 0.05 * math.sin(seconds / 11 + int(number))
            step = 0.7 if number == "1" and seconds > 190 else 1.0
            one["power_w"] *= wave * step * (1 + seconds / 900 if number == "2" else 1)
            one["voltage_v"] -= seconds / 40
            one["current_a"] = one["power_w"] / one["voltage_v"]
    return known


def _with_own_fonts(svg: str) -> str:
    """The picture without fonts from elsewhere: it shall look right with no network."""
    svg = re.sub(r"\s*@font-face \{.*?\}", "", svg, flags=re.DOTALL)
    return re.sub(r"font-family: Fira Code, monospace|font-family: Fira Code", f"font-family: {_FONTS}", svg)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", nargs="?", type=Path)
    parser.add_argument("--text", choices=sorted(_KEYS))
    chosen = parser.parse_args()
    if chosen.out is not None:
        chosen.out.write_text(render(example())[0], encoding="utf-8")
    if chosen.text:
        for row in render(example(), size=(80, 24), workspace=chosen.text)[1]:
            print(row.rstrip())


if __name__ == "__main__":
    main()
