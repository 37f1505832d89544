"""The families of modules this emulation can stand in for, by the name of their driver."""

from __future__ import annotations

from jp_firmware.sim.modules.dbc import DbcNode
from jp_firmware.sim.modules.huawei import HuaweiNode
from jp_firmware.sim.modules.infypower import InfyPowerNode
from jp_firmware.sim.modules.infypower_beg import BegNode
from jp_firmware.sim.modules.maxwell import MaxwellNode
from jp_firmware.sim.modules.node import ModuleNode
from jp_firmware.sim.modules.tonhe import TonHeNode
from jp_firmware.sim.modules.uugreenpower import UUGreenPowerNode

EMULATED: dict[str, type[ModuleNode]] = {
    "dbc": DbcNode,
    "huawei": HuaweiNode,
    "infypower": InfyPowerNode,
    "infypower-beg": BegNode,
    "maxwell": MaxwellNode,
    "tonhe": TonHeNode,
    "uugreenpower": UUGreenPowerNode,
}
