"""Small parts that the tests of the tree are built from."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import trio

from jp_firmware.nursery.supervisor import Child, End, Lifeline, Strategy, Supervisor

Log = list[tuple[str, float]]


async def feeding(lifeline: Lifeline) -> None:
    """Ready at once, feeds at 20 Hz for ever."""
    lifeline.ready()
    while True:
        lifeline.feed()
        await trio.sleep(0.05)


async def starving(lifeline: Lifeline) -> None:
    """Ready at once, never feeds."""
    lifeline.ready()
    await trio.sleep_forever()


async def never_ready(lifeline: Lifeline) -> None:
    await trio.sleep_forever()


async def failing_without_ready(lifeline: Lifeline) -> None:
    raise OSError("no port")


def failing_after(life_s: float, error: BaseException) -> Callable[[Lifeline], Awaitable[None]]:
    async def run(lifeline: Lifeline) -> None:
        lifeline.ready()
        await trio.sleep(life_s)
        raise error

    return run


def failing_once_after(life_s: float, error: Exception) -> Callable[[Lifeline], Awaitable[None]]:
    """Fails in its first run, is healthy in every later one."""
    runs = 0

    async def run(lifeline: Lifeline) -> None:
        nonlocal runs
        runs += 1
        if runs == 1:
            await failing_after(life_s, error)(lifeline)
        await feeding(lifeline)

    return run


def logs_safe(log: Log, name: str, take_s: float = 0.0) -> Callable[[], Awaitable[None]]:
    async def safe() -> None:
        await trio.sleep(take_s)
        log.append((name, trio.current_time()))

    return safe


async def run_for(supervisor: Supervisor, seconds: float) -> None:
    with trio.move_on_after(seconds):
        await supervisor.run()


async def started(nursery: trio.Nursery, tree: Supervisor) -> None:
    nursery.start_soon(tree.run)
    await trio.sleep(1)


class Ends:
    """Collects what `on_event` is told: path, end, rounded time."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, End, float]] = []

    def __call__(self, path: str, lifeline: Lifeline, end: End) -> None:
        self.seen.append((path, end, round(trio.current_time() - self.zero_s, 3)))

    def start(self) -> Ends:
        self.zero_s = trio.current_time()
        return self


class Yard:
    """A tree of two buses, hub and spokes each; remembers starts and safe states."""

    def __init__(self, strategy: Strategy = Strategy.HUB) -> None:
        self.log: list[str] = []
        self.off: list[tuple[str, ...]] = []
        self.buses = {name: self._bus(name, strategy) for name in ("can0", "can1")}
        self.wires = Supervisor(name="wires", children=[bus.as_child() for bus in self.buses.values()])
        self.root = Supervisor(name="root", children=[self.part("journal"), self.wires.as_child()])

    def part(self, name: str, label: str = "") -> Child:
        label = label or name

        async def run(lifeline: Lifeline) -> None:
            self.log.append(f"start {label}")
            await feeding(lifeline)

        async def safe() -> None:
            await trio.sleep(0.01)
            self.log.append(f"safe {label}")

        return Child(name=name, run=run, safe=safe)

    def _bus(self, name: str, strategy: Strategy) -> Supervisor:
        return Supervisor(
            name=name,
            children=[self.part(one, f"{name}/{one}") for one in ("link", "module-1", "module-2")],
            strategy=strategy,
            everything_off=lambda: self.off.append((name, *self.log)),
        )
