"""docs/terminal.md shows what the terminal draws, and names what it can do."""

from pathlib import Path

import pytest

from jp_firmware.tui.action import key_name
from jp_firmware.tui.actions import ACTIONS
from tests.tui.screenshot import example, render

DOCUMENT = Path(__file__).parents[2] / "docs" / "terminal.md"


@pytest.mark.parametrize("workspace", ["overview", "connector", "planner", "config", "faults"])
def test_the_pictures_are_those_the_terminal_draws(workspace: str) -> None:
    """After a change: `python -m tests.tui.screenshot --text WORKSPACE`, and the SVG with it."""
    drawn = "\n".join(row.rstrip() for row in render(example(), size=(80, 24), workspace=workspace)[1])
    assert drawn in DOCUMENT.read_text(encoding="utf-8")


def test_every_action_is_named_with_its_keys() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    for action in ACTIONS:
        name = action.title if action.id != "help" else "Help for this screen"
        rows = [line for line in text.splitlines() if name in line]
        assert rows, action.title
        row = next((line for line in rows if line.startswith("|")), rows[0])
        for key in action.keys:
            assert key_name(key) in row, action.title
        if action.route:
            assert f"g {action.route}" in row, action.title


def test_the_picture_needs_no_network() -> None:
    picture = (DOCUMENT.parent / "terminal-overview.svg").read_text(encoding="utf-8")
    assert "@font-face" not in picture
    assert "SAF-01" in picture
