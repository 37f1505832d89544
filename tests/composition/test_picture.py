"""Pictures of the charger: what is unknown is null, and the tree's health names its worst part."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from trio.testing import MockClock

from jp_firmware.composition import picture
from jp_firmware.config import store
from jp_firmware.console.protocol import plain
from jp_firmware.controller import Controller


def leaf(name: str, state: str = "up", gap_s: float | None = 0.1, watchdog_s: float | None = 2.0) -> dict[str, Any]:
    return {"name": name, "state": state, "worst_gap_s": gap_s, "watchdog_s": watchdog_s, "restarts": 1}


def test_the_worst_part_is_the_one_that_came_closest_to_its_limit() -> None:
    tree = {
        "children": [
            leaf("journal", gap_s=1.0, watchdog_s=10.0),
            {"name": "can0", "children": [leaf("module-1", gap_s=0.6)]},
        ]
    }
    health = picture.tree_health(tree)

    assert (health["healthy"], health["worst"], health["worst_ratio"]) == (True, "can0/module-1", 0.3)
    assert (health["children"], health["restarts"]) == (2, 2)


def test_a_part_that_is_down_is_worse_than_any_gap() -> None:
    tree = {"children": [leaf("journal", gap_s=9.0), leaf("meter-1", state="backoff", gap_s=None)]}
    health = picture.tree_health(tree)

    assert (health["healthy"], health["worst"], health["down"]) == (False, "meter-1", 1)


async def test_a_charger_that_has_not_started_knows_nothing_and_says_so(
    autojump_clock: MockClock, tmp_path: Path
) -> None:
    controller = Controller(store.load(store.find("demo")), tmp_path, tmp_path, tmp_path / "socket")
    status = picture.status(controller)

    assert plain(status) == status, "no infinity, no NaN"
    assert json.loads(json.dumps(status)) == status
    assert {one["state"] for one in status["modules"].values()} == {"silent"}
    assert status["connectors"]["1"]["power_w"] is None
    assert status["connectors"]["1"]["plugged"] is None
    assert status["site"]["measured_w"] is None
    assert status["meters"]["meter-1"]["quality"] == "missing"
    assert status["charger"]["brand"] == {"name": "JP", "support_phone": None}


async def test_the_tree_of_the_demo_cabinet_is_the_one_of_the_drawing(
    autojump_clock: MockClock, tmp_path: Path
) -> None:
    controller = Controller(store.load(store.find("demo")), tmp_path, tmp_path, tmp_path / "socket")
    tree = controller.tree_picture()

    assert [one["name"] for one in tree["children"]] == [
        "journal",
        "config",
        "wires",
        "planner",
        "connectors",
        "forecast",
        "backend",
        "consoles",
    ]
    wires = {
        one["name"]: [child["name"] for child in one.get("children", ())] for one in tree["children"][2]["children"]
    }
    assert list(wires) == ["plc-1-wire", "plc-2-wire", "can0", "rs485-0", "reader-0"]
    assert wires["can0"] == ["link", *(f"module-{number}" for number in range(1, 9))]
    assert controller.tree.stop_budget_s < 300
