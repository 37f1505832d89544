"""Has systemd itself run the controller as a service of a user's manager, on a real kernel. Run in the guest by
`test_uml.py`.

The unit is the one that ships, as far as a user's manager can have it: what it is told, its watchdog, and its limits.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from tests.uml.guest_init import mount

RUNTIME = Path("/run/user/0")
UNITS = RUNTIME / "systemd" / "user.control"
CGROUP = Path("/sys/fs/cgroup")
KEPT = ("Type", "NotifyAccess", "WatchdogSignal", "Restart", "RestartSec", "KillMode", "TimeoutStartSec")
LOG = RUNTIME / "log"
PATIENCE_S = 300.0  # with a kernel that is itself a process of a busy machine
WATCHDOG_S = 10  # in which a charger that is well is heard, whatever else the machine does


def unit(**changed: str) -> str:
    shipped = (Path.cwd() / "systemd" / "jp.service").read_text().splitlines()
    lines = [line for line in shipped if line.partition("=")[0] in KEPT]
    places = f"--device-dir {RUNTIME}/dev --state-dir {RUNTIME}/state --socket {RUNTIME}/console.sock"
    lines += [f"{key}={value}" for key, value in changed.items()]
    lines += [f"WorkingDirectory={Path.cwd()}", f"ExecStart={sys.executable} -m jp_firmware run demo {places}"]
    return "\n".join(["[Unit]", "StartLimitIntervalSec=0", "[Service]", *lines, ""])


def systemctl(*arguments: str) -> str:
    done = subprocess.run(
        ["systemctl", "--user", *arguments], capture_output=True, text=True, timeout=PATIENCE_S, check=False
    )
    return (done.stdout + done.stderr).strip()


def shown(key: str) -> str:
    return systemctl("show", f"--property={key}", "--value", "jp.service")


def wait_for(condition: Callable[[], bool], what: str) -> None:
    give_up_at_s = time.monotonic() + PATIENCE_S
    while not condition():
        if time.monotonic() > give_up_at_s:
            raise SystemExit(f"waited for {what}; {systemctl('status', 'jp.service')}\n{LOG.read_text()}")
        time.sleep(0.1)


def start_manager() -> subprocess.Popen[bytes]:
    mount("cgroup2", str(CGROUP))
    mine = CGROUP / "user.slice" / "user-0.slice" / "user@0.service"
    mine.mkdir(parents=True)
    UNITS.mkdir(parents=True)
    Path("/run/systemd/system").mkdir(parents=True)  # sd_booted(3): without it a manager of a user does not start
    os.environ.update(XDG_RUNTIME_DIR=str(RUNTIME), HOME=str(RUNTIME))
    return subprocess.Popen(
        ["/lib/systemd/systemd", "--user", "--log-target=console"],
        stdout=LOG.open("wb"),
        stderr=subprocess.STDOUT,
        preexec_fn=lambda: (mine / "cgroup.procs").write_text("0"),
    )


def main() -> None:
    manager = start_manager()
    (UNITS / "jp.service").write_text(
        unit(TimeoutStopSec="30", WatchdogSec=f"{WATCHDOG_S}", StandardError=f"append:{LOG}")
    )
    wait_for(lambda: (RUNTIME / "systemd" / "private").exists(), "the manager")
    systemctl("start", "--no-block", "jp.service")
    wait_for(lambda: "set TimeoutStopSec=" in LOG.read_text(), "the refusal of a short TimeoutStopSec")
    print("refused:", LOG.read_text().rpartition("jp run: ")[2].partition(";")[0])
    systemctl("stop", "jp.service")
    (UNITS / "jp.service").write_text(
        unit(TimeoutStopSec="2min", WatchdogSec=f"{WATCHDOG_S}", StandardError=f"append:{LOG}")
    )
    systemctl("daemon-reload")
    systemctl("start", "jp.service")
    wait_for(lambda: shown("StatusText").split(" of ")[0].isdigit(), "what its parts do")
    print("started:", shown("ActiveState"))
    time.sleep(WATCHDOG_S + 2)
    first = int(shown("MainPID"))
    print("after more than its watchdog's time:", shown("ActiveState"), shown("NRestarts"))
    os.kill(first, signal.SIGSTOP)
    wait_for(lambda: int(shown("NRestarts")) > 0 and shown("ActiveState") == "active", "a restart by the watchdog")
    print("stood still: restarted", int(shown("MainPID")) != first)
    systemctl("stop", "jp.service")
    print("stopped:", shown("ActiveState"), shown("Result"), shown("ExecMainStatus"))
    manager.terminate()
    manager.wait(PATIENCE_S)


if __name__ == "__main__":
    main()
