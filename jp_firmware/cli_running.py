"""`jp run`, `jp demo` and `jp console`: programs that stay until they are ended. Each loads itself only when called."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from jp_firmware import cli_socket


def run(args: argparse.Namespace) -> int:
    from jp_firmware.config.kept.config_store import ConfigStore
    from jp_firmware.config.profiles import read_toml
    from jp_firmware.config.store import find, of_text

    state_dir = args.state_dir or default_state_dir()
    path = find(args.cabinet)
    read_toml(path)  # a file that is none is told as it was named, before anything is made for it
    store = ConfigStore.open(path, state_dir)
    if store.unconfirmed is not None:
        store.revert(why="the controller ended before it was confirmed")
    # A mistake is told before the rest of the charger is even imported.
    named = path if store.path_in_force == store.origin_path else store.path_in_force
    cabinet = of_text(store.text, named, args.overrides, store.secrets)
    from jp_firmware import daemon

    return daemon.run(
        store,
        cabinet,
        args.overrides,
        device_dir=args.device_dir,
        state_dir=state_dir,
        socket=cli_socket.path(args),
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

    return app.run(cli_socket.path(args))
