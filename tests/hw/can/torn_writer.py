"""A guarded process that leaves a line torn and waits to be killed. Run as a script: descriptor, beginning, words."""

from __future__ import annotations

import os
import sys

import trio

from jp_firmware.nursery.guard import Guard
from jp_firmware.nursery.supervisor import Child, Supervisor


async def main(fd: int, torn: bytes, words: bytes) -> None:
    def guarded(trouble: str | None) -> None:
        if trouble is None:
            os.write(fd, torn)
            print(guard.pid, flush=True)

    guard = Guard(deadline_s=3600.0, on_trouble=guarded)
    os.set_blocking(fd, False)
    guard.hold("wire", fd, [words])
    await Supervisor(name="tree", children=[Child(name="guard", run=guard.run)]).run()


if __name__ == "__main__":
    trio.run(main, int(sys.argv[1]), bytes.fromhex(sys.argv[2]), bytes.fromhex(sys.argv[3]))
