"""Profiles are found in the site's own directory first, then in ours, in a checkout and out of a wheel."""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from jp_firmware.config.profiles import DATA, MAX_BYTES, load_profile, names_of, path_of, read_text, read_toml
from jp_firmware.config.schema import ConfigError

DEMO = (DATA / "profiles/cabinets/demo.toml").read_text()

CHECKOUT = Path(__file__).parents[2]


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    directory = tmp_path / "own"
    (directory / "cabinets").mkdir(parents=True)
    monkeypatch.setenv("JP_PROFILES", f"{tmp_path}/not-there:{directory}")
    return directory


def test_ours_are_found_by_kind_and_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("JP_PROFILES", raising=False)

    assert path_of("cabinets", "demo") == DATA / "profiles" / "cabinets" / "demo.toml"
    assert load_profile("cabinets", "demo")["site"]["limit_w"] == 150_000
    assert "demo" in names_of("cabinets")


def test_a_sites_own_profile_replaces_ours_and_may_be_new(own: Path) -> None:
    (own / "cabinets" / "demo.toml").write_text("mine = true\n")
    (own / "cabinets" / "bay-4.toml").write_text("bay = 4\n")

    assert load_profile("cabinets", "demo") == {"mine": True}
    assert load_profile("cabinets", "bay-4") == {"bay": 4}
    assert {"bay-4", "demo"} <= set(names_of("cabinets"))


@pytest.mark.parametrize("name", ["nothing", "../cabinets/demo", "", "/etc/passwd", ".demo"])
def test_a_profile_that_is_not_there_is_told_with_those_that_are(own: Path, name: str) -> None:
    with pytest.raises(
        ConfigError, match=r"there is no profile .* among the cabinets; (there are .*demo|did you mean)"
    ):
        path_of("cabinets", name)


def test_a_kind_without_profiles_says_where_one_goes(own: Path) -> None:
    with pytest.raises(ConfigError, match=r"add x\.toml to gadgets/ in a directory named by JP_PROFILES"):
        load_profile("gadgets", "x")


def test_a_profile_that_is_not_toml_is_told_with_its_line(own: Path) -> None:
    (own / "cabinets" / "bad.toml").write_text("a = 1\nb = \n")
    with pytest.raises(ConfigError, match=r"own/cabinets/bad\.toml:2:5: this is no value; texts stand in quotes"):
        load_profile("cabinets", "bad")


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (DEMO.encode("utf-16"), "text.toml:1: UTF-16 text; save the file as UTF-8"),
        (b"a = 1\n# gr\xfc\xdfe\n", "text.toml:2: not UTF-8 text; save the file as UTF-8"),
        (b"#" * (MAX_BYTES + 1), "text.toml: longer than 1 MiB; this is no configuration, check the name"),
        (b"\xef\xbb\xbfa = 1\n", "text.toml:1:1: a byte order mark stands before the text; save the file as UTF-8"),
        (b"a = " + b"[" * 5000, "text.toml:1:37: more than 32 tables or lists within each other; write fewer"),
        (b"a = " + b"9" * 5000, "text.toml:1:5: more than 300 letters or digits in one word; shorten it"),
    ],
)
def test_what_is_no_text_to_read_is_told_in_one_line(tmp_path: Path, content: bytes, told: str) -> None:
    (tmp_path / "text.toml").write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        read_toml(tmp_path / "text.toml")

    assert str(caught.value).startswith(f"{tmp_path}/{told}")
    assert "\n" not in str(caught.value)


def test_a_device_without_an_end_is_no_file() -> None:
    with pytest.raises(ConfigError, match="/dev/zero: longer than 1 MiB"):
        read_text(Path("/dev/zero"))


def test_a_wheel_holds_the_profiles_the_udev_rules_and_the_unit(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(CHECKOUT / name, source)
    for name in ("jp_firmware", "profiles", "udev", "systemd"):
        shutil.copytree(CHECKOUT / name, source / name, symlinks=True, ignore=shutil.ignore_patterns("__pycache__"))
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    subprocess.run([*command, "--wheel-dir", str(tmp_path), str(source)], check=True, timeout=600)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        shipped = {name for name in archive.namelist() if name.startswith("jp_firmware/_data/")}

    ours = {f"jp_firmware/_data/profiles/{path.relative_to(CHECKOUT / 'profiles')}" for path in _files("profiles")}
    assert ours <= shipped
    assert {f"jp_firmware/_data/udev/{path.name}" for path in _files("udev")} <= shipped
    assert {f"jp_firmware/_data/systemd/{path.name}" for path in _files("systemd")} <= shipped


def _files(directory: str) -> list[Path]:
    found = [path for path in (CHECKOUT / directory).rglob("*") if path.is_file() and not path.name.startswith(".")]
    assert found
    return found
