"""Questions to whoever sits at the terminal. They stand on the standard error: no part of what a command prints."""

from __future__ import annotations

import select
import sys
import time

from jp_firmware.cli.acting import CommandError


def is_attended() -> bool:
    """Whether somebody can answer."""
    return sys.stdin.isatty()


def sure(question: str, option: str = "--yes") -> None:
    """Asks whether to go on. Raises CommandError without a yes, and where nobody can answer."""
    if not is_attended():
        raise CommandError(f"{question} Nothing was done; say {option} if it shall")
    if choice(f"{question} Go on? [y/N] ") not in ("y", "yes"):
        raise CommandError("nothing was done")


def choice(prompt: str) -> str:
    """The answer in small letters; "" at the end of input."""
    print(prompt, end="", flush=True, file=sys.stderr)
    return sys.stdin.readline().strip().lower()


def counting_down(prompt: str, within_s: float) -> str | None:
    """The same while seconds pass; `prompt` has a place for what is left of them. None when they are over.

    And None at the end of input: nobody is there to be asked again.
    """
    ends_at_s = time.monotonic() + within_s
    while (left_s := ends_at_s - time.monotonic()) > 0:
        print(f"\r{prompt.format(round(left_s))}", end=" ", flush=True, file=sys.stderr)
        if select.select([sys.stdin], [], [], min(left_s, 1.0))[0]:
            line = sys.stdin.readline()
            return line.strip().lower() if line else None
    print(file=sys.stderr)
    return None
