"""The families of modules this emulation can stand in for, by the name of their driver.

Another package adds its own through the entry point `jp_firmware.emulated_modules`, as it adds its driver.
"""

from __future__ import annotations

import logging
from importlib.metadata import entry_points

from jp_firmware.sim.modules.dbc import DbcNode
from jp_firmware.sim.modules.huawei import HuaweiNode
from jp_firmware.sim.modules.infypower import InfyPowerNode
from jp_firmware.sim.modules.infypower_beg import BegNode
from jp_firmware.sim.modules.maxwell import MaxwellNode
from jp_firmware.sim.modules.node import ModuleNode
from jp_firmware.sim.modules.tonhe import TonHeNode
from jp_firmware.sim.modules.uugreenpower import UUGreenPowerNode

ENTRY_POINTS = "jp_firmware.emulated_modules"

log = logging.getLogger(__name__)

OURS: dict[str, type[ModuleNode]] = {
    "dbc": DbcNode,
    "huawei": HuaweiNode,
    "infypower": InfyPowerNode,
    "infypower-beg": BegNode,
    "maxwell": MaxwellNode,
    "tonhe": TonHeNode,
    "uugreenpower": UUGreenPowerNode,
}


def _installed() -> dict[str, type[ModuleNode]]:
    """Those of other packages. One that cannot be loaded is told and left out."""
    found: dict[str, type[ModuleNode]] = {}
    for entry in entry_points(group=ENTRY_POINTS):
        try:
            found[entry.name] = entry.load()
        except (ImportError, AttributeError) as error:
            log.warning("emulated modules %s cannot be loaded: %s", entry.name, error)
    return found


EMULATED = _installed() | OURS
