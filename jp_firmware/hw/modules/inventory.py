"""What an inventory says of one module: what the configuration expects, and what was found there."""

from __future__ import annotations

import attrs

from jp_firmware.config import schema
from jp_firmware.hw.modules.driver import Identity, ModuleProfile
from jp_firmware.hw.modules.heard import Heard
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

    @classmethod
    def of(cls, config: schema.Module, profile: ModuleProfile, heard: Heard, *, found: bool) -> Inventory:
        identity = heard.identity or Identity()
        return cls(
            module_id=config.id,
            wire=config.wire,
            address=config.address,
            driver=config.driver,
            profile=profile.name,
            found=found,
            serial=identity.serial,
            firmware=identity.firmware,
            rating=heard.rating if heard.rated else None,
        )
