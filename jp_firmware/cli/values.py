"""Values on the command line: text in, a number out, and what is wrong with it in the words of whoever typed it."""

from __future__ import annotations

import argparse
import re
from collections.abc import Mapping
from decimal import Decimal

# How many of a unit one of these is. Case does not matter: nobody sets a limit in milliwatts.
SCALES: Mapping[str, Mapping[str, Decimal]] = {
    unit: {name: Decimal(many) for name, many in names.items()}
    for unit, names in {
        "W": {"W": "1", "kW": "1e3", "MW": "1e6"},
        "s": {"s": "1", "ms": "0.001", "min": "60", "h": "3600", "d": "86400"},
        "A": {"A": "1", "kA": "1e3"},
        "A/s": {"A/s": "1"},
        "V": {"V": "1", "kV": "1e3"},
        "°C": {"°C": "1", "C": "1"},
        "Bd": {"Bd": "1", "kBd": "1e3"},
        "bit/s": {"bit/s": "1", "kbit/s": "1e3", "Mbit/s": "1e6"},
        "1/h": {"1/h": "1", "/h": "1"},
    }.items()
}
LEAST_BARE_W = 1000.0  # ours: no car charges with less, so that a smaller number is most likely meant in kW

_NUMBER = re.compile(r"([+-]?[0-9][0-9_]{0,40}(?:\.[0-9_]+)?(?:e[+-]?[0-9]{1,2})?)\s*(.*)", re.DOTALL | re.IGNORECASE)


def quantity(text: str, unit: str) -> Decimal | None:
    """How many `unit` a text is, with that unit or another of its kind behind it, or none. None if it is no such."""
    found = _NUMBER.fullmatch(text.strip())
    if found is None:
        return None
    asked = found[2].strip().lower()
    scales = SCALES.get(unit, {})
    scale = next((many for name, many in scales.items() if name.lower() == asked), None) if asked else Decimal(1)
    return None if scale is None else Decimal(found[1]) * scale


def seconds(text: str) -> float:
    value = quantity(text, "s")
    if value is None:
        raise argparse.ArgumentTypeError(f"{text!r} is not a time; write 90, 90s, 15min or 2h")
    if value <= 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a time above 0 s")
    return float(value)


def count(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text)):
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1")
    return int(text)


def watts_or_none(text: str) -> float | None:
    """None for "none"."""
    return None if text.strip().lower() == "none" else watts(text)


def watts(text: str) -> float:
    value = quantity(text, "W")
    if value is None:
        raise argparse.ArgumentTypeError(f"{text!r} is not a power; write 100000 or 100kW")
    if value < 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a power from 0 W")
    if 0 < value < LEAST_BARE_W and text.strip()[-1:] not in "Ww":
        raise argparse.ArgumentTypeError(f"{text!r} would be W, too little for any car; write {text.strip()}kW")
    return float(value)
