"""`jp run`, `jp demo` and `jp console`: programs that stay until they are ended. Each loads itself only when called."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from jp_firmware.cli import charger_socket


def run(args: argparse.Namespace) -> int:
    from jp_firmware.composition.configuration.beginning import begin
    from jp_firmware.config.store import find

    state_dir = args.state_dir or default_state_dir()
    # A mistake is told before the rest of the charger is even imported.
    beginning = begin(find(args.cabinet), state_dir, args.overrides, attended=sys.stderr.isatty())
    from jp_firmware import daemon

    return daemon.run(
        beginning,
        args.overrides,
        device_dir=args.device_dir,
        state_dir=state_dir,
        socket=charger_socket.path(args),
    )


def default_state_dir() -> Path:
    """Where the journal is kept: systemd's StateDirectory, root's place, or the user's."""
    if given := os.environ.get("STATE_DIRECTORY"):
        return Path(given.split(":")[0])
    if os.geteuid() == 0:
        return Path("/var/lib/jp")
    return Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state", "jp")


def demo(args: argparse.Namespace) -> int:
    from jp_firmware.demo import run
    from jp_firmware.demo.scenario import SCENARIOS

    return run.run(scenario=SCENARIOS[args.scenario], headless=args.headless, for_s=args.for_s)


def console(args: argparse.Namespace) -> int:
    from jp_firmware.tui import app

    return app.run(charger_socket.path(args))
