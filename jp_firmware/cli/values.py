"""Values on the command line: text in, a number out, and what is wrong with it in the words of whoever typed it."""

from __future__ import annotations

import argparse


def seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds") from None
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is not a time above 0 s")
    return value


def count(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text)):
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1")
    return int(text)


def watts_or_none(text: str) -> float | None:
    """None for "none"."""
    return None if text.strip().lower() == "none" else watts(text)


def watts(text: str) -> float:
    number, factor = text.strip(), 1.0
    for unit, times in (("MW", 1e6), ("kW", 1e3), ("W", 1.0)):
        if number.lower().endswith(unit.lower()):
            number, factor = number[: -len(unit)].strip(), times
            break
    try:
        value = float(number) * factor
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a power; write 100000 or 100kW") from None
    if not 0 <= value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is not a power from 0 W")
    return value
