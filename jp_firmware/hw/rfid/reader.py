"""A serial RFID reader: tells who was held to it. Whether that one may charge is not its business.

A reader says nothing of its own accord, so a quiet one is a healthy one: it is lost only when its port is. A reader
that hangs cannot be told from one that nobody uses.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

import attrs
import trio

from jp_firmware.charging.ports import FaultSink
from jp_firmware.config import schema
from jp_firmware.hw.rfid.lines import Swipes, UidLines
from jp_firmware.hw.serial import SerialPort, WireError
from jp_firmware.nursery.supervisor import Lifeline

log = logging.getLogger(__name__)

LOST = "AUT-01"


@attrs.define(eq=False)
class RfidReader:
    """The task of one reader. `on_swipe` is called with each UID, in upper-case hex. Its fault: AUT-01, at its id."""

    config: schema.Reader
    device_dir: Path
    on_swipe: Callable[[str], None]
    faults: FaultSink
    lines: UidLines = attrs.field(factory=UidLines, init=False)
    swipes: Swipes = attrs.field(factory=Swipes, init=False)

    def configure(self, config: schema.Reader, on_swipe: Callable[[str], None]) -> None:
        """Another port or speed, or other connectors, from its next start on: to be called while it is down."""
        self.config, self.on_swipe = config, on_swipe

    async def run(self, lifeline: Lifeline) -> None:
        """Listens. Ready once the port is open, fed by each UID; needs no watchdog.

        Raises WireError when the port is not there or goes away. Cancelling closes the port; half a line is forgotten.
        """
        try:
            port = await SerialPort.open(self.device_dir / self.config.port, baud=self.config.baud)
        except WireError as error:
            self.faults.raise_(LOST, self.config.id, str(error))
            raise
        self.lines = UidLines()
        try:
            self.faults.clear(LOST, self.config.id)
            lifeline.ready()
            await self._listen(port, lifeline)
        except WireError as error:
            self.faults.raise_(LOST, self.config.id, str(error))
            raise
        finally:
            await port.aclose()

    async def _listen(self, port: SerialPort, lifeline: Lifeline) -> None:
        while True:
            data = await port.receive_some()
            garbage = self.lines.garbage
            for uid in self.lines.feed(data):
                lifeline.feed()
                if self.swipes.is_new(uid, trio.current_time()):
                    self.on_swipe(uid)
            if self.lines.garbage > garbage:
                log.info("%s: not a UID (%d so far): check its baud rate", self.config.id, self.lines.garbage)
