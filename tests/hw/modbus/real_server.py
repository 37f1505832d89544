"""pymodbus' own servers in a process of their own: `python -m tests.hw.modbus.real_server tcp HOST | rtu TTY`.

Every register of units 1 and 2 reads unit * 10000 + address; those from 9000 on do not exist.
Tells its port, or its tty, once it serves.
"""

from __future__ import annotations

import asyncio
import sys

from pymodbus.server import ModbusSerialServer, ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice


def device(unit: int) -> SimDevice:
    values = [unit * 10_000 + address for address in range(9000)]
    return SimDevice(id=unit, simdata=SimData(0, values=values, datatype=DataType.REGISTERS))


async def main(kind: str, where: str) -> None:
    devices = [device(1), device(2)]
    if kind == "tcp":
        server: ModbusTcpServer | ModbusSerialServer = ModbusTcpServer(devices, address=(where, 0))
    else:
        server = ModbusSerialServer(devices, port=where, baudrate=115_200)
    await server.serve_forever(background=True)
    if isinstance(server, ModbusTcpServer):
        where = str(server.transport.sockets[0].getsockname()[1])
    print(where, flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
