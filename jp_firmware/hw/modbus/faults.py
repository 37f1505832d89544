"""What can go wrong with a Modbus exchange. Each message says what, where, and what to do."""

from __future__ import annotations


class ModbusFault(Exception):
    """An exchange that brought nothing: what, where and what to do."""


class ModbusTimeout(ModbusFault):
    """The device did not answer in time."""


class ModbusGarbled(ModbusFault):
    """Something answered, but it was no answer."""


class ModbusRefused(ModbusFault):
    """The device answered with an exception; `code` is Modbus' own."""

    def __init__(self, message: str, code: int) -> None:
        super().__init__(message)
        self.code = code


class WireDown(ModbusFault):
    """There is no connection: it could not be opened, or it was lost."""
