"""What an inventory says of one module: what the configuration expects, and what was found there."""

from __future__ import annotations

import attrs

from jp_firmware.model.ids import ModuleId
from jp_firmware.model.power import StageRating


@attrs.frozen(kw_only=True)
class Inventory:
    """One line of it. What the family does not say stays empty."""

    module_id: ModuleId
    wire: str
    address: int
    driver: str  # expected
    profile: str  # expected
    found: bool  # it answers, now
    serial: str = ""
    firmware: str = ""
    rating: StageRating | None = None  # by its own word
