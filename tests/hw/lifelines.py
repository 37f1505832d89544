"""A lifeline for a task that runs outside a tree: it is up, and every sign of life is counted."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import attrs
import trio

from jp_firmware.nursery.supervisor import Child, Lifeline


@attrs.define(eq=False)
class Counted(Lifeline):
    """A lifeline that says how often, and when, it was told what."""

    ready_at_s: list[float] = attrs.field(factory=list)
    fed: list[float] = attrs.field(factory=list)
    on_ready: Callable[[], None] = lambda: None

    def ready(self) -> None:
        self.ready_at_s.append(trio.current_time())
        self.on_ready()

    def feed(self) -> None:
        self.fed.append(trio.current_time())


@attrs.define(eq=False)
class Lifelines:
    """`await nursery.start(lifelines.run, task.run)` returns when the task is ready, with its lifeline."""

    async def run(
        self,
        run: Callable[[Lifeline], Awaitable[object]],
        *,
        task_status: trio.TaskStatus[Counted] = trio.TASK_STATUS_IGNORED,
    ) -> None:
        lifeline = counted(run)

        def ready() -> None:
            if len(lifeline.ready_at_s) == 1:
                task_status.started(lifeline)

        lifeline.on_ready = ready
        await run(lifeline)


def counted(run: Callable[[Lifeline], Awaitable[object]]) -> Counted:
    return Counted(Child(name="task", run=run))
