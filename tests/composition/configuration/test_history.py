"""The history as consoles are told it: what each version changed, and which of them the disk has damaged."""

from __future__ import annotations

from pathlib import Path

from trio.testing import MockClock

from tests.composition.configuration.at_work import LIMIT, idle
from tests.whole.configured import Site

NAME = {"put": "charger.name", "value": "Yard"}


async def told(site: Site) -> list[tuple[int, bool, list[str]]]:
    return [(one["version"], one["readable"], one["keys"]) for one in await site.process.call("config.history")]


async def test_each_version_says_what_it_changed(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with idle(tmp_path) as site:
        await site.process.apply(LIMIT)
        await site.process.apply(NAME)
        assert await told(site) == [(3, True, ["charger.name"]), (2, True, ["site.limit_w"]), (1, True, [])]


async def test_one_that_the_disk_has_damaged_hides_no_other(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with idle(tmp_path) as site:
        for edit in (LIMIT, NAME, {**LIMIT, "value": 120_000.0}):
            assert (await site.process.apply(edit))["result"] == "applied"
        next((tmp_path / "state/config").rglob("000002.toml")).write_text("torn")
        assert await told(site) == [
            (4, True, ["site.limit_w"]),
            (3, True, []),
            (2, False, []),
            (1, True, []),
        ]
        next((tmp_path / "state/config").rglob("000003.json")).write_text("torn")
        assert await told(site) == [(4, True, []), (2, False, []), (1, True, [])]
