"""What the tests of the journal share."""

from __future__ import annotations

import pytest

from tests.journal.running import PATIENCE_S


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stop gives up on a writer that hangs, and not on one whose disk, or whose machine, serves others first."""
    monkeypatch.setattr("jp_firmware.journal.writer.DRAIN_S", PATIENCE_S)
