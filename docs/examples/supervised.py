"""A kettle under supervision: a serial line, a heater and a thermometer on it, and a thermostat that needs both.

Runs by itself for four seconds and prints what happened: the thermometer freezes (it still answers, with the same
count for ever), its watchdog restarts it, the thermostat stops heating meanwhile, and an operator restarts the line.
Needs Trio and `jp_firmware.nursery`, nothing else.
"""
# ruff: noqa: T201 - a program for people

from __future__ import annotations

import attrs
import trio

from jp_firmware.nursery.backoff import Backoff
from jp_firmware.nursery.supervisor import Child, End, Lifeline, Strategy, Supervisor, describe


@attrs.define
class Kettle:
    """The world: what a real program would reach through a wire."""

    line_up: bool = False
    heating: bool = False
    degrees: float = 20.0
    frozen: bool = False
    samples: int = 0

    async def live(self) -> None:
        while True:
            await trio.sleep(0.1)
            self.degrees += 1.0 if self.heating else -0.1
            self.samples += not self.frozen

    async def ask(self) -> tuple[int, float]:
        """One exchange with the thermometer: its sample counter and what it measured."""
        await trio.sleep(0.02)
        if not self.line_up:
            raise OSError("the line is down")
        return self.samples, self.degrees


# --- the parts: each is a function that takes a lifeline, and raises when it loses its device -----------------------


@attrs.define
class Parts:
    kettle: Kettle
    degrees: float | None = None  # what the thermometer told last; None when it is not heard
    log: list[str] = attrs.field(factory=list)

    async def line(self, lifeline: Lifeline) -> None:
        self.kettle.line_up = True
        lifeline.ready()  # dependants may start
        try:
            await trio.sleep_forever()
        finally:
            self.kettle.line_up = False

    async def thermometer(self, lifeline: Lifeline) -> None:
        last = None
        try:
            while True:
                count, degrees = await self.kettle.ask()
                if last is not None and count != last:  # evidence: an answer that moved, not just an answer
                    self.degrees = degrees
                    lifeline.ready()  # the first time; a feed from then on
                last = count
                await trio.sleep(0.1)
        finally:
            self.degrees = None  # what is not heard is not known

    async def thermostat(self, lifeline: Lifeline) -> None:
        lifeline.ready()
        while True:
            self.kettle.heating = self.degrees is not None and self.degrees < 60.0
            lifeline.feed()
            await trio.sleep(0.1)

    def heater_off(self) -> None:
        """Synchronous, idempotent, and needs no task."""
        self.kettle.heating = False

    async def heater_safe(self) -> None:
        """The thermostat's safe state: asked for until it is so. Raising, or taking too long, latches the part."""
        while self.kettle.heating:
            self.heater_off()
            await trio.sleep(0.01)

    def ended(self, path: str, lifeline: Lifeline, end: End) -> None:
        """Hears of every end of the whole tree, after the safe state."""
        error = describe(lifeline.last_error)
        self.log.append(f"{path}: {end.value}" + (f" ({error})" if error else ""))


def tree_of(parts: Parts) -> Supervisor:
    """The drawing: a line that carries the thermometer, and a thermostat that outlives both."""
    line = Supervisor(
        name="line",
        strategy=Strategy.HUB,  # the first child carries the others
        intensity=None,  # a cable may be out for days: never escalate
        everything_off=parts.heater_off,
        children=[
            Child(name="port", run=parts.line),
            Child(name="thermometer", run=parts.thermometer, watchdog_s=0.5, backoff=Backoff(first_s=0.2, cap_s=1.0)),
        ],
    )
    return Supervisor(
        name="kettle",
        everything_off=parts.heater_off,  # runs first in any stop of the tree
        on_event=parts.ended,
        children=[
            line.as_child(),
            Child(name="thermostat", run=parts.thermostat, safe=parts.heater_safe, watchdog_s=1.0),
        ],
    )


async def main() -> Parts:
    parts = Parts(Kettle())
    tree = tree_of(parts)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(parts.kettle.live)
        nursery.start_soon(tree.run)
        await trio.sleep(1.0)
        parts.kettle.frozen = True  # the thermometer answers the same for ever
        await trio.sleep(1.0)
        parts.kettle.frozen = False
        await trio.sleep(1.0)
        tree.restart("line", "an operator asked for it")
        await trio.sleep(1.0)
        for one in tree.history("line/thermometer"):
            print(f"{one['age_s']:5.1f} s ago  {one['what']} {one['end'] or ''}")
        nursery.cancel_scope.cancel()
    print("\n".join(parts.log))
    return parts


if __name__ == "__main__":
    trio.run(main)
