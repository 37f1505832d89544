"""The kernel's software watchdog, fed, starved and stopped, on a real kernel. Run in the guest by `test_uml.py`.

The module is told not to reset the machine (`soft_noboot`), so that its firing shows in the kernel's log.
"""

from __future__ import annotations

import ctypes
import os
import platform
import stat
import time
from pathlib import Path

from jp_firmware.nursery.hardware_watchdog import HardwareWatchdog
from tests.uml.guest_init import INIT_MODULE, libc

DEVICE = "/run/watchdog"  # of the guest's own tmpfs: its /dev is the host's
FIRED = "Reboot ignored"
READ_ALL = 3  # syslog(2)


def load_softdog() -> None:
    programs = Path(os.environ["PATH"].split(":")[0])  # of the packages that the kernel came with (`guest_init.py`)
    [kernel] = (programs.parent / "lib" / "uml" / "modules").iterdir()
    image = (kernel / "kernel" / "drivers" / "watchdog" / "softdog.ko").read_bytes()
    if libc.syscall(INIT_MODULE[platform.machine()], image, len(image), b"soft_noboot=1 nowayout=0"):
        raise OSError(ctypes.get_errno(), "loading softdog")
    [device] = Path("/sys/class/watchdog").iterdir()  # watchdog1: 10:130, the first one, is user-mode-linux' own
    major, minor = (device / "dev").read_text().split(":")
    os.mknod(DEVICE, stat.S_IFCHR | 0o600, os.makedev(int(major), int(minor)))


def fired() -> bool:
    log = ctypes.create_string_buffer(1 << 18)
    length = libc.klogctl(READ_ALL, log, len(log))
    return FIRED in log.raw[:length].decode(errors="replace")


def main() -> None:
    load_softdog()
    watchdog = HardwareWatchdog(DEVICE)
    watchdog.open(2)
    print(watchdog.identity, watchdog.timeout_s, watchdog.can_be_stopped)
    try:
        HardwareWatchdog(DEVICE).open(2)
    except OSError as error:
        print("a second time:", error.strerror)
    for _ in range(6):
        time.sleep(0.5)
        watchdog.feed()
    print("fed for longer than its time, fired:", fired())
    print("longer:", watchdog.set_timeout(60), watchdog.timeout_s)
    watchdog.set_timeout(1)
    watchdog.close()
    time.sleep(2.5)
    print("stopped, fired:", fired())
    watchdog.open(1)
    time.sleep(2.5)
    print("starved, fired:", fired())
    watchdog.close()


main()
