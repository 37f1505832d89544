"""Switches and bridges: what fits together, and what is told with its place when it does not."""

from __future__ import annotations

from pathlib import Path

import pytest

from jp_firmware.config import store
from jp_firmware.config.schema import ConfigError

MATRIX = store.find("matrix").read_text(encoding="utf-8")


def test_the_example_cabinet_has_four_modules_that_move_and_one_bridge() -> None:
    cabinet = store.load(store.find("matrix"))

    assert {one.module for one in cabinet.switches} == {"module-2", "module-4", "module-6", "module-8"}
    assert [one.name for one in cabinet.bridges] == ["bridge"]
    assert {one.connector for one in cabinet.switches if one.bridge} == {2, 3}


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('module = "module-2"\nconnector = 2', 'module = "module-9"\nconnector = 2', 'there is no module "module-9"'),
        ('module = "module-2"\nconnector = 2', 'module = "module-2"\nconnector = 7', "there is no connector 7"),
        (
            'connector = 2\nboard = "plc-1"\nrelay = 4',
            'connector = 2\nboard = "plc-7"\nrelay = 4',
            'there is no PLC board "plc-7"',
        ),
        ('relay = 5\nbridge = "bridge"', 'relay = 5\nbridge = "brigde"', "did you mean bridge?"),
        (
            'connector = 2\nboard = "plc-1"\nrelay = 4',
            'connector = 2\nboard = "plc-1"\nrelay = 3',
            "R3 of plc-1 is used twice; a relay is one switch, one bridge or one tie",
        ),
        (
            'connector = 2\nboard = "plc-1"\nrelay = 4',
            'connector = 1\nboard = "plc-1"\nrelay = 4',
            "module-2 has two ways to connector 1; remove one",
        ),
        ('board = "plc-1"\nrelay = 16', 'board = "plc-1"\nrelay = 3', "R3 of plc-1 is used twice"),
        ('board = "plc-1"\nrelay = 16', 'board = "plc-9"\nrelay = 16', 'there is no PLC board "plc-9"'),
        ('bridge = "bridge"', "", 'no switch goes over bridge "bridge"'),
        (
            'id = "module-2"\nwire = "can0"\naddress = 1\nconnector = 1',
            'id = "module-2"\nwire = "can0"\naddress = 1\nconnector = 3',
            "module-2 has switches, but none to connector 3; add one, or name another",
        ),
        ('board = "plc-1"\nrelay = 16', 'board = "plc-1"\nrelay = 2', "2 is out of range; allowed: 3 to 16"),
    ],
)
def test_what_does_not_fit_is_told_with_its_line(tmp_path: Path, old: str, new: str, says: str) -> None:
    assert old in MATRIX
    path = tmp_path / "cabinet.toml"
    path.write_text(MATRIX.replace(old, new), encoding="utf-8")

    with pytest.raises(ConfigError) as raised:
        store.load(path)
    assert says in str(raised.value)
    assert f"{path}:" in str(raised.value)


def test_the_same_bridge_twice_is_told(tmp_path: Path) -> None:
    path = tmp_path / "cabinet.toml"
    path.write_text(MATRIX + '\n[[bridges]]\nname = "bridge"\nboard = "plc-2"\nrelay = 16\n', encoding="utf-8")

    with pytest.raises(ConfigError, match='"bridge" is used twice; give each bridge a name of its own'):
        store.load(path)
