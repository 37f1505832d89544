"""Wires and devices that go on with another configuration: each while it is down, found by its path in the tree."""

from __future__ import annotations

from jp_firmware.config.schema import Cabinet
from jp_firmware.config.watchdogs import SITE_METER
from jp_firmware.hw.modules.driver import load_profile
from jp_firmware.hw.plant import Plant, swipe_of


def reconfigure(plant: Plant, path: str, cabinet: Cabinet) -> None:
    """The wire, as in `wires/can0`, or the device, as in `wires/can0/module-3`, goes on with `cabinet`.

    Raises ConfigError for what a device cannot use; it is as before then.
    """
    _, wire, *device = path.split("/")
    if device:
        _device(plant, device[0], cabinet)
    elif wire in plant.readers:
        config = next(one for one in cabinet.readers if one.id == wire)
        plant.readers[wire].configure(config, swipe_of(frozenset(config.connectors), plant.swiped))
    elif wire in plant.buses:
        plant.buses[wire].configure(cabinet.wire(wire), plant.device_dir)
    else:
        plant.masters[wire].configure(cabinet.wire(wire), plant.device_dir)


def _device(plant: Plant, name: str, cabinet: Cabinet) -> None:
    for module in cabinet.modules:
        if module.id == name:
            plant.modules[module.id].configure(module, load_profile(module.profile))
    for meter in cabinet.meters:
        if meter.id == name:
            plant.meters[meter.id].configure(meter)
    for board in cabinet.plc_boards:
        if board.id == name:
            plant.boards[board.id].configure(board)
    if name == SITE_METER and plant.site_meter and cabinet.site_meter:
        plant.site_meter.configure(cabinet.site_meter)
