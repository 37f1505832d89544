"""`jp`, with one more part in the controller's tree: at SIGUSR1 it does what no task may do. Run as a module.

The first argument says what: `shields`, `swallows`, `thread`, `blocks` (a number of seconds, or for ever).
"""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Sequence

import trio

from jp_firmware.cli.command import main
from jp_firmware.composition.process import Process
from jp_firmware.controller import Controller
from jp_firmware.nursery.supervisor import Child, Lifeline
from tests import unhurried


async def culprit_shields() -> None:
    with trio.CancelScope(shield=True):
        await trio.sleep_forever()


async def culprit_swallows() -> None:
    while True:
        try:
            await trio.sleep_forever()
        except trio.Cancelled:
            with trio.CancelScope(shield=True):
                await trio.sleep(0.1)


def culprit_sits_there() -> None:
    time.sleep(3600)


async def culprit_thread() -> None:
    await trio.to_thread.run_sync(culprit_sits_there)


async def culprit_blocks(seconds: float = 3600.0) -> None:
    time.sleep(seconds)  # noqa: ASYNC251 - the very thing that is tested


async def run(lifeline: Lifeline) -> None:
    with trio.open_signal_receiver(signal.SIGUSR1) as signals:
        lifeline.ready()
        while True:
            with trio.move_on_after(0.1):
                await anext(signals)
                break
            lifeline.feed()
    what, *numbers = HOW.split("=")
    await globals()[f"culprit_{what}"](*map(float, numbers))


def parts(self: Process, controller: Controller) -> Sequence[Child]:
    return [*original(self, controller), Child(name="culprit", run=run, watchdog_s=0.5, stop_within_s=0.5)]


if __name__ == "__main__":
    HOW = sys.argv.pop(1)
    unhurried.install("run")
    original = Process.parts
    Process.parts = parts  # type: ignore[method-assign]
    sys.exit(main())
