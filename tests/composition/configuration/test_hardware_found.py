"""A proposal is compared with what is really there: what it says otherwise is told, or keeps it from being applied."""

from __future__ import annotations

from pathlib import Path

import attrs
import pytest
from trio.testing import MockClock

from jp_firmware.composition.configuration.hardware_found import found, new_mistakes, with_ports
from jp_firmware.config import store
from jp_firmware.config.lint.hardware import FoundBoard, FoundModule, Hardware
from jp_firmware.config.schema import Cabinet
from jp_firmware.controller import Controller
from jp_firmware.model.ids import PlcId
from jp_firmware.model.plc import PlcIdentity

DEMO = store.load(store.find("demo"))
FAMILY = FoundModule(wire="can0", address=0, family="InfyPower", driver="infypower")


def with_driver(driver: str, profile: str) -> Cabinet:
    return attrs.evolve(
        DEMO, modules=(attrs.evolve(DEMO.modules[0], driver=driver, profile=profile), *DEMO.modules[1:])
    )


def test_a_driver_of_another_family_than_answers_is_a_mistake() -> None:
    other = with_driver("maxwell", "maxwell-mxr100030")
    (one,) = new_mistakes(DEMO, other, Hardware(modules=(FAMILY,)))
    assert one.rule == "RULE-80"
    assert one.path[:2] == ("modules", 0)


def test_what_stood_before_is_not_the_changes_doing() -> None:
    wrong = with_driver("maxwell", "maxwell-mxr100030")
    changed = attrs.evolve(wrong, site=attrs.evolve(DEMO.site, limit_w=90_000.0))
    assert new_mistakes(wrong, changed, Hardware(modules=(FAMILY,))) == []


def test_a_port_that_is_not_there_is_told(tmp_path: Path) -> None:
    (tmp_path / "jp").mkdir()
    for wire in DEMO.wires:
        (tmp_path / wire.port).touch()
    for reader in DEMO.readers:
        (tmp_path / reader.port).touch()
    there = with_ports(Hardware(), DEMO, tmp_path)
    assert new_mistakes(DEMO, DEMO, there) == []
    moved = attrs.evolve(DEMO, wires=(attrs.evolve(DEMO.wires[0], port="jp/can7"), *DEMO.wires[1:]))
    (one,) = new_mistakes(DEMO, moved, with_ports(Hardware(), moved, tmp_path))
    assert (one.rule, "jp/can7" in one.text) == ("RULE-87", True)


@pytest.fixture
async def controller(autojump_clock: MockClock, tmp_path: Path) -> Controller:
    return Controller(DEMO, tmp_path, tmp_path, tmp_path / "socket")


async def test_nothing_is_found_before_anything_answers(controller: Controller) -> None:
    assert found(controller) == Hardware()


async def test_a_board_says_its_map_and_its_connectors(controller: Controller) -> None:
    board = controller.plant.boards[PlcId("plc-1")]
    board.identity = PlcIdentity(  # type: ignore[misc]
        map_version=0x0102, vendor="JP", model="board", serial="1", firmware="1", connectors=2
    )
    assert found(controller).boards == (FoundBoard(id=PlcId("plc-1"), map_major=1, map_minor=2, connectors=2),)
