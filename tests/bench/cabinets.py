"""Cabinets of any size for benchmarks: n connectors with a module each, as a configuration file like any other."""

from __future__ import annotations

MODULES_PER_BUS = 8  # what 125 kbit/s polls at its usual pace
CONNECTORS_PER_BOARD = 2


def cabinet_toml(connectors: int, *, can: str = "slcan") -> str:
    """A PLC board over TCP for each two connectors, eight modules a CAN bus, all meters on one TCP wire.

    `can` is "slcan" for ttys jp/can0 and on, or "socketcan" for interfaces can0 and on.
    """
    numbers = range(1, connectors + 1)
    parts = [
        '[charger]\nidentity = "JP-BENCH"\nname = "Bench"\n',
        f"[site]\nlimit_w = {25_000 * connectors}\n",
    ]
    buses = bus_names(connectors)
    place = "jp/" if can == "slcan" else ""
    parts += [f'[[wires]]\nname = "{bus}"\nkind = "{can}"\nport = "{place}{bus}"\n' for bus in buses]
    parts.append('[[wires]]\nname = "meters"\nkind = "modbus-tcp"\nhost = "127.0.0.1"\nport = "999"\n')
    for board in sorted({_board(number) for number in numbers}):
        mine = [number for number in numbers if _board(number) == board]
        wire = f"plc-{board}-wire"
        parts += [
            f'[[wires]]\nname = "{wire}"\nkind = "modbus-tcp"\nhost = "127.0.0.1"\nport = "{board}"\n',
            f'[[plc_boards]]\nid = "plc-{board}"\nwire = "{wire}"\nconnectors = {mine}\n',
        ]
    for number in numbers:
        address = (number - 1) % MODULES_PER_BUS
        parts += [
            f"[[connectors]]\nid = {number}\n",
            f'[[meters]]\nid = "meter-{number}"\nwire = "meters"\nunit = {number}\nconnector = {number}\n',
            f'[[modules]]\nid = "module-{number}"\nwire = "{_bus(number)}"\naddress = {address}\n'
            f"connector = {number}\n",
        ]
    return "\n".join(parts)


def bus_names(connectors: int) -> list[str]:
    """The CAN buses of such a cabinet."""
    return sorted({_bus(number) for number in range(1, connectors + 1)})


def _bus(connector: int) -> str:
    return f"can{(connector - 1) // MODULES_PER_BUS}"


def _board(connector: int) -> int:
    return (connector - 1) // CONNECTORS_PER_BOARD + 1
