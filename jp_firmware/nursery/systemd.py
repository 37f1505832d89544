"""What a service tells systemd, by hand: sd_notify(3) is one datagram, and the environment says where to.

Never blocks and never raises: a service manager that does not listen is no reason to stop working. It decides nothing;
when a service is ready, healthy or stopping is for its user to know. Needs no library and no thread.
"""

from __future__ import annotations

import logging
import math
import os
import re
import socket
import subprocess
from collections.abc import Callable, Mapping, MutableMapping
from pathlib import Path

import attrs

log = logging.getLogger(__name__)

ASK_WITHIN_S = 3.0  # ours: for `systemctl show`, which answers in some 10 ms on a machine that is well
CGROUP = Path("/proc/self/cgroup")


@attrs.define(eq=False)
class ServiceManager:
    """The service manager as seen by its service. Without an address every telling is a no-op that succeeds."""

    address: str = ""  # a path, or an abstract name with a leading "@"
    watchdog_s: float = math.inf  # longest time between two `WATCHDOG=1` (WatchdogSec); infinite: nobody waits for one
    invoked: bool = False  # whether this process is a service of some systemd at all
    unheard: int = 0  # datagrams it did not take
    _deaf: bool = False

    @classmethod
    def of(cls, environ: MutableMapping[str, str] = os.environ, pid: int | None = None) -> ServiceManager:
        """What the environment says, taken out of it: no process started from here shall speak in our name.

        A watchdog that is meant for another process (WATCHDOG_PID) is none of ours. INVOCATION_ID says nothing, since
        all that is started from a service inherits it, a test run as well; SYSTEMD_EXEC_PID names the service itself.
        """
        me = str(os.getpid() if pid is None else pid)
        address, microseconds = environ.pop("NOTIFY_SOCKET", ""), environ.pop("WATCHDOG_USEC", "")
        ours = environ.pop("WATCHDOG_PID", me) == me
        manager = cls(address, invoked=bool(address) or environ.get("SYSTEMD_EXEC_PID") == me)
        if address and ours and microseconds.isdecimal() and int(microseconds) > 0:
            manager.watchdog_s = int(microseconds) / 1e6
        return manager

    def tell(self, *assignments: str) -> bool:
        """Sends assignments such as "READY=1" in one datagram, 22 µs (measured on a PC); whether it was taken.

        A full queue (systemd is busy) or a missing socket is logged once and counted.
        """
        if not self.address:
            return True
        name = "\0" + self.address[1:] if self.address.startswith("@") else self.address
        kind = socket.SOCK_DGRAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC
        try:
            with socket.socket(socket.AF_UNIX, kind) as one:
                one.sendto("\n".join(map(_one_line, assignments)).encode(), name)
        except OSError as error:
            self.unheard += 1
            if not self._deaf:
                log.warning("the service manager does not listen at %s: %s", self.address, error.strerror)
            self._deaf = True
            return False
        self._deaf = False
        return True


def microseconds(seconds: float) -> int:
    """As systemd counts."""
    return max(1, math.ceil(seconds * 1e6))


def _one_line(assignment: str) -> str:
    """A line break would begin another assignment."""
    return " ".join(assignment.split())


# --- what the unit allows for a stop ---------------------------------------------------------------------------------


def stop_timeout_s(
    unit: tuple[str, ...] | None = None, run: Callable[..., subprocess.CompletedProcess[str]] = subprocess.run
) -> float | None:
    """TimeoutStopSec of the unit this process runs in, in seconds; None if it cannot be learned.

    Asks `systemctl` and waits for it, `ASK_WITHIN_S` at most: for before the loop, never inside it.
    """
    unit = unit or own_unit()
    if not unit:
        return None
    try:
        answer = run(
            ["systemctl", *unit[:-1], "show", "--property=TimeoutStopUSec", "--value", "--", unit[-1]],
            capture_output=True,
            text=True,
            timeout=ASK_WITHIN_S,
            check=True,
            stdin=subprocess.DEVNULL,
            env={**_PLAIN, **{key: value for key, value in os.environ.items() if key in _FOR_THE_USERS_BUS}},
        )
    except (OSError, subprocess.SubprocessError) as error:
        log.info("systemctl does not tell TimeoutStopSec of %s: %s", unit[-1], error)
        return None
    return seconds_of(answer.stdout.strip())


_PLAIN: Mapping[str, str] = {"PATH": "/usr/bin:/bin", "LC_ALL": "C"}
_FOR_THE_USERS_BUS = ("XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS")


def own_unit(cgroup: Path = CGROUP) -> tuple[str, ...] | None:
    """The options and the name by which `systemctl` finds the unit of this process; None outside of a service."""
    try:
        lines = cgroup.read_text().splitlines()
    except OSError:
        return None
    for line in lines:
        hierarchy, controllers, path = (*line.split(":", 2), "", "")[:3]
        if hierarchy != "0" and controllers != "name=systemd":
            continue
        names = [part for part in path.split("/") if part.endswith(".service")]
        if names and not (names[-1].startswith("user@") and len(names) == 1):
            return ("--user", names[-1]) if names[0].startswith("user@") else (names[-1],)
    return None


# systemd.time(7), as `systemctl show` writes it: "1min 30s", "500ms", "infinity".
_UNITS_S = {
    "us": 1e-6, "ms": 1e-3, "s": 1.0, "min": 60.0, "h": 3600.0, "d": 86_400.0, "w": 604_800.0, "month": 2_629_800.0,
    "y": 31_557_600.0,
}  # fmt: skip


def seconds_of(span: str) -> float | None:
    """A time span as systemd writes it, in seconds; None if it is not one."""
    if span == "infinity":
        return math.inf
    total_s = 0.0
    for part in span.split():
        matched = re.fullmatch(r"(\d+(?:\.\d+)?)([a-z]*)", part)
        unit = matched and (matched[2] or ("s" if matched[1] == "0" else ""))
        if not matched or unit not in _UNITS_S:
            return None
        total_s += float(matched[1]) * _UNITS_S[unit]
    return total_s if span.strip() else None
