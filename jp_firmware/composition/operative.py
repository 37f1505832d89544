"""Which connectors an operator or the central system took out of service: remembered over restarts, in the journal."""

from __future__ import annotations

from collections.abc import Mapping

from jp_firmware.charging.runner import ConnectorRunner
from jp_firmware.journal import state
from jp_firmware.journal.writer import Journal
from jp_firmware.model.ids import ConnectorId

KEY = "connectors.operative"  # of the journal's state


def remember(journal: Journal, operative: Mapping[ConnectorId, bool]) -> None:
    """Posts it; it is on the disk a moment later."""
    journal.post(state.Put(KEY, {str(key): value for key, value in operative.items()}))


async def recall(journal: Journal, runners: Mapping[ConnectorId, ConnectorRunner]) -> None:
    """Takes out of service what was; a connector that nobody ever took out is in. Raises JournalError."""
    remembered = await journal.read(lambda db: state.get(db, KEY)) or {}
    for key, runner in runners.items():
        runner.set_operative(bool(remembered.get(str(key), True)))
