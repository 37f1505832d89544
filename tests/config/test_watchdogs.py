"""What watches what: defaults by kind, what a cabinet changes, and what it may not."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from jp_firmware.config import store
from jp_firmware.config.schema import Cabinet, ConfigError
from jp_firmware.config.watchdogs import KINDS, watches


def cabinet(tmp_path: Path, text: str = "") -> Cabinet:
    path = tmp_path / "cabinet.toml"
    path.write_text(store.find("demo").read_text(encoding="utf-8") + text, encoding="utf-8")
    return store.load(path)


def entry(**keys: object) -> str:
    told = "\n".join(f"{key} = {value!r}" for key, value in keys.items()).replace("'", '"')
    return f"\n[[watchdogs]]\n{told}\n"


def test_each_part_has_its_kinds_terms_unless_its_device_says_otherwise(tmp_path: Path) -> None:
    found = watches(cabinet(tmp_path), backend_s=300.0)

    assert found["journal"].period_s == 10.0
    assert found["wires/can0/module-1"].period_s == 2.0
    assert found["wires/plc-1-wire/plc-1"].period_s == 2 * 0.5 + 1.0
    assert found["connectors/connector-2"].grace_s == 30.0
    assert found["backend/ocpp-1.6"].period_s == 300.0
    assert found["guard/process"].period_s == 60.0
    assert found["process/health"].period_s == 5.0
    assert math.isinf(found["wires/reader-0"].period_s)
    assert {one.at_expiry for one in found.values()} == {"restart"}


def test_defaults_lie_within_their_own_range() -> None:
    for name, kind in KINDS.items():
        assert kind.shortest_s < kind.longest_s, name
        assert math.isinf(kind.period_s) or kind.shortest_s <= kind.period_s <= kind.longest_s, name


def test_an_entry_changes_what_it_names_and_the_last_one_wins(tmp_path: Path) -> None:
    text = entry(path="wires/can0/*", period_s=3.0, at_expiry="restart-bus") + entry(
        path="wires/can0/module-3", period_s=4.0
    )
    found = watches(cabinet(tmp_path, text))

    assert found["wires/can0/module-1"].terms == {
        "watchdog_s": 3.0,
        "ready_within_s": 10.0,
        "at_expiry": "restart all",
    }
    assert (found["wires/can0/module-3"].period_s, found["wires/can0/module-3"].at_expiry) == (4.0, "restart-bus")
    assert found["wires/can0/link"].period_s == 30.0, "a star never means the link"
    assert found["wires/rs485-0/meter-1"].period_s == 5.0


def test_a_link_is_watched_when_it_is_named(tmp_path: Path) -> None:
    assert watches(cabinet(tmp_path, entry(path="wires/*/link", period_s=40)))["wires/can0/link"].period_s == 40.0


@pytest.mark.parametrize(
    ("keys", "says"),
    [
        (
            {"path": "wires/can0/modul-3"},
            'there is no "wires/can0/modul-3" in the tree; did you mean wires/can0/module-3?',
        ),
        ({"path": "wires/can9/*"}, 'there is no "wires/can9/*" in the tree'),
        ({"path": "planner", "period_s": 30}, "30 is out of range for planner; allowed: 1 to 4"),
        ({"path": "wires/can0/module-1", "period_s": 12}, "allowed: 0.2 to 9"),
        ({"path": "guard/process", "period_s": 5}, "5 is out of range for guard/process; allowed: 10 to 3600"),
        ({"path": "guard"}, 'there is no "guard" in the tree; did you mean guard/process?'),
        ({"path": "process"}, 'there is no "process" in the tree; did you mean process/health?'),
        ({"path": "process/health", "period_s": 1}, "allowed: 2 to 60"),
        ({"path": "journal", "period_s": 0.1}, "0.1 is out of range; allowed: 0.2 to 86,400"),
        ({"path": "journal", "grace_s": 0}, "grace_s: 0 is out of range"),
        ({"path": "journal", "at_expiry": "restart-bus"}, 'journal is on no bus; choose "restart" or "escalate"'),
        ({"path": "journal", "at_expiry": "reboot"}, "allowed: restart, restart-bus, escalate"),
        ({"path": "journal", "periods": 5}, "unknown key; did you mean period_s?"),
    ],
)
def test_what_does_not_fit_is_told_with_its_line(tmp_path: Path, keys: dict[str, object], says: str) -> None:
    with pytest.raises(ConfigError) as raised:
        cabinet(tmp_path, entry(**keys))

    assert says in str(raised.value)
    assert f"{tmp_path}/cabinet.toml:" in str(raised.value)
