"""A small process with a guarded loop, for tests that block it, stop it and kill it. Run as a script.

Arguments: deadline, record, then descriptors of wires. Its loop obeys lines on stdin: `block <s>`, which the next line
ends early, `spin`, `end`, `kill guard`, `freeze guard`, `close <fd>`; it tells on stdout what its guard told it.
"""

from __future__ import annotations

import os
import select
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import trio

from jp_firmware.nursery.backoff import Backoff
from jp_firmware.nursery.guard import Guard
from jp_firmware.nursery.supervisor import Child, Supervisor


def say(*words: object) -> None:
    print(*words, flush=True)


def the_culprit(seconds: float) -> None:
    select.select([0], [], [], seconds)


async def obey(guard: Guard, end: Callable[[], None]) -> None:
    os.set_blocking(0, False)
    while True:
        await trio.lowlevel.wait_readable(0)
        orders = os.read(0, 4096).decode()
        if not orders:  # whoever gave them is gone
            end()
            return
        for line in orders.splitlines():
            match line.split():
                case ["block", seconds]:
                    the_culprit(float(seconds))
                    say("unblocked")
                case ["spin"]:
                    while True:
                        pass
                case ["kill", "guard"]:
                    os.kill(guard.pid or 0, signal.SIGKILL)
                case ["freeze", "guard"]:
                    os.kill(guard.pid or 0, signal.SIGSTOP)
                case ["close", fd]:
                    guard.drop(f"wire-{fd}")
                    os.close(int(fd))
                    say("closed")
                case ["end"]:
                    end()
                    return


async def main(deadline_s: float, record: Path, fds: list[int]) -> None:
    def tell_trouble(trouble: str | None) -> None:
        say("trouble", trouble)
        if trouble is None:
            say("guarded", guard.pid)

    guard = Guard(
        deadline_s=deadline_s,
        on_stood=lambda stood_s: say("stood", stood_s),
        on_acted=lambda acted: say("acted", acted),
        on_trouble=tell_trouble,
        record=record,
        stack_signal=signal.SIGUSR2,
    )
    if former := guard.recall():
        say("former", former)
    for fd in fds:
        os.set_blocking(fd, False)
        guard.hold(f"wire-{fd}", fd, [b"\rOFF %d\r" % fd])

    tree = Supervisor(
        name="tree",
        children=[Child(name="guard", run=guard.run, watchdog_s=30.0, backoff=Backoff(first_s=0.1))],
        intensity=None,
    )
    async with trio.open_nursery() as nursery:
        nursery.start_soon(obey, guard, nursery.cancel_scope.cancel)
        await tree.run()
    for fd in fds:
        guard.drop(f"wire-{fd}")


if __name__ == "__main__":
    trio.run(main, float(sys.argv[1]), Path(sys.argv[2]), [int(fd) for fd in sys.argv[3:]])
