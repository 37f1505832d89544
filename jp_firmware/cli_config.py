"""`jp config`: a cabinet's configuration, looked at without running it."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jp_firmware.config.schema import Cabinet


def check(args: argparse.Namespace) -> int:
    from jp_firmware.config import store

    path = store.find(args.file)
    cabinet = store.load(path, args.overrides)
    _check_modules(path, cabinet)
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


def _check_modules(path: Path, cabinet: Cabinet) -> None:
    """What only a module's driver knows: its addresses, and what its profile says to it. Raises ConfigError."""
    from jp_firmware.config.schema import ConfigError
    from jp_firmware.hw.modules.driver import load_driver, load_profile

    for module in cabinet.modules:
        try:
            load_driver(module.driver).codec(module.address, load_profile(module.profile))
        except ConfigError as error:
            raise ConfigError(f"{path}: modules.{module.id}: {error}") from error
