"""The bundle's file: the same bytes for the same content, and nothing but a clear refusal for any other file."""

from __future__ import annotations

import io
import json
import warnings
import zipfile
from typing import Any

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jp_firmware.config.brought.bundle import (
    FORMAT,
    MAX_BYTES,
    MAX_FILES,
    Asked,
    BrandTold,
    Bundle,
    Request,
    packed,
    unpacked,
)
from jp_firmware.config.schema import ConfigError

BUNDLE = Bundle(
    version="0.1.0",
    cabinet='[charger]\nname = "Bay 4 (größer)"\n',
    asked=(Asked(key="charger.identity", text="Its identity.", secret=False, required=True),),
    brand=BrandTold(profile="acme", name="Acme", support_phone="+49 30 1234567"),
    request=Request(fingerprint="ab" * 32, serial="S-1", model="M", version="0.1.0"),
    profiles={"modules/own.toml": b"a = 1\n", "brands/acme.png": bytes(range(256))},
)
FILE = packed(BUNDLE)


def files(content: bytes = FILE) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def archive_of(content: dict[str, bytes], *more: tuple[str, bytes], packing: int = zipfile.ZIP_STORED) -> bytes:
    out = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(out, "w", packing) as archive:
        warnings.simplefilter("ignore")  # a name twice is what is tried
        for name, data in (*content.items(), *more):
            archive.writestr(name, data)
    return out.getvalue()


def with_manifest(**changed: Any) -> bytes:
    content = files()
    manifest = json.loads(content["manifest.json"]) | changed
    return archive_of(content | {"manifest.json": json.dumps(manifest).encode()})


def test_what_was_packed_is_unpacked() -> None:
    assert unpacked(FILE) == BUNDLE


def test_the_same_content_is_the_same_bytes_whatever_order_it_came_in() -> None:
    turned = attrs.evolve(BUNDLE, profiles=dict(reversed(BUNDLE.profiles.items())))
    assert packed(turned) == FILE


def test_any_program_for_zip_archives_can_look_into_it() -> None:
    assert list(files()) == [
        "manifest.json",
        "cabinet.toml",
        "request.json",
        "profiles/brands/acme.png",
        "profiles/modules/own.toml",
    ]
    assert files()["cabinet.toml"].decode() == BUNDLE.cabinet


@pytest.mark.parametrize(
    "name",
    [
        "../evil.toml",
        "/etc/passwd",
        "profiles/../../evil.toml",
        "profiles/modules/../../../evil.toml",
        "profiles/modules/..",
        "profiles/modules/.hidden",
        "profiles/modules/sub/own.toml",
        "profiles/cabinets/demo.toml",
        "profiles\\modules\\own.toml",
        "PROFILES/modules/own.toml",
        "profiles/modules/own.toml\n",
        "cabinet.toml/",
        "README",
    ],
)
def test_a_name_that_no_bundle_has_is_refused_before_anything_is_read(name: str) -> None:
    with pytest.raises(ConfigError, match=r"which no bundle has; make the bundle anew"):
        unpacked(archive_of(files(), (name, b"x")))


def test_two_files_of_one_name_are_refused() -> None:
    with pytest.raises(ConfigError, match="two files of one name"):
        unpacked(archive_of(files(), ("cabinet.toml", b"other")))


def test_a_compressed_archive_is_refused_so_that_nothing_can_swell() -> None:
    with pytest.raises(ConfigError, match="compressed or encrypted"):
        unpacked(archive_of(files(), ("profiles/brands/big.png", bytes(2**20)), packing=zipfile.ZIP_DEFLATED))


def test_what_is_too_large_is_refused_in_both_directions() -> None:
    with pytest.raises(ConfigError, match=f"no bundle has more than {MAX_BYTES}"):
        unpacked(bytes(MAX_BYTES + 1))
    with pytest.raises(ConfigError, match="take a smaller logo"):
        packed(attrs.evolve(BUNDLE, profiles={"brands/big.png": bytes(MAX_BYTES)}))
    many = [(f"profiles/brands/{at}.png", b"") for at in range(MAX_FILES)]
    with pytest.raises(ConfigError, match=f"no bundle has more than {MAX_FILES}"):
        unpacked(archive_of(files(), *many))


@pytest.mark.parametrize(
    "path", ["cabinet.toml", "request.json", "profiles/modules/own.toml", "profiles/brands/acme.png"]
)
def test_a_file_that_was_changed_is_told(path: str) -> None:
    content = files()
    with pytest.raises(ConfigError, match=f"{path} was changed after the bundle was made"):
        unpacked(archive_of(content | {path: content[path] + b" "}))


def test_a_file_too_few_or_too_many_is_told() -> None:
    content = files()
    without = {name: data for name, data in content.items() if name != "profiles/modules/own.toml"}
    with pytest.raises(ConfigError, match=r"profiles/modules/own\.toml: not both there and in its list"):
        unpacked(archive_of(without))
    with pytest.raises(ConfigError, match=r"profiles/modules/more\.toml: not both there and in its list"):
        unpacked(archive_of(content, ("profiles/modules/more.toml", b"")))


def test_a_newer_format_is_told_with_the_version_that_made_it() -> None:
    with pytest.raises(ConfigError, match=rf"format {FORMAT + 1}, made by version 9\.9; .* update it first"):
        unpacked(with_manifest(format=FORMAT + 1, version="9.9", something_new=True))


@pytest.mark.parametrize(
    "changed",
    [{"format": 0}, {"format": "1"}, {"format": True}, {"asked": 3}, {"brand": {}}, {"more": 1}, {"files": [1]}],
)
def test_a_manifest_that_is_none_is_told(changed: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=r"has a manifest\.json that is none"):
        unpacked(with_manifest(**changed))


@pytest.mark.parametrize("manifest", [b"", b"[]", b"null", b"{", b"\xff", b"[" * 100_000, b"{}"])
def test_a_manifest_that_is_no_json_object_is_told(manifest: bytes) -> None:
    with pytest.raises(ConfigError, match=r"has a manifest\.json that is none"):
        unpacked(archive_of(files() | {"manifest.json": manifest}))


def test_an_archive_without_a_manifest_is_no_bundle() -> None:
    with pytest.raises(ConfigError, match=r"has no manifest\.json"):
        unpacked(archive_of({"cabinet.toml": b""}))


@pytest.mark.parametrize("content", [b"", b"not an archive", FILE[:100], FILE[: len(FILE) // 2], FILE[:-1], FILE[50:]])
def test_half_a_file_or_another_one_is_told_to_be_damaged(content: bytes) -> None:
    with pytest.raises(ConfigError, match="is damaged, or no bundle"):
        unpacked(content)


@settings(max_examples=400, deadline=None)
@given(st.integers(0, len(FILE) - 1), st.integers(0, 255))
def test_one_wrong_byte_is_refused_or_changes_nothing_that_counts(at: int, byte: int) -> None:
    """A byte of the archive's own book-keeping may mean nothing; what is unpacked is what was packed, or nothing is."""
    damaged = FILE[:at] + bytes([byte]) + FILE[at + 1 :]
    try:
        found = unpacked(damaged)
    except ConfigError:
        return
    assert found == BUNDLE


@settings(max_examples=200, deadline=None)
@given(
    st.binary(max_size=400)
    | st.builds(lambda head, tail: FILE[:head] + tail, st.integers(0, 600), st.binary(max_size=90))
)
def test_any_bytes_are_refused_with_words(content: bytes) -> None:
    with pytest.raises(ConfigError):
        unpacked(content)
