"""What a part went through: its history, with ages, for as long as anybody may want to know."""

from __future__ import annotations

import pytest
import trio
from trio.testing import MockClock

from jp_firmware.nursery.backoff import Backoff
from jp_firmware.nursery.supervisor import (
    Child,
    Lifeline,
    Supervisor,
)
from tests.nursery.parts import (
    Yard,
    failing_after,
    feeding,
    started,
)


async def test_the_history_tells_starts_readies_ends_and_requests_with_ages(autojump_clock: MockClock) -> None:
    yard = Yard()
    async with trio.open_nursery() as nursery:
        await started(nursery, yard.root)
        yard.root.restart("wires/can0/module-1", "new firmware")
        await trio.sleep(1)
        told = yard.root.history("wires/can0/module-1")
        nursery.cancel_scope.cancel()

    assert [(one["what"], one["end"], one["why"]) for one in told] == [
        ("started", None, None),
        ("ready", None, None),
        ("restart asked", None, "new firmware"),
        ("ended", "stopped", "new firmware"),
        ("started", None, None),
        ("ready", None, None),
    ]
    assert [one["age_s"] for one in told] == sorted((one["age_s"] for one in told), reverse=True)
    assert {one["path"] for one in told} == {"root/wires/can0/module-1"}
    assert len(yard.root.history()) > len(yard.root.history("wires/can0")) > len(told)
    assert yard.root.history(limit=2) == yard.root.history()[-2:]


async def test_one_that_keeps_failing_pushes_nobody_elses_past_out(autojump_clock: MockClock) -> None:
    failing = Child(name="failing", run=failing_after(0.1, ValueError("bus off")), backoff=Backoff(cap_s=0.1))
    tree = Supervisor(name="s", children=[Child(name="calm", run=feeding), failing], intensity=None)
    with trio.move_on_after(60):
        await tree.run()

    assert [one["what"] for one in tree.history("calm")] == ["started", "ready", "ended"]
    assert len(tree.history("failing", limit=10_000)) == 32
    ends = [one for one in tree.history("failing") if one["what"] == "ended"]
    assert (ends[0]["end"], ends[0]["why"]) == ("crash", "ValueError: bus off")


async def test_the_worst_gap_ever_survives_restarts_and_the_last_end_has_an_age(autojump_clock: MockClock) -> None:
    runs: list[int] = []

    async def run(lifeline: Lifeline) -> None:
        runs.append(1)
        lifeline.ready()
        await trio.sleep(0.8 if len(runs) == 1 else 0.1)
        lifeline.feed()
        if len(runs) == 1:
            raise OSError
        await trio.sleep_forever()

    tree = Supervisor(name="s", children=[Child(name="a", run=run, watchdog_s=9.0)])
    async with trio.open_nursery() as nursery:
        nursery.start_soon(tree.run)
        await trio.sleep(1.4)  # 0.8 to its end, 0.1 of back-off, 0.5 since
        node = tree.tree()["children"][0]
        nursery.cancel_scope.cancel()

    assert node["worst_gap_s"] == pytest.approx(0.4)
    assert node["worst_gap_ever_s"] == pytest.approx(0.8)
    assert node["last_end_age_s"] == pytest.approx(0.6)
    assert (node["ready_within_s"], node["at_expiry"]) == (10.0, "restart")
