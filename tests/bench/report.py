"""How benchmarks report: a table for people, then one JSON object as the last line for programs."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any


def quantile(values: Sequence[float], share: float) -> float:
    """The value that `share` of the values do not exceed (nearest rank)."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def distribution(values: Sequence[float]) -> dict[str, float]:
    """Median, 99th percentile, maximum and number of the values."""
    return {
        "p50": round(quantile(values, 0.5), 3),
        "p99": round(quantile(values, 0.99), 3),
        "max": round(max(values), 3),
        "n": len(values),
    }


def print_report(results: Mapping[str, Any]) -> None:
    """The table, then the JSON line. What has `wire_times` says how many times the wire's own time its p99 is."""
    width = max([34, *map(len, results)])
    print(f"{'measured':<{width}} {'p50':>9} {'p99':>9} {'max':>9} {'trials':>7}   p99 in wire times")
    for name, value in results.items():
        if isinstance(value, Mapping):
            row = f"{name:<{width}} {value['p50']:>9.2f} {value['p99']:>9.2f} {value['max']:>9.2f} {value['n']:>7}"
            print(f"{row} {value['wire_times']:>9}" if "wire_times" in value else row)
        else:
            print(f"{name:<{width}} {value:>9}")
    print(json.dumps(results))
