"""Claims about what the loop and its guard say to each other."""

from __future__ import annotations

from jp_firmware.nursery.guard_process.messages import pack_hold, unpack_hold


def test_what_is_held_survives_its_message() -> None:
    words = (b"\rT029A00F08\r", b"", bytes(range(256)))

    assert ("can0 ü", words) == unpack_hold(pack_hold("can0 ü", words))
