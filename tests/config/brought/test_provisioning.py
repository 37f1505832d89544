"""From one unit to another: everything travels but what is a charger's own, and never a secret."""

from __future__ import annotations

import difflib
import os
import tomllib
from pathlib import Path

import attrs
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from jp_firmware.config.brought.bundle import Bundle, packed, unpacked
from jp_firmware.config.brought.provisioning import (
    LEAST_SECRET,
    applied,
    exported,
    fingerprint,
    installed,
    put_in_place,
)
from jp_firmware.config.profiles import DATA
from jp_firmware.config.schema import ConfigError
from jp_firmware.config.text import written
from jp_firmware.config.told.explain import all_keys

DEMO = (DATA / "profiles/cabinets/demo.toml").read_text()
SECRET = "correct-horse-battery"
WITH_PASSWORD = DEMO.replace("[backend]\n", f'[backend]\npassword = "{SECRET}"  # of this unit\n', 1)
OWN = ("charger.identity=JC-0017", "charger.serial=S-17")


@pytest.fixture
def acme(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A cabinet with a module, a meter, a board and a brand that the program does not bring."""
    own = tmp_path / "maker"
    for kind, name, of in (
        ("modules", "acme-30", "infypower-reg1k0100g"),
        ("meters", "acme-meter", "acrel-djsf1352-rn"),
        ("boards", "acme-board", "pro"),
    ):
        (own / kind).mkdir(parents=True)
        (own / kind / f"{name}.toml").write_text((DATA / "profiles" / kind / f"{of}.toml").read_text())
    (own / "brands").mkdir()
    (own / "brands/acme.toml").write_text('name = "Acme"\nsupport_phone = "+49 30 1234567"\nlogo = "acme.png"\n')
    (own / "brands/acme.png").write_bytes(b"\x89PNG\r\n")
    (own / "brands/other.toml").write_text('name = "Other"\n')
    monkeypatch.setenv("JP_PROFILES", str(own))
    text = DEMO.replace('id = "module-1"\n', 'id = "module-1"\nprofile = "acme-30"\n', 1)
    text = text.replace('id = "meter-1"\n', 'id = "meter-1"\nprofile = "acme-meter"\n', 1)
    return text + '\n[board]\nprofile = "acme-board"\n\n[brand]\nprofile = "acme"\n'


def travelled(bundle: Bundle) -> Bundle:
    return unpacked(packed(bundle))


# --- making one ----------------------------------------------------------------------------------------------------


def test_all_lines_travel_but_those_of_the_chargers_own() -> None:
    lines = difflib.ndiff(WITH_PASSWORD.splitlines(), exported(WITH_PASSWORD).cabinet.splitlines())
    assert [one for one in lines if one[0] in "+-?"] == [
        '- identity = "JP-DEMO-1"',
        '- serial = "DEMO-0001"',
        f'- password = "{SECRET}"  # of this unit',
    ]


def test_every_key_that_is_secret_or_of_one_device_is_asked_for_with_its_text() -> None:
    asked = {one.key: one for one in exported(WITH_PASSWORD).asked}
    own = {one.name: one.key for one in all_keys() if one.key.secret or one.key.per_device}
    assert {key: (one.text, one.secret) for key, one in asked.items()} == {
        key: (one.text, one.secret) for key, one in own.items()
    }


def test_what_the_unit_did_not_have_may_be_left_out() -> None:
    without = DEMO.replace('serial = "DEMO-0001"\n', "")
    assert without != DEMO
    assert {one.key: one.required for one in exported(without).asked} == {
        "charger.identity": True,
        "charger.serial": False,
        "backend.password": False,
    }
    in_its_file = exported(without, {"backend.password": SECRET})
    assert {one.key for one in in_its_file.asked if one.required} == {"charger.identity", "backend.password"}


def test_the_same_cabinet_is_the_same_bytes(tmp_path: Path) -> None:
    assert packed(exported(DEMO, root=tmp_path)) == packed(exported(DEMO, root=tmp_path))


def test_a_cabinet_with_mistakes_is_not_made_a_bundle_of() -> None:
    with pytest.raises(ConfigError, match=r"cabinet:11: site\.limt_w: unknown key"):
        exported(DEMO.replace("limit_w = 150_000", "limt_w = 150_000"))


def test_profiles_that_the_program_does_not_bring_travel_and_no_others(acme: str) -> None:
    bundle = travelled(exported(acme))
    assert sorted(bundle.profiles) == [
        "boards/acme-board.toml",
        "brands/acme.png",
        "brands/acme.toml",
        "meters/acme-meter.toml",
        "modules/acme-30.toml",
    ]
    assert (bundle.brand.name, bundle.brand.support_phone) == ("Acme", "+49 30 1234567")


def test_the_dbc_file_of_a_module_travels_with_its_profile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    modules = tmp_path / "modules"
    modules.mkdir()
    ours = DATA / "profiles/modules"
    (modules / "own.toml").write_text((ours / "lianming-v2.toml").read_text().replace("lianming-v2.dbc", "own.dbc"))
    (modules / "own.dbc").write_bytes((ours / "lianming-v2.dbc").read_bytes())
    monkeypatch.setenv("JP_PROFILES", str(tmp_path))
    text = DEMO.replace('id = "module-1"\n', 'id = "module-1"\ndriver = "dbc"\nprofile = "own"\n', 1)

    assert sorted(exported(text).profiles) == ["modules/own.dbc", "modules/own.toml"]


# --- the request -----------------------------------------------------------------------------------------------------


def test_the_machine_is_told_by_a_keyed_hash_of_its_id_and_never_by_the_id(tmp_path: Path) -> None:
    assert fingerprint(tmp_path) == ""
    (tmp_path / "etc").mkdir()
    machine_id = "0123456789abcdef0123456789abcdef"
    (tmp_path / "etc/machine-id").write_text(machine_id + "\n")
    made = fingerprint(tmp_path)
    assert len(made) == 64
    assert made == fingerprint(tmp_path)
    assert machine_id.encode() not in packed(exported(DEMO, root=tmp_path))

    (tmp_path / "etc/machine-id").write_text(machine_id.replace("0", "1") + "\n")
    assert fingerprint(tmp_path) != made


def test_the_request_is_of_the_unit_that_made_the_bundle(tmp_path: Path) -> None:
    request = exported(DEMO, root=tmp_path).request
    assert (request.serial, request.model, request.fingerprint) == ("DEMO-0001", "JP firmware", "")


# --- secrets ---------------------------------------------------------------------------------------------------------


@settings(max_examples=60, deadline=None)
@given(st.text(st.characters(codec="utf-8", exclude_categories=("Cs",)), min_size=8, max_size=24), st.booleans())
def test_no_secret_is_ever_in_a_bundle(secret: str, in_the_text: bool) -> None:
    assume(secret not in DEMO)
    text = DEMO.replace("[backend]\n", f"[backend]\npassword = {written.scalar(secret)}\n", 1) if in_the_text else DEMO
    try:
        content = packed(exported(text, {} if in_the_text else {"backend.password": secret}))
    except ConfigError as refusal:  # found where it cannot be taken out
        content = str(refusal).encode()
    assert secret.encode() not in content
    assert written.scalar(secret)[1:-1].encode() not in content


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (f"# until May it was {SECRET}", "tells backend.password; remove it there"),
        ('# password = "an-older-one"', "has password in a comment; remove it there"),
        (f'# say "{SECRET}" to the hotline', "tells backend.password"),
    ],
)
def test_a_comment_that_tells_a_secret_is_refused_with_its_line(line: str, told: str) -> None:
    text = WITH_PASSWORD.replace("[site]\n", f"[site]\n{line}\n", 1)
    with pytest.raises(ConfigError) as refused:
        exported(text)
    number = exported(WITH_PASSWORD).cabinet.split("\n").index("[site]") + 2
    assert str(refused.value).startswith(f"line {number} of the cabinet ")
    assert told in str(refused.value)
    assert SECRET not in str(refused.value)


def test_a_profile_that_tells_a_secret_is_refused(acme: str, tmp_path: Path) -> None:
    brand = tmp_path / "maker/brands/acme.toml"
    brand.write_text(brand.read_text() + f"# {SECRET}\n")
    with pytest.raises(ConfigError, match=r"line 4 of brands/acme\.toml tells backend\.password"):
        exported(acme, {"backend.password": SECRET})


def test_a_secret_that_is_shorter_than_any_word_is_taken_out_all_the_same() -> None:
    short = "x" * (LEAST_SECRET - 1)
    bundle = exported(DEMO.replace("[backend]\n", f'[backend]\npassword = "{short}"\n', 1))
    assert "password" not in bundle.cabinet


# --- applying one ----------------------------------------------------------------------------------------------------


def test_applied_with_the_same_own_keys_it_says_the_same() -> None:
    done = applied(travelled(exported(DEMO)), ["charger.identity=JP-DEMO-1", "charger.serial=DEMO-0001"])
    assert done.examined.errors == ()
    assert tomllib.loads(done.text) == tomllib.loads(DEMO)


def test_own_keys_that_are_missing_are_all_told_with_what_they_mean() -> None:
    with pytest.raises(ConfigError) as refused:
        applied(exported(DEMO), [])
    first, identity, serial = str(refused.value).split("\n")
    assert first.startswith("each charger has its own, and they are not given")
    assert identity.startswith("  --set charger.identity=…  The charger's identity at the central system")
    assert serial.startswith("  --set charger.serial=…  ")
    with pytest.raises(ConfigError, match=r"--set charger\.serial=…"):
        applied(exported(DEMO), OWN[:1])


def test_none_can_be_said_and_other_keys_set_too() -> None:
    done = applied(exported(DEMO), ["charger.identity=JC-1", "charger.serial=", "site.limit_w=90000"])
    assert done.examined.cabinet is not None
    assert done.examined.cabinet.charger.serial == ""
    assert done.examined.cabinet.site.limit_w == 90_000


def test_a_secret_is_asked_for_and_never_taken_from_a_command_line() -> None:
    bundle = exported(WITH_PASSWORD)
    assert [one.key for one in applied(bundle, OWN).missing_secrets] == ["backend.password"]
    done = applied(bundle, OWN, {"backend.password": "its-own-secret"})
    assert done.missing_secrets == ()
    assert "its-own-secret" not in done.text
    with pytest.raises(ConfigError, match=r"backend\.password is a secret") as refused:
        applied(bundle, [*OWN, "backend.password=its-own-secret"])
    assert "its-own-secret" not in str(refused.value)


def test_a_setting_that_is_none_is_told() -> None:
    with pytest.raises(ConfigError, match=r"unknown key limt_w; did you mean limit_w\?"):
        applied(exported(DEMO), [*OWN, "site.limt_w=1"])


def test_a_bundle_that_brings_an_identity_along_is_refused() -> None:
    twin = attrs.evolve(exported(DEMO), cabinet=DEMO)
    with pytest.raises(ConfigError, match=r"the bundle brings charger\.identity, charger\.serial, which each charger"):
        applied(twin, OWN)


@pytest.mark.parametrize("text", ["site = 1\n", "connectors = 1\n", "charger = []\n", "x = \n", "", "[[site]]\n"])
def test_a_bundle_with_any_other_text_is_refused_with_words(text: str) -> None:
    bundle = attrs.evolve(exported(DEMO), cabinet=text)
    try:
        done = applied(bundle, [*OWN, "site.limit_w=1", "connectors.2.weight=2"])
    except ConfigError:
        return
    assert done.examined.errors


def test_profiles_are_looked_up_in_the_bundle_and_installed_beside(
    acme: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle = travelled(exported(acme))
    monkeypatch.delenv("JP_PROFILES")  # another unit
    done = applied(bundle, OWN)
    assert done.examined.errors == ()

    place = tmp_path / "profiles"
    assert {str(one.relative_to(place)) for one in installed(bundle, place)} == set(bundle.profiles)
    assert (place / "brands/acme.png").read_bytes() == b"\x89PNG\r\n"
    assert installed(bundle, place) == ()  # all there already


def test_a_profile_of_another_content_is_never_written_over(acme: str, tmp_path: Path) -> None:
    bundle = exported(acme)
    place = tmp_path / "profiles"
    (place / "modules").mkdir(parents=True)
    (place / "modules/acme-30.toml").write_text("mine = true\n")
    with pytest.raises(ConfigError, match=r"modules/acme-30\.toml: is there already, and says something else"):
        installed(bundle, place)
    assert [path.name for path in place.rglob("*.toml")] == ["acme-30.toml"]
    assert (place / "modules/acme-30.toml").read_text() == "mine = true\n"


# --- on the disk -----------------------------------------------------------------------------------------------------


def test_a_file_is_replaced_whole_through_links_and_keeps_its_mode(tmp_path: Path) -> None:
    (tmp_path / "real.toml").write_text("old")
    (tmp_path / "real.toml").chmod(0o640)
    (tmp_path / "link.toml").symlink_to("real.toml")
    put_in_place(tmp_path / "link.toml", b"new")
    assert (tmp_path / "link.toml").is_symlink()
    assert (tmp_path / "real.toml").read_text() == "new"
    assert (tmp_path / "real.toml").stat().st_mode & 0o777 == 0o640
    assert sorted(os.listdir(tmp_path)) == ["link.toml", "real.toml"]


def test_a_disk_that_refuses_is_told_with_the_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match=r"cannot be written"):
        put_in_place(tmp_path / "file" / "below.toml", b"")
