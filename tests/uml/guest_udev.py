"""Has udev itself apply the rules to a tty at each USB socket in turn, inside the user-mode kernel (`test_uml.py`).

The kernel has no USB; a rule put before ours says where the tty is plugged in, as udev's own rules do for a real one.
"""

from __future__ import annotations

import grp
import os
import stat
import subprocess
import sys
from pathlib import Path

from guest_init import mount

TTY = Path("/dev/ttyS0")


def main(rules: Path) -> None:
    mount("tmpfs", "/dev")  # udev makes its links there, and /dev of a hostfs is that of the machine
    os.mknod(TTY, stat.S_IFCHR | 0o600, os.makedev(4, 64))
    directory = Path("/run/udev/rules.d")
    directory.mkdir(parents=True)
    (directory / rules.name).write_text(rules.read_text())
    complaints: set[str] = set()
    for socket in ("1.1", "1.2", "1.3", "1.4", "1.7"):
        where = f'ENV{{ID_PATH}}="platform-xhci-hcd.0.auto-usb-0:{socket}:1.0"\n'
        (directory / "69-where.rules").write_text(where)
        tested = subprocess.run(
            ["udevadm", "test", "--action=add", "/sys/class/tty/ttyS0"], capture_output=True, text=True, check=True
        )
        # Complaints name the file and then say something else than what a rule does.
        said = (line for line in tested.stderr.splitlines() if line.startswith(f"{directory}/{rules.name}:"))
        complaints.update(said)
        links = [line.removeprefix("DEVLINKS=") for line in tested.stdout.splitlines() if line.startswith("DEVLINKS=")]
        mode = TTY.stat()
        owner = f" {grp.getgrgid(mode.st_gid).gr_name} {mode.st_mode & 0o777:o}" if links else ""
        print(socket, " ".join(links) or "-", end=f"{owner}\n")
    print("\n".join(sorted(complaints)) or "no complaints")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
