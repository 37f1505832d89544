"""A connector's day as a person reads it afterwards."""

from __future__ import annotations

from typing import Any

import attrs
import trio
from trio.testing import MockClock

from jp_firmware.charging.view import Ending
from jp_firmware.composition.logbook import AT_HAND, Logbook
from jp_firmware.composition.narrator import Narrator
from jp_firmware.model.connector import ConnectorState
from jp_firmware.model.session import Authorization, AuthorizationStatus, StopReason
from tests.charging.bench import Bench
from tests.charging.scenes import TOKEN

S = ConnectorState


class Posted:
    """Stands where the journal stands."""

    def __init__(self) -> None:
        self.records: list[Any] = []

    def post(self, *records: Any) -> None:
        self.records += records


async def told(bench: Bench, *, refuse: bool = False) -> list[str]:
    """One visit at the connector: the sentences it leaves."""
    journal = Posted()
    logbook = Logbook(journal)  # type: ignore[arg-type]
    bench.runner.report.subscribe(Narrator(bench.runner, logbook).look)
    async with trio.open_nursery() as world:
        world.start_soon(bench.live)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(bench.runner.run, bench.lifeline)
            await bench.until(lambda: bench.runner.machine.state is S.AVAILABLE)
            bench.plug()
            bench.runner.present(TOKEN, authorize=True)
            if refuse:
                await trio.sleep(2)
            else:
                await bench.until(lambda: bench.runner.machine.state is S.CHARGING)
                await trio.sleep(20)
                bench.runner.end(Ending(StopReason.REMOTE))
                await bench.until(lambda: bool(bench.log.ended))
            bench.unplug()
            await bench.until(lambda: bench.runner.machine.state is S.AVAILABLE)
            nursery.cancel_scope.cancel()
        world.cancel_scope.cancel()
    assert len(journal.records) == len(logbook.snapshot()["items"])
    return [item["text"] for item in logbook.snapshot()["items"]]


async def test_a_visit_is_told_from_plug_to_unplug(autojump_clock: MockClock) -> None:
    bench = Bench()
    texts = await told(bench)

    [ended] = bench.log.ended
    expected = [
        "available (ready)",
        "plugged in",
        f"session started, token {TOKEN.uid} accepted by local list",
        "precharge",
        "charging",
        "finishing (stopping: remote stop)",
        f"session stopped: remote stop (S2), {ended.energy_wh / 1000:.2f} kWh",
        "unplugged",
        "available (ready)",
    ]
    assert [text for text in texts if text in expected] == expected


async def test_a_refused_card_is_told_with_who_refused_it(autojump_clock: MockClock) -> None:
    bench = Bench()
    bench.authorizer.verdict = Authorization(AuthorizationStatus.BLOCKED, "local list")
    texts = await told(bench, refuse=True)

    assert "identification refused: blocked by local list" in texts
    assert not any("session" in text for text in texts)


async def test_consoles_are_shown_the_newest_events_and_the_journal_gets_all(autojump_clock: MockClock) -> None:
    journal = Posted()
    logbook = Logbook(journal)  # type: ignore[arg-type]
    for number in range(AT_HAND + 5):
        logbook.note("test", "source", str(number))

    items = logbook.snapshot()["items"]
    assert [items[0]["text"], items[-1]["text"]] == ["5", str(AT_HAND + 4)]
    assert [item["id"] for item in items] == list(range(6, AT_HAND + 6))
    assert len(journal.records) == AT_HAND + 5
    assert attrs.asdict(journal.records[-1])["text"] == str(AT_HAND + 4)
