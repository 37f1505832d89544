"""The columns without a wire of ours: the backend on a link in memory, and the planner."""

from __future__ import annotations

import contextlib
import json
import math
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import attrs
import trio
import trio.testing

from jp_firmware.journal.database import JournalError
from jp_firmware.model.ids import ConnectorId
from jp_firmware.model.limits import Limit
from jp_firmware.model.power import Demand
from jp_firmware.nursery.supervisor import Child, Supervisor
from jp_firmware.planner.task import Planner
from tests.matrix.rig import Rig
from tests.ocpp import bench
from tests.ocpp.bench import Site
from tests.ocpp.pipes import PipeEnd

PLANNER_WATCHDOG_S = 2.0  # as `controller` hangs it up
LIMIT_W = 100_000.0


@attrs.define(eq=False)
class Told:
    """The charger's end of a link, which says of everything that comes in that it came, as `transport` does."""

    link: PipeEnd
    on_bytes: Callable[[], None]

    async def send(self, text: str) -> None:
        await self.link.send(text)

    async def receive(self) -> str:
        text = await self.link.receive()
        self.on_bytes()
        return text

    async def probe(self) -> None:
        await self.link.probe()
        self.on_bytes()


@attrs.define(eq=False, kw_only=True)
class BackendRig(Rig):
    """A charger that its central system has accepted, with sessions to tell."""

    path: str = "backend/ocpp-1.6"
    source: str = "backend"
    settle_s: float = 5.0
    tick_s: float = 0.5
    delay_s: float = 0.0
    mangle: Callable[[str, str], str] = lambda _, answer: answer
    site: Site = attrs.field(init=False)

    def children(self) -> list[Child]:
        self.site = Site(self.nursery)
        self.site._answer = self._answer  # type: ignore[method-assign]
        backend = self.site.backend
        backend.fault_sink = self.faults
        backend.open_link = self._open_link
        backend.wall = lambda: bench.wall() + timedelta(seconds=self.wall_step_s)
        link = Child(name="ocpp-1.6", run=backend.run, watchdog_s=backend.watchdog_s)
        return [Supervisor(name="backend", children=[link], intensity=None).as_child()]

    async def live(self) -> None:
        """What a connector does: sessions, each committed with its message."""
        while True:
            with contextlib.suppress(JournalError):
                await self.site.end(await self.site.begin())
            await trio.sleep(20)

    def is_trusted(self) -> bool:
        return self.site.backend.online

    @asynccontextmanager
    async def _open_link(self, endpoint: Any, *, on_bytes: Callable[[], None], **terms: Any) -> AsyncIterator[Told]:
        async with self.site.open_link(endpoint, on_bytes=on_bytes, **terms) as near:
            yield Told(near, on_bytes)

    async def _answer(self, far: PipeEnd, frame: list[Any]) -> None:
        _, id_, action, payload = frame
        good = json.dumps([3, id_, self.site.central.answer("CP1", action, payload, bench.wall())])
        text = self.mangle(json.dumps(frame), good)
        await trio.sleep(self.delay_s)
        await far.send(text)

    # --- rows ---

    def link_unplugged(self) -> None:
        self.site.leave()

    def device_silent(self) -> None:
        """It takes what it gets and says nothing, as a dead peer's socket does."""

        def fall_silent(near: PipeEnd, _: PipeEnd) -> None:
            near.silent = True

        self._on_every_link(fall_silent)

    def device_frozen(self) -> None:
        """It gives every question the answer to the first one."""
        answers: list[str] = []

        def same(_: str, answer: str) -> str:
            answers.append(answer)
            return answers[0]

        self.mangle = same

    def echo(self) -> None:
        """Whatever we say comes back, and nothing else does."""

        def give_back(near: PipeEnd, far: PipeEnd) -> None:
            near.silent = True
            near.after_send = far._outbox.send_nowait

        self._on_every_link(give_back)

    def garbage(self) -> None:
        self.mangle = lambda _, answer: answer[: len(answer) // 2] + "\x00}{"

    def slow_answers(self) -> None:
        self.delay_s = 20.0

    def previous_question(self) -> None:
        answers: list[str] = []

        def lag(_: str, answer: str) -> str:
            answers.append(answer)
            return answers[-2] if len(answers) > 1 else "[]"

        self.mangle = lag

    def late_answer(self) -> None:
        """Each answer comes 5 s after its question was given up."""
        self.delay_s = 35.0

    def clock_step(self) -> None:
        self.wall_step_s = self.hour_s

    def disk_full(self) -> None:
        def refuse(_: object) -> None:
            raise JournalError("journal: database or disk is full; free space on its file system", storage=True)

        self.site.journal.before_commit = refuse

    def relieve(self) -> None:
        self.delay_s, self.mangle, self.wall_step_s = 0.0, lambda _, answer: answer, 0.0
        self.site.journal.before_commit = lambda _: None
        self.site.on_link = lambda near, far: None
        self.site.come_back()
        if self.site.link:
            self.site.link.cut()

    def _on_every_link(self, change: Callable[[PipeEnd, PipeEnd], None]) -> None:
        assert self.site.near is not None
        assert self.site.link is not None
        self.site.on_link = change
        change(self.site.near, self.site.link)


@attrs.define(eq=False, kw_only=True)
class PlannerRig(Rig):
    """Two connectors that want more than the site has."""

    path: str = "planner"
    source: str = "planner"
    wish_w: float = 80_000.0
    planner: Planner = attrs.field(init=False)

    def children(self) -> list[Child]:
        self.planner = Planner(self._demands)
        self.planner.limits.set(Limit(owner="site limit", scope="site", value_w=LIMIT_W, reason="configured"))
        return [Child(name="planner", run=self.planner.run, watchdog_s=PLANNER_WATCHDOG_S)]

    def _demands(self) -> list[Demand]:
        return [
            Demand(connector_id=ConnectorId(n), requested_w=wish_w, offered_w=90_000.0)
            for n, wish_w in ((1, self.wish_w), (2, 80_000.0))
        ]

    def is_trusted(self) -> bool:
        plan = self.planner.plan.fresh(trio.current_time(), 1.0)
        return plan is not None and all(one.assigned_w > 0 for one in plan.allocations.values())

    def is_off(self) -> bool:
        """Never more than the site has, whatever happens."""
        plan = self.planner.plan.signal.value
        return plan is not None and plan.total("assigned_w") <= LIMIT_W + 1e-3

    def garbage(self) -> None:
        self.wish_w = math.nan

    def relieve(self) -> None:
        self.wish_w = 80_000.0
