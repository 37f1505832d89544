"""A charger that runs, with nobody at it, and changes of its configuration to try on it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from jp_firmware.model.connector import ConnectorState
from tests.whole.charger import BOTH
from tests.whole.configured import TEXT, Site

LIMIT = {"put": "site.limit_w", "value": 110_000.0}
URL = {"put": "backend.url", "value": "ws://127.0.0.1:8/ocpp"}
NO_URL = {"put": "backend.url", "value": ""}
LATER = {"put": "connectors.1.max_current_a", "value": 50.0}
BAUD = {"put": "wires.rs485-0.baud", "value": 9600}
PORT = {"put": "wires.can0.port", "value": "can7"}
METER = {"put": "meters.meter-2.watchdog_s", "value": 6.0}
DEADLINE = {"put": "process.guard_deadline_s", "value": 2.0}  # all parts start anew for it


@asynccontextmanager
async def idle(tmp_path: Path, text: str = TEXT) -> AsyncIterator[Site]:
    """A charger that runs, with nobody at it."""
    site = Site.of(tmp_path, text)
    async with site.running():
        await site.world.until(lambda: all(site.process.state(one) is ConnectorState.AVAILABLE for one in BOTH))
        yield site


def planner_limit_w(site: Site) -> float:
    plan = site.process.controller.planner.plan.signal.value
    assert plan is not None
    return round(plan.site_limit_w, -2)  # what the building draws is measured


def has_url(site: Site) -> str:
    client = site.process.controller.central_system.client
    return client.config.url if client else ""


def state_of(site: Site, path: str) -> str:
    return site.process.parts()[path].state.value


def events(site: Site) -> list[str]:
    return [one["text"] for one in site.process.ask("events")["items"] if one["kind"] == "config"]
