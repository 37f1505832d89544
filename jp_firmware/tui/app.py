"""The way into the terminal: `run(socket_path)`.

Looks at the terminal, settles the environment, and only then imports Textual, which reads its settings at import.
Refuses a terminal that cannot be drawn on, with one line that says what to do instead.
"""

from __future__ import annotations

import getpass
import os
import sys
from collections.abc import MutableMapping
from pathlib import Path

from jp_firmware.tui.surroundings import Surroundings, Unsuitable, look_around, settle


def run(socket_path: Path) -> int:
    """Shows the charger behind `socket_path` until the operator leaves. Returns the exit status.

    SIGTERM and SIGHUP end it as leaving does, with the terminal as it was found. Exit status 2 means that nothing was
    drawn because the terminal cannot show it.
    """
    environment: MutableMapping[str, str] = os.environ
    try:
        surroundings = look_around(environment, is_tty=sys.stdin.isatty() and sys.stderr.isatty())
    except Unsuitable as why:
        sys.stderr.write(f"jp: {why}\n")
        return 2
    settle(environment, surroundings)
    return _run(socket_path, surroundings)


def _who() -> str:
    """Who sits at this terminal, by the machine's word."""
    try:
        return os.environ.get("SUDO_USER") or getpass.getuser()
    except (KeyError, OSError):  # a user without a name; Python before 3.13 says so by KeyError
        return "operator"


def _run(socket_path: Path, surroundings: Surroundings) -> int:
    # Imported here because Textual must find the environment settled.
    from jp_firmware.console.client import AsyncConsoleClient
    from jp_firmware.tui.application import ConsoleApp

    app = ConsoleApp(
        lambda on_link: AsyncConsoleClient(socket_path, on_link=on_link),
        theme=surroundings.theme,
        symbols=surroundings.symbols,
        interval_s=surroundings.interval_s,
        who=_who(),
    )
    status = app.run(mouse=surroundings.mouse)
    return status if status is not None else app.return_code or 0
