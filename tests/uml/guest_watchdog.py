"""The kernel's software watchdog, fed, starved and stopped, on a real kernel. Run in the guest by `test_uml.py`.

The module is told not to reset the machine (`soft_noboot`), so that its firing shows in the kernel's log.
"""

from __future__ import annotations

import ctypes
import os
import platform
import stat
import time
from collections.abc import Callable
from pathlib import Path

from jp_firmware.nursery.hardware_watchdog import HardwareWatchdog
from tests.uml.guest_init import INIT_MODULE, libc

DEVICE = "/run/watchdog"  # of the guest's own tmpfs: its /dev is the host's
FIRED = "Reboot ignored"
READ_ALL = 3  # syslog(2)
TIME_S = 2
PATIENCE_S = 120.0  # with a kernel that is itself a process of a busy machine


def load_softdog() -> None:
    programs = Path(os.environ["PATH"].split(":")[0])  # of the packages that the kernel came with (`guest_init.py`)
    [kernel] = (programs.parent / "lib" / "uml" / "modules").iterdir()
    image = (kernel / "kernel" / "drivers" / "watchdog" / "softdog.ko").read_bytes()
    if libc.syscall(INIT_MODULE[platform.machine()], image, len(image), b"soft_noboot=1 nowayout=0"):
        raise OSError(ctypes.get_errno(), "loading softdog")
    [device] = Path("/sys/class/watchdog").iterdir()  # watchdog1: 10:130, the first one, is user-mode-linux' own
    major, minor = (device / "dev").read_text().split(":")
    os.mknod(DEVICE, stat.S_IFCHR | 0o600, os.makedev(int(major), int(minor)))


def times_fired() -> int:
    log = ctypes.create_string_buffer(1 << 18)
    length = libc.klogctl(READ_ALL, log, len(log))
    return log.raw[:length].decode(errors="replace").count(FIRED)


def fed_in_time(watchdog: HardwareWatchdog) -> bool:
    """Whether it was never later than half its time, for longer than that time: on a busy machine it may have been."""
    began_s = fed_s = time.monotonic()
    late_s = 0.0
    watchdog.feed()
    while fed_s < began_s + 1.5 * TIME_S:
        time.sleep(TIME_S / 8)
        watchdog.feed()
        late_s, fed_s = max(late_s, time.monotonic() - fed_s), time.monotonic()
    return late_s < TIME_S / 2


def stopped_in_time(watchdog: HardwareWatchdog) -> bool:
    """Whether it was stopped before its second was over."""
    watchdog.open(2)
    began_s = time.monotonic()
    watchdog.set_timeout(1)
    watchdog.close()
    return time.monotonic() - began_s < 0.5


def experiment(what: str, succeeds: Callable[[], bool], after_s: float = 0.0) -> None:
    """Tells whether it fired. An experiment that the machine has disturbed is no experiment, and is made anew."""
    before = times_fired()
    while not succeeds():
        time.sleep(after_s)
        before = times_fired()
    time.sleep(after_s)
    print(f"{what}, fired:", times_fired() > before)


def main() -> None:
    load_softdog()
    watchdog = HardwareWatchdog(DEVICE)
    watchdog.open(TIME_S)
    print(watchdog.identity, watchdog.timeout_s, watchdog.can_be_stopped)
    try:
        HardwareWatchdog(DEVICE).open(2)
    except OSError as error:
        print("a second time:", error.strerror)
    experiment("fed for longer than its time", lambda: fed_in_time(watchdog))
    print("longer:", watchdog.set_timeout(60), watchdog.timeout_s)
    watchdog.close()
    experiment("stopped", lambda: stopped_in_time(watchdog), after_s=2.5)
    before = times_fired()
    watchdog.open(1)
    give_up_at_s = time.monotonic() + PATIENCE_S
    while times_fired() == before and time.monotonic() < give_up_at_s:
        time.sleep(0.1)
    print("starved, fired:", times_fired() > before)
    watchdog.close()


main()
