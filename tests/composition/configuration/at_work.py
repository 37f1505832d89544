"""A charger that runs, with nobody at it, and changes of its configuration to try on it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from jp_firmware.charging.view import Ending
from jp_firmware.config.kept.config_store import ConfigStore
from jp_firmware.config.store import of_text
from jp_firmware.model.connector import ConnectorState
from jp_firmware.model.session import StopReason
from tests.whole.charger import BOTH, TWO, World
from tests.whole.configured import TEXT, ConfiguredProcess, Json, Site, open_store

LIMIT = {"put": "site.limit_w", "value": 110_000}
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


def meter_s(site: Site) -> float:
    return site.process.parts()["wires/rs485-0/meter-2"].child.watchdog_s


def number(site: Site) -> int:
    return site.process.store.current.number


async def in_force(site: Site, version: int) -> None:
    """That version is, for good."""
    await site.world.until(lambda: number(site) == version and site.process.store.unconfirmed is None, 120.0)


async def ended(site: Site) -> None:
    """The session that the change waits for ends."""
    assert site.process.stop(TWO) == (True, "")
    await site.world.until(lambda: site.process.session(TWO) is None)


async def leave_waiting(directory: Path, *edits: Json, **terms: object) -> ConfigStore:
    """What the disk says when a charger has ended whose change waited."""
    async with idle(directory) as site:
        await site.session(TWO)
        assert (await site.process.apply(*edits, who="ann", **terms))["result"] == "waiting"
        await all_ended(site)
    return open_store(directory)


async def all_ended(site: Site) -> None:
    site.process.controller.end(Ending(StopReason.LOCAL, "the process ends"))
    await site.world.until(lambda: not site.process.tree._running, 60.0)


@asynccontextmanager
async def next_life(directory: Path) -> AsyncIterator[Site]:
    """Another process in the same cabinet, whose cars have left."""
    path = directory / "cabinet.toml"
    store = open_store(directory)
    world = World(cabinet=of_text(store.text, path))
    site = Site(directory, world, ConfiguredProcess(world, store=store))
    async with site.running():
        await site.world.until(lambda: all(site.process.state(one) is ConnectorState.AVAILABLE for one in BOTH))
        yield site
