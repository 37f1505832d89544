"""Profiles that wait for a vendor's numbers: marked `template = true`, and nothing may be driven by them."""

from __future__ import annotations

from collections.abc import Iterator

from jp_firmware.config.profiles import load_profile
from jp_firmware.config.schema import Cabinet, ConfigError
from jp_firmware.config.structure import Mistake


def mistakes(cabinet: Cabinet) -> Iterator[Mistake]:
    """A mistake at each module whose profile is a template."""
    templates = {profile for profile in {one.profile for one in cabinet.modules} if is_template(profile)}
    for at, module in enumerate(cabinet.modules):
        if module.profile in templates:
            yield Mistake(
                ("modules", at, "profile"),
                f'"{module.profile}" is a template, nobody\'s modules are described by it; copy it, fill it in from '
                "the vendor's manual and set template = false there",
            )


def is_template(profile: str) -> bool:
    """False for a profile that cannot be read: that is a mistake of its own."""
    try:
        options = load_profile("modules", profile).get("options")
    except ConfigError:
        return False
    return isinstance(options, dict) and options.get("template") is True
