"""Brands: a profile, and the cabinet's own word over it."""

from __future__ import annotations

from pathlib import Path

import pytest

from jp_firmware.config.brought.brand import brand_of, logo_of
from jp_firmware.config.examine import Finding, examine
from jp_firmware.config.profiles import DATA
from jp_firmware.config.schema import Brand, ConfigError

DEMO = (DATA / "profiles/cabinets/demo.toml").read_text()
ACME = """\
name = "Acme"
support_phone = "+49 30 1234567"
logo = "acme.png"
[colours]
primary = "#0a7d3c"
accent = "#FFAA00"
"""


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    brands = tmp_path / "brands"
    brands.mkdir()
    (brands / "acme.toml").write_text(ACME)
    (brands / "acme.png").write_bytes(b"\x89PNG")
    monkeypatch.setenv("JP_PROFILES", str(tmp_path))
    return brands


def of_brand(brand: str) -> list[Finding]:
    return [one for one in examine(f"{DEMO}\n[brand]\n{brand}\n").findings if one.rule == "RULE-78"]


def test_without_a_word_it_is_the_default_that_shows_neither_phone_nor_logo() -> None:
    brand = brand_of(Brand())
    assert (brand.name, brand.support_phone, brand.logo, logo_of(brand)) == ("JP", "", "", None)
    assert of_brand("") == []


def test_the_cabinet_says_over_its_profile_what_it_names_and_nothing_else(own: Path) -> None:
    brand = brand_of(Brand(profile="acme", support_phone="+49 30 7654321", accent_colour=""))
    assert (brand.name, brand.support_phone) == ("Acme", "+49 30 7654321")
    assert (brand.colours.primary, brand.colours.accent) == ("#0a7d3c", "")
    assert logo_of(brand) == own / "acme.png"
    assert of_brand('profile = "acme"') == []


@pytest.mark.parametrize(
    ("brand", "key", "told"),
    [
        ('profile = "acmee"', "brand.profile", "did you mean 'acme'?"),
        ('profile = "acme"\nlogo = "none.png"', "brand.logo", "there is no file 'none.png' among the brands"),
        ('profile = "acme"\nlogo = "../acme.toml"', "brand.logo", "there is no file"),
        ('primary_colour = "green"', "brand.primary_colour", '"green" is no colour; write #rrggbb'),
        ('accent_colour = "#0a7d3"', "brand.accent_colour", '"#0a7d3" is no colour'),
    ],
)
def test_what_cannot_be_shown_is_told_at_its_key(own: Path, brand: str, key: str, told: str) -> None:
    (finding,) = of_brand(brand)
    assert finding.key == key
    assert told in finding.text


def test_a_profiles_own_mistake_is_told_at_the_profile(own: Path) -> None:
    (own / "acme.toml").write_text(ACME.replace("#0a7d3c", "green").replace("acme.png", "gone.png"))
    assert [one.key for one in of_brand('profile = "acme"')] == ["brand.profile"] * 2


def test_a_profile_with_an_unknown_key_says_file_and_key(own: Path) -> None:
    (own / "acme.toml").write_text(ACME + "tertiary = '#000000'\n")
    with pytest.raises(ConfigError, match=r"acme\.toml: colours\.tertiary: unknown key"):
        brand_of(Brand(profile="acme"))
