"""The adapter's half of slcan: what stands in for a serial CAN adapter on the bench, without I/O of its own.

It answers the host's commands as a LAWICEL adapter does, refuses frames while the channel is closed, and turns frames
of its bus into lines. What the bus is, is its owner's business.
"""

from __future__ import annotations

import attrs

from jp_firmware.hw.can import slcan
from jp_firmware.hw.can.frame import Frame


@attrs.define(eq=False)
class SlcanAdapter:
    """Bytes from the host in; frames for the bus and bytes for the host out.

    Rules, after the LAWICEL manual: `S` only while closed; `O` needs a bitrate and a closed channel; `C` is refused
    while closed; a frame is refused while closed or while only listening. Whatever it does not know it refuses.
    """

    version: str = "1013"
    serial: str = "A123"
    bitrate: int | None = None
    is_open: bool = False
    listen_only: bool = False
    _parser: slcan.SlcanParser = attrs.field(factory=slcan.SlcanParser, repr=False)

    def receive(self, data: bytes) -> tuple[list[Frame], bytes]:
        """Frames the host wants on the bus, and the answer to write back to it."""
        frames: list[Frame] = []
        answer = bytearray()
        for event in self._parser.receive(data):
            match event:
                case Frame():
                    taken = self.is_open and not self.listen_only
                    if taken:
                        frames.append(event)
                    answer += (b"Z\r" if event.extended else b"z\r") if taken else slcan.NAK
                case slcan.Command():
                    answer += self._obey(event)
                case slcan.Ack():
                    answer += slcan.ACK  # an empty line, sent by hosts to clear the line
                case _:
                    answer += slcan.NAK
        return frames, bytes(answer)

    def frame_to_host(self, frame: Frame) -> bytes:
        """The line that tells the host of a frame on the bus; nothing while the channel is closed."""
        return slcan.encode(frame) if self.is_open else b""

    def _obey(self, command: slcan.Command) -> bytes:
        match command.letter:
            case "S" if not self.is_open:
                self.bitrate = {code: bitrate for bitrate, code in slcan.BITRATE_CODES.items()}[command.argument]
                return slcan.ACK
            case "O" | "L" if not self.is_open and self.bitrate is not None:
                self.is_open, self.listen_only = True, command.letter == "L"
                return slcan.ACK
            case "C" if self.is_open:
                self.is_open = False
                return slcan.ACK
            case "V" | "v":
                return slcan.encode_command(command.letter, self.version)
            case "N":
                return slcan.encode_command("N", self.serial)
            case "F" if self.is_open:
                return slcan.encode_command("F", "00")
            case "Z" if not self.is_open and command.argument == "0":
                return slcan.ACK
        return slcan.NAK
