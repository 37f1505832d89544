"""What only a module's driver knows of a configuration: its addresses, and what its profile says to it."""

from __future__ import annotations

from collections.abc import Iterator

from jp_firmware.config.schema import Cabinet, ConfigError
from jp_firmware.config.structure import Mistake
from jp_firmware.hw.modules.driver import load_driver, load_profile


def mistakes(cabinet: Cabinet) -> Iterator[Mistake]:
    """The modules that their drivers could not drive as they are configured."""
    for at, module in enumerate(cabinet.modules):
        try:
            load_driver(module.driver).codec(module.address, load_profile(module.profile))
        except ConfigError as error:
            yield Mistake(("modules", at), str(error))
