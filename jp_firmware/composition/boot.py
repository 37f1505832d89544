"""Which boot of the machine this is, so that a restart can tell a lost supply from a restarted process."""

from __future__ import annotations

from pathlib import Path

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


def boot_id() -> str:
    """The kernel's random id of this boot; a constant where there is none, so that a restart counts as a restart."""
    try:
        return BOOT_ID.read_text().strip()
    except OSError:
        return "unknown boot"
