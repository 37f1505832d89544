"""The first process of the user-mode kernel: mounts, loads the CAN modules, brings vcan0 up, runs one command, halts.

Started by `uml.sh`, never by pytest. Only the standard library and the C library: nothing else need be installed.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import platform
import socket
import stat
import struct
import subprocess
import sys
import termios
import traceback
from pathlib import Path

MODULES = ("net/can/can", "net/can/can-raw", "drivers/net/can/dev/can-dev", "drivers/net/can/vcan")
MODULES_OF_SERIAL = ("drivers/net/can/slcan/slcan",)
INIT_MODULE = {"x86_64": 175, "i686": 128}
POWER_OFF = 0x4321FEDC

libc = ctypes.CDLL(None, use_errno=True)


def mount(kind: str, where: str) -> None:
    if libc.mount(b"none", where.encode(), kind.encode(), 0, None):
        raise OSError(ctypes.get_errno(), f"mounting {kind} on {where}")


def load(module: Path) -> None:
    image = module.read_bytes()
    if libc.syscall(INIT_MODULE[platform.machine()], image, len(image), b""):
        raise OSError(ctypes.get_errno(), f"loading {module.name}")


def bring_up(interface: str) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        request = struct.pack("16sH14x", interface.encode(), 1)  # IFF_UP
        fcntl.ioctl(control, 0x8914, request)  # SIOCSIFFLAGS


def add_vcan(interface: str) -> None:
    """RTM_NEWLINK with IFLA_IFNAME and IFLA_LINKINFO, as `ip link add NAME type vcan` sends it."""

    def attribute(kind: int, data: bytes) -> bytes:
        return struct.pack("=HH", 4 + len(data), kind) + data + bytes(-len(data) % 4)

    kind = attribute(1, b"vcan")  # IFLA_INFO_KIND
    body = bytes(16) + attribute(3, interface.encode() + b"\0") + attribute(18, kind)
    header = struct.pack("=IHHII", 16 + len(body), 16, 0x605, 1, 0)  # NLM_F_REQUEST, ACK, CREATE, EXCL
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE) as netlink:
        netlink.send(header + body)
        error = struct.unpack_from("=i", netlink.recv(4096), 16)[0]
    if error:
        raise OSError(-error, f"adding {interface}")


def open_errors() -> int:
    """Second console: `uml.sh` hands on what is written there, at once; a file of theirs waits in the guest."""
    os.mknod("/run/errors", stat.S_IFCHR | 0o600, os.makedev(4, 1))
    console = os.open("/run/errors", os.O_WRONLY | os.O_NOCTTY)
    settings = termios.tcgetattr(console)
    settings[1] &= ~termios.OPOST  # bytes as they are: no carriage returns
    termios.tcsetattr(console, termios.TCSANOW, settings)
    return console


def main(work: Path, store: Path, directory: str) -> int:
    os.environ.update(
        PATH=f"{store}/usr/bin:{store}/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        LD_LIBRARY_PATH=f"{store}/usr/lib/{platform.machine()}-linux-gnu:{store}/lib/{platform.machine()}-linux-gnu",
        HOME=str(work),
        LANG="C.UTF-8",
        PYTHONDONTWRITEBYTECODE="1",
    )
    for kind, where in (("proc", "/proc"), ("sysfs", "/sys"), ("tmpfs", "/run")):
        mount(kind, where)
    [kernel] = (store / "usr/lib/uml/modules").iterdir()
    for name in (*MODULES, *MODULES_OF_SERIAL):
        load(kernel / "kernel" / f"{name}.ko")
    bring_up("lo")
    add_vcan("vcan0")
    bring_up("vcan0")
    command = (work / "command").read_text().splitlines()
    with (work / "output").open("wb") as output:
        return subprocess.run(
            command, cwd=directory, stdin=subprocess.DEVNULL, stdout=output, stderr=open_errors(), check=False
        ).returncode


if __name__ == "__main__":
    work_dir = Path(sys.argv[1])
    status = 125
    try:
        status = main(work_dir, Path(sys.argv[2]), sys.argv[3])
    except BaseException:  # noqa: BLE001 the first process must not die: it tells what it was, and halts the kernel
        (work_dir / "output").write_text(traceback.format_exc())
    (work_dir / "status").write_text(str(status))
    os.sync()
    libc.reboot(POWER_OFF)
