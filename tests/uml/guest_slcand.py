"""Linux's slcand and line discipline on /dev/ttyS0, whose far end is our slcan adapter on the host (`test_uml.py`).

Runs inside the user-mode kernel. Frames go out by cansend, come in by candump; then our SocketCAN link meets a CAN
interface whose adapter has stopped reading, which is the one thing that vcan cannot show: ENOBUFS.
"""

from __future__ import annotations

import errno
import os
import socket
import stat
import subprocess
import sys
import time
from pathlib import Path

import trio

from jp_firmware.hw.can.frame import Frame
from jp_firmware.hw.can.socketcan import SocketCanLink, pack
from tests.uml.guest_init import bring_up

TTY = Path("/run/ttyS0")  # the machine's own /dev need not have one, and slcand puts /dev/ before what it is given
SENT = ("123#DEADBEEF", "18FF50E5#0102030405060708", "7FF#R2", "321#AA55")
FRAMES_TOLD = 3
TOO_LATE, IN_TIME = Frame(0xBAD), Frame(0x600D)


def main(news: Path) -> None:
    os.mknod(TTY, stat.S_IFCHR | 0o600, os.makedev(4, 64))
    slcand = subprocess.Popen(["slcand", "-F", "-o", "-c", "-s4", f"..{TTY}", "slcan0"], stdout=subprocess.DEVNULL)
    until(Path("/sys/class/net/slcan0").exists)
    bring_up("slcan0")
    dump = subprocess.Popen(["candump", "-L", "slcan0,0:0,#FFFFFFFF"], stdout=subprocess.PIPE, text=True)
    until(lambda: "slcan0" in Path("/proc/net/can/rcvlist_all").read_text())
    (news / "listening").touch()
    heard: list[str] = []
    assert dump.stdout is not None
    for (
        line
    ) in dump.stdout:  # the host says its frames until all have been heard: a tty may lose bytes on a busy machine
        frame = line.split()[-1]
        if frame not in heard:
            heard.append(frame)
        if len(heard) == FRAMES_TOLD:
            break
    dump.terminate()
    dump.wait()
    (news / "heard").touch()
    for frame in SENT:
        subprocess.run(["cansend", "slcan0", frame], check=True)
    print("heard", *sorted(heard), flush=True)
    until((news / "not reading").exists)
    trio.run(meet_a_full_queue, news)
    slcand.terminate()
    slcand.wait()


async def meet_a_full_queue(news: Path) -> None:
    link = await SocketCanLink.open("slcan0")
    with socket.socket(socket.AF_CAN, socket.SOCK_RAW | socket.SOCK_NONBLOCK, socket.CAN_RAW) as other:
        other.bind(("slcan0",))
        met = fill(other)
        while met != errno.ENOBUFS:
            await trio.sleep(0.05)
            met = fill(other)
    print("met", errno.errorcode[met], flush=True)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(link.pump)
        print("too late", await link.send(TOO_LATE, useful_s=0.2), flush=True)
        (news / "read again").touch()
        print("in time", await link.send(IN_TIME, useful_s=300), flush=True)
        until((news / "seen").exists)
        nursery.cancel_scope.cancel()
    await link.aclose()


def fill(other: socket.socket) -> int:
    """Sends until the kernel refuses; why it did."""
    while True:
        try:
            other.send(pack(Frame(1, bytes(8))))
        except OSError as error:
            return error.errno or 0


def until(condition: object, within_s: float = 300.0) -> None:
    give_up_at_s = time.monotonic() + within_s
    while not condition():  # type: ignore[operator]
        if time.monotonic() > give_up_at_s:
            raise TimeoutError(f"{condition} did not come true in {within_s:g} s")
        time.sleep(0.01)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
