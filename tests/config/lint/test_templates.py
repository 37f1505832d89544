"""A profile that waits for a vendor's numbers drives nothing: the configuration check says so, and what to do."""

from __future__ import annotations

from pathlib import Path

import pytest

from jp_firmware.config import store
from jp_firmware.config.lint.templates import is_template
from jp_firmware.config.profiles import path_of
from jp_firmware.config.schema import ConfigError
from tests.bench.cabinets import cabinet_toml

LAN = "lan-generickm2-bln"


def cabinet(tmp_path: Path, profile: str) -> Path:
    path = tmp_path / "cabinet.toml"
    path.write_text(cabinet_toml(1) + f'driver = "dbc"\nprofile = "{profile}"\n')
    path.write_text(path.read_text().replace("address = 0", "address = 1"))
    return path


def test_a_cabinet_with_a_template_in_it_is_refused_at_the_module_that_names_it(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=rf'modules.*profile: "{LAN}" is a template.* set template = false'):
        store.load(cabinet(tmp_path, LAN))


def test_a_copy_that_is_none_any_more_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "modules").mkdir()
    filled_in = path_of("modules", LAN).read_text().replace("template = true ", "template = false ")
    (tmp_path / "modules" / "acme.toml").write_text(filled_in)
    monkeypatch.setenv("JP_PROFILES", str(tmp_path))

    assert "acme" == store.load(cabinet(tmp_path, "acme")).modules[0].profile


def test_other_profiles_and_those_that_are_not_there_are_no_templates() -> None:
    assert is_template(LAN)
    assert not is_template("infypower-reg1k0100g")
    assert not is_template("nothing")
