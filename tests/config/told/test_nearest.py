"""Whoever writes a key that there is not is told the one that was meant, wherever it stands."""

from __future__ import annotations

import pytest

from jp_firmware.config.schema import Backend, Cabinet, Charger, Connector, LocalTag, Planner, Site
from jp_firmware.config.told.nearest import as_snake, suggestion


@pytest.mark.parametrize(
    ("key", "table", "told"),
    [
        ("limit_kw", Site, "did you mean limit_w?"),
        ("stat", LocalTag, "did you mean status?"),
        ("sight", Cabinet, "did you mean site?"),
        ("min_useful_kw", Planner, "did you mean min_useful_w?"),
        # as others spell
        ("maxCurrentA", Connector, "did you mean max_current_a?"),
        ("maxPowerPerGunKM", Connector, "did you mean max_power_w?"),
        ("max-power-w", Connector, "did you mean max_power_w?"),
        # in another table
        ("password", Charger, "did you mean backend.password?"),
        ("limit_kw", Cabinet, "did you mean site.limit_w?"),
        ("pingInterval", Cabinet, "did you mean backend.ping_interval_s?"),
        ("maxPowerPerGunKM", Cabinet, "did you mean connectors.*.max_power_w?"),
        # like nothing there is
        ("bogus", Site, "known: limit_w, efficiency"),
        ("firewall", Backend, "known: url, password, "),
    ],
)
def test_a_key_is_searched_near_and_far(key: str, table: type, told: str) -> None:
    assert suggestion(key, table, Cabinet).startswith(told)


@pytest.mark.parametrize(
    ("key", "snake"),
    [
        ("maxPowerPerGunKW", "max_power_per_gun_kw"),
        ("OCPPUrl", "ocpp_url"),
        ("max-power", "max_power"),
        ("limit_w", "limit_w"),
        ("", ""),
    ],
)
def test_a_key_is_spelt_as_here(key: str, snake: str) -> None:
    assert as_snake(key) == snake
