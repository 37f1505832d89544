"""Bus-bars: what fits together, and what is told with its place when it does not."""

from __future__ import annotations

from pathlib import Path

import pytest

from jp_firmware.config import store
from jp_firmware.config.schema import ConfigError
from jp_firmware.hw.modules.driver import load_profile
from jp_firmware.model.ids import ConnectorId, ModuleId
from jp_firmware.planner.wiring import homes_of, topology_of

RING = store.find("ring").read_text(encoding="utf-8")


def test_the_example_cabinet_is_a_ring_of_ten_segments_six_of_which_move() -> None:
    cabinet = store.load(store.find("ring"))
    topology = topology_of(cabinet, {one.id: load_profile(one.profile).rating for one in cabinet.modules})

    (bar,) = topology.bus_bars
    assert bar.is_ring
    assert [segment.connector for segment in bar.segments] == [1, None, None, 2, None, 3, None, None, 4, None]
    assert len(cabinet.moving_modules) == 7
    assert homes_of(cabinet)[ModuleId("module-6")] == 2
    assert topology.reach_of(ModuleId("module-1")) == {1}
    assert topology.reach_of(ModuleId("module-6")) == {2, 3}
    assert topology.reach_of(ModuleId("module-11")) == {4, 1}


def test_a_ring_whose_last_tie_is_taken_away_is_a_row() -> None:
    cabinet = store.load(store.find("ring"))
    (bar,) = topology_of(cabinet, {one.id: load_profile(one.profile).rating for one in cabinet.modules}).bus_bars
    row = type(bar)(
        name=bar.name, segments=[*bar.segments[:-1], type(bar.segments[0])(modules=[ModuleId("module-11")])]
    )

    assert not row.is_ring
    assert row.reaches(9) == {ConnectorId(4)}
    assert [other for _, other in row.beside(0)] == [1]
    assert row.joined({tie for tie, _, _ in row.ties}) == [frozenset({1, 2, 3, 4})]


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('modules = ["module-2"]', 'modules = ["module-22"]', 'there is no module "module-22"'),
        ('modules = ["module-2"]', 'modules = ["module-2", "module-3"]', "module-3 is on two segments"),
        ('modules = ["module-2"]', "modules = []", "is empty; name the modules"),
        ('"module-1"]\nconnector = 1', '"module-1"]\nconnector = 9', "there is no connector 9"),
        ('"module-10"]\nconnector = 4', '"module-10"]\nconnector = 1', "connector 1 stands at two segments"),
        (
            '"module-10"]\nconnector = 4',
            '"module-10"]\nconnector = 3',
            "module-10 is at connector 3 for good; write connector = 3 at the module",
        ),
        ('board = "plc-1", relay = 4', 'board = "plc-3", relay = 4', 'there is no PLC board "plc-3"'),
        (
            'board = "plc-1", relay = 4',
            'board = "plc-1", relay = 3',
            "R3 of plc-1 is used twice; a relay is one switch, one bridge or one tie",
        ),
        ('board = "plc-1", relay = 4', 'board = "plc-1", relay = 2', "2 is out of range; allowed: 3 to 16"),
        (
            'modules = ["module-2"]\ntie = { board = "plc-1", relay = 4 }',
            'modules = ["module-2"]',
            "is missing: segment 2 must be joined to segment 3",
        ),
        (
            'modules = ["module-11"]\n',
            'modules = ["module-11"]\nconnector = 1\n',
            "would join connectors 4 and 1, which must never be; put a segment without a connector between them",
        ),
        (
            'id = "module-5"\nwire = "can0"\naddress = 4\nconnector = 2',
            'id = "module-5"\nwire = "can0"\naddress = 4\nconnector = 3',
            "go home to connectors 2 and 3; a segment moves whole, so name one of them",
        ),
        (
            'id = "module-2"\nwire = "can0"\naddress = 1\nconnector = 1',
            'id = "module-2"\nwire = "can0"\naddress = 1\nconnector = 4',
            "go home to connector 4, which this segment does not reach",
        ),
        (
            "[[bus_bars]]",
            '[[switches]]\nmodule = "module-2"\nconnector = 1\nboard = "plc-1"\nrelay = 9\n\n[[bus_bars]]',
            "module-2 has switches; a module hangs on a segment or on switches, never on both",
        ),
        ('name = "ring"', 'name = "the ring"', '"the ring" is no name'),
        ("relay = 4 }", 'relay = 4, name = "x" }', "unknown key"),
    ],
)
def test_what_does_not_fit_is_told_with_its_line(tmp_path: Path, old: str, new: str, says: str) -> None:
    assert old in RING
    path = tmp_path / "cabinet.toml"
    path.write_text(RING.replace(old, new, 1), encoding="utf-8")

    with pytest.raises(ConfigError) as raised:
        store.load(path)
    assert says in str(raised.value)
    assert f"{path}:" in str(raised.value)


@pytest.mark.parametrize(
    ("segments", "says"),
    [
        (['modules = ["module-1"]\nconnector = 1'], "are fewer than two"),
        (
            [
                'modules = ["module-1"]\nconnector = 1\ntie = { board = "plc-1", relay = 3 }',
                'modules = ["module-2"]\ntie = { board = "plc-1", relay = 4 }',
            ],
            "closes a ring of two segments",
        ),
        (
            ['modules = ["module-2"]\ntie = { board = "plc-1", relay = 3 }', 'modules = ["module-3"]'],
            "host no connector",
        ),
    ],
)
def test_too_short_a_bus_bar_is_told(tmp_path: Path, segments: list[str], says: str) -> None:
    path = tmp_path / "cabinet.toml"
    head = RING[: RING.index("[[bus_bars.segments]]")]
    path.write_text(head + "".join(f"[[bus_bars.segments]]\n{one}\n" for one in segments), encoding="utf-8")

    with pytest.raises(ConfigError, match=says):
        store.load(path)
