"""Which charger a command means: the socket after `--socket`, or the one that JP_SOCKET or the system's place names."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jp_firmware.console.client import ConsoleClient


def path(args: argparse.Namespace) -> Path:
    """The socket itself."""
    from jp_firmware.console.client import default_socket_path

    return args.socket or default_socket_path()


def connect(args: argparse.Namespace) -> ConsoleClient:
    """A client of the charger; it connects when it is first used. Raises ConsoleError then."""
    from jp_firmware.console.client import ConsoleClient

    return ConsoleClient(args.socket)
