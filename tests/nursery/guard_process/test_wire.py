"""Claims about a wire that the guard holds."""

from __future__ import annotations

import os

from jp_firmware.nursery.guard_process.wire import HeldWire


def test_a_word_that_is_begun_is_finished_and_no_other_is_begun() -> None:
    """When the loop comes back in the middle of a word."""
    far, near = os.pipe()
    os.set_blocking(near, False)
    os.set_blocking(far, False)
    words = (b"a" * 40_000, b"b" * 40_000)
    wire = HeldWire(near, words)
    wire.say()
    wire.write()  # a pipe takes 64 kB
    assert wire.torn
    wire.stop()
    heard = os.read(far, 1_000_000)
    wire.write()
    heard += os.read(far, 1_000_000)
    os.close(far)
    os.close(near)

    assert heard == b"".join(words)
    assert not wire.left
