"""`jp config`: a cabinet's configuration, looked at without running it."""

from __future__ import annotations

import argparse


def check(args: argparse.Namespace) -> int:
    from jp_firmware.config import store

    path = store.find(args.file)
    cabinet = store.load(path, args.overrides)
    counts = {
        "connector": cabinet.connectors,
        "module": cabinet.modules,
        "meter": cabinet.meters,
        "PLC board": cabinet.plc_boards,
        "reader": cabinet.readers,
        "wire": cabinet.wires,
    }
    told = ", ".join(f"{len(items)} {word}{'s' if len(items) != 1 else ''}" for word, items in counts.items())
    print(f"{path}: good: {told}; site limit {cabinet.site.limit_w / 1000:g} kW")
    return 0
