"""The brand a charger stands under: its profile, with what the cabinet says over it. Data only; nothing is drawn."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import attrs

from jp_firmware.config.profiles import file_of, load_profile, path_of
from jp_firmware.config.schema import Brand, Cabinet, ConfigError
from jp_firmware.config.structure import Mistake, Mistakes, structure

KIND = "brands"
_COLOUR = re.compile(r"(#[0-9A-Fa-f]{6})?")


@attrs.frozen(kw_only=True)
class Colours:
    """As #rrggbb; empty: whoever draws keeps their own."""

    primary: str = ""
    accent: str = ""


@attrs.frozen(kw_only=True)
class BrandProfile:
    """A brand. Empty texts: none."""

    name: str
    support_phone: str = ""
    logo: str = ""  # a file beside the profile
    colours: Colours = Colours()


def brand_of(brand: Brand) -> BrandProfile:
    """The brand that a cabinet means. Raises ConfigError, naming what is wrong where."""
    data = load_profile(KIND, brand.profile)
    try:
        profile = structure(data, BrandProfile)
    except Mistakes as wrong:
        one = wrong.mistakes[0]
        raise ConfigError(f"{path_of(KIND, brand.profile)}: {'.'.join(map(str, one.path))}: {one.text}") from wrong
    colours = Colours(
        primary=_over(brand.primary_colour, profile.colours.primary),
        accent=_over(brand.accent_colour, profile.colours.accent),
    )
    return BrandProfile(
        name=_over(brand.name, profile.name),
        support_phone=_over(brand.support_phone, profile.support_phone),
        logo=_over(brand.logo, profile.logo),
        colours=colours,
    )


def logo_of(brand: BrandProfile) -> Path | None:
    """The file of the logo; None if the brand has none. Raises ConfigError if it names one that is not there."""
    return file_of(KIND, brand.logo) if brand.logo else None


def mistakes(cabinet: Cabinet) -> Iterator[Mistake]:
    """A profile that is not there or cannot be read, a logo that is not there, colours that are none."""
    try:
        brand = brand_of(cabinet.brand)
    except ConfigError as wrong:
        yield Mistake(("brand", "profile"), str(wrong))
        return
    try:
        logo_of(brand)
    except ConfigError as wrong:
        yield Mistake(("brand", "profile" if cabinet.brand.logo is None else "logo"), str(wrong))
    for key in ("primary", "accent"):
        own = getattr(cabinet.brand, f"{key}_colour")
        if not _COLOUR.fullmatch(colour := getattr(brand.colours, key)):
            path = ("brand", "profile") if own is None else ("brand", f"{key}_colour")
            yield Mistake(path, f'"{colour}" is no colour; write #rrggbb, as in #0a7d3c, or nothing')


def _over(own: str | None, profile: str) -> str:
    return profile if own is None else own
