"""`jp modules conformance`: the claims on one page or as JSON, and an exit status that a build can go by."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import attrs
import pytest

from jp_firmware.cli.conformance import examine, profiles_of
from jp_firmware.cli.terminal import WIDTH
from jp_firmware.config.schema import ConfigError
from jp_firmware.hw.modules import driver as drivers
from jp_firmware.hw.modules.driver import Frames, ModuleProfile, load_driver
from jp_firmware.hw.modules.infypower import InfyPowerCodec, InfyPowerDriver

from .test_cli import run


@attrs.frozen
class HastyCodec(InfyPowerCodec):
    """Sends OFF twice, to be on the safe side."""

    def off(self) -> Frames:
        return super().off() * 2


@attrs.frozen
class HastyDriver(InfyPowerDriver):
    def codec(self, address: int, profile: ModuleProfile) -> InfyPowerCodec:
        super().codec(address, profile)
        return HastyCodec(address)


def test_a_conformant_driver_is_told_so_on_eighty_columns(capsys: pytest.CaptureFixture[str]) -> None:
    status, out, err = run(capsys, "modules", "conformance", "dbc", "--profile", "lianming-v2")
    lines = out.splitlines()

    assert (0, "") == (status, err)
    assert "dbc with lianming-v2" == lines[0]
    assert "  ok     declared                what the family is like is declared, and its" == lines[1]
    assert lines[-1].startswith("conformant: ")
    assert max(map(len, lines)) <= WIDTH


def test_what_is_wrong_is_named_with_its_frames_and_the_exit_status_says_so(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drivers, "load_driver", lambda name: HastyDriver())
    status, out, _ = run(capsys, "modules", "conformance", "infypower", "--profile", "infypower-reg1k0100g")

    assert 1 == status
    assert "  WRONG  off-is-one-frame        OFF is one frame that needs no other, and\n" in out
    assert "         OFF takes 2 frames (and more)" in out
    assert "NOT CONFORMANT: 1 of " in out


def test_json_has_each_claim_of_each_profile(capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = run(capsys, "modules", "conformance", "tonhe", "--json")
    verdicts: list[Mapping[str, Any]] = json.loads(out)

    assert 0 == status
    assert ["tonhe-th30f10025c7"] == [one["profile"] for one in verdicts]
    [verdict] = verdicts
    assert verdict["conformant"]
    assert verdict["tried"]
    claims = {claim["name"]: claim for claim in verdict["claims"]}
    assert {"name": "off-is-one-frame", "held": True, "wrong": ""}.items() <= claims["off-is-one-frame"].items()
    assert "left-alone" in claims


def test_a_driver_without_emulated_modules_is_judged_by_its_frames_and_that_is_said(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from jp_firmware.sim.modules.families import EMULATED

    monkeypatch.delitem(EMULATED, "infypower")
    status, out, _ = run(capsys, "modules", "conformance", "infypower", "--profile", "infypower-reg1k0100g")

    assert 0 == status
    assert "conformant as far as its frames go" in out
    assert not examine("infypower", "infypower-reg1k0100g").tried


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("acme",), "no module driver 'acme' is installed; there are: "),
        (("infypower", "--profile", "acme"), "there is no profile 'acme' among the modules"),
        (("infypower", "--profile", "lianming-v2"), "options"),
    ],
)
def test_what_is_not_there_is_one_line(
    capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], said: str
) -> None:
    status, out, err = run(capsys, "modules", "conformance", *arguments)

    assert (1, "") == (status, out)
    assert said in err
    assert 1 == len(err.splitlines())


def test_profiles_belong_to_the_driver_with_the_longest_name_that_they_begin_with_or_to_their_dbc() -> None:
    assert ["infypower-reg1k0100g"] == list(profiles_of("infypower"))
    assert ["infypower-beg1k075g"] == list(profiles_of("infypower-beg"))
    assert {"increase-v1", "lianming-v2"} <= set(profiles_of("dbc"))
    with pytest.raises(ConfigError):
        profiles_of("acme")
    assert load_driver("dbc").name == "dbc"


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("modules.module-1.address=77", "modules.module-1: an address of infypower is 0 to 59, not 77"),
        ("modules.module-2.profile=lianming-v2", "modules.module-2: module profile LianMing V2.0: options"),
    ],
)
def test_a_configuration_is_checked_by_its_modules_drivers_too(
    capsys: pytest.CaptureFixture[str], setting: str, said: str
) -> None:
    status, out, err = run(capsys, "config", "check", "demo", "--set", setting)

    assert (1, "") == (status, out)
    assert said in err
