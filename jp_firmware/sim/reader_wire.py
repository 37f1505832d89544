"""The tty of an emulated RFID reader: a line with the card's UID in hexadecimal for each card that is held to it."""

from __future__ import annotations

from pathlib import Path

import attrs

from jp_firmware.config.schema import Reader as ReaderConfig
from jp_firmware.sim.plant import Reader
from jp_firmware.sim.tty import Tty, garbled


@attrs.define(eq=False)
class ReaderWire:
    """One reader's wire; it has the reader's name."""

    config: ReaderConfig
    device_dir: Path
    reader: Reader
    _tty: Tty = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self._tty = Tty(self.device_dir / self.config.port, lambda _data: None)

    async def start(self) -> None:
        """Raises OSError if the tty cannot be made."""
        await self.restore()

    async def stop(self) -> None:
        self.cut()

    def cut(self) -> None:
        self.reader.write = None
        self._tty.close()

    async def restore(self) -> None:
        self._tty.open()
        self.reader.write = self._write

    def report(self) -> dict[str, object]:
        return {"kind": "rfid", "port": self.config.port, "up": self._tty.is_open, "speed": self._tty.speed}

    def _write(self, line: bytes) -> None:
        self._tty.write(line if self._tty.speed == self.config.baud else garbled(line))
