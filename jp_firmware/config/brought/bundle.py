"""The file a charger's configuration travels in from one unit to another: a zip archive, the same bytes each time.

Files are stored, not packed, with their SHA-256 in `manifest.json`; the same content gives the same bytes anywhere. The
hashes show damage, not who made it. Nothing is ever written to where an archive says: names are compared with the few
that there can be, before anything is read.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
import struct
import zipfile
from collections.abc import Iterator, Mapping
from typing import Any

import attrs

from jp_firmware.config.schema import ConfigError
from jp_firmware.config.structure import Mistakes, one_line, structure

FORMAT = 1
PROFILE_KINDS = ("boards", "brands", "meters", "modules", "site_meters")
# Ours: the largest cabinet takes some 30 kB, and a logo that a terminal can show is small.
MAX_BYTES = 8 * 1024 * 1024
MAX_FILES = 100

_MANIFEST, _CABINET, _REQUEST = "manifest.json", "cabinet.toml", "request.json"
_PROFILE = re.compile(rf"profiles/((?:{'|'.join(PROFILE_KINDS)})/[A-Za-z0-9][A-Za-z0-9._-]*)")
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the first time that a zip can tell: no time is part of the content
# What `zipfile` raises for archives that are damaged, or were made to be.
_DAMAGED = (zipfile.BadZipFile, struct.error, EOFError, OSError, ValueError, NotImplementedError, RuntimeError)


@attrs.frozen(kw_only=True)
class Asked:
    """A key that each charger has of its own: what it means, and whether nothing can be applied without it."""

    key: str
    text: str
    secret: bool
    required: bool


@attrs.frozen(kw_only=True)
class BrandTold:
    """The brand, for whoever looks into the bundle; what is applied stands in the configuration."""

    profile: str
    name: str
    support_phone: str


@attrs.frozen(kw_only=True)
class Request:
    """What a licence is asked for with, by the unit that the bundle was made on. It is never applied."""

    fingerprint: str  # of the machine, from its id; empty: it has none
    serial: str
    model: str
    version: str


@attrs.frozen(kw_only=True)
class Bundle:
    """The content. `profiles` are files by kind and name: `modules/acme-30.toml`."""

    version: str  # of the program that made it
    cabinet: str  # without the keys in `asked`
    asked: tuple[Asked, ...]
    brand: BrandTold
    request: Request
    profiles: Mapping[str, bytes]


@attrs.frozen(kw_only=True)
class _File:
    path: str
    sha256: str
    bytes: int


@attrs.frozen(kw_only=True)
class _Manifest:
    format: int
    version: str
    asked: tuple[Asked, ...]
    brand: BrandTold
    files: tuple[_File, ...]


def packed(bundle: Bundle) -> bytes:
    """The bundle as the bytes of its file. Raises ConfigError if it is too large."""
    files = {_CABINET: bundle.cabinet.encode(), _REQUEST: _json(attrs.asdict(bundle.request))}
    files |= {f"profiles/{name}": content for name, content in sorted(bundle.profiles.items())}
    manifest = _Manifest(
        format=FORMAT,
        version=bundle.version,
        asked=bundle.asked,
        brand=bundle.brand,
        files=tuple(_File(path=path, sha256=_sha256(data), bytes=len(data)) for path, data in files.items()),
    )
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
        for path, content in {_MANIFEST: _json(attrs.asdict(manifest)), **files}.items():
            info = zipfile.ZipInfo(path, _EPOCH)
            info.create_system, info.external_attr = 3, 0o644 << 16  # as on Unix, whatever made it
            archive.writestr(info, content)
    made = out.getvalue()
    if len(made) > MAX_BYTES or len(files) >= MAX_FILES:
        raise ConfigError(
            f"the bundle has {len(files)} files and {len(made)} bytes; allowed: {MAX_FILES - 1} and {MAX_BYTES}; "
            "take a smaller logo, or fewer profiles"
        )
    return made


def unpacked(content: bytes) -> Bundle:
    """The bundle in the bytes of a file.

    Raises ConfigError for what is too large, damaged, made by a newer version, or no bundle at all.
    """
    if len(content) > MAX_BYTES:
        raise ConfigError(f"has {len(content)} bytes; no bundle has more than {MAX_BYTES}")
    files = _files(content)
    manifest = _manifest(files.pop(_MANIFEST, None))
    _compare(files, manifest.files)
    try:
        return Bundle(
            version=manifest.version,
            cabinet=files.pop(_CABINET).decode(),
            asked=manifest.asked,
            brand=manifest.brand,
            request=structure(json.loads(files.pop(_REQUEST)), Request),
            profiles={path.removeprefix("profiles/"): data for path, data in files.items()},
        )
    except KeyError as missing:
        raise ConfigError(f"has no {missing.args[0]}; make the bundle anew") from missing
    except (ValueError, RecursionError, Mistakes) as wrong:
        raise ConfigError("holds a configuration or a request that is none; make the bundle anew") from wrong


# --- reading -------------------------------------------------------------------------------------------------------


def _files(content: bytes) -> dict[str, bytes]:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            listed = archive.infolist()
            for what in _refused(listed):
                raise ConfigError(f"{what}; make the bundle anew with jp config bundle export")
            return {one.filename: archive.read(one) for one in listed}
    except _DAMAGED as wrong:
        raise ConfigError(
            f"is damaged, or no bundle ({one_line(str(wrong))}); copy it again, or make it anew"
        ) from wrong


def _refused(listed: list[zipfile.ZipInfo]) -> Iterator[str]:
    if len(listed) > MAX_FILES:
        yield f"holds {len(listed)} files; no bundle has more than {MAX_FILES}"
    names = [one.filename for one in listed]
    if len(set(names)) != len(names):
        yield "holds two files of one name"
    for one in listed:
        if one.filename not in (_MANIFEST, _CABINET, _REQUEST) and not _PROFILE.fullmatch(one.filename):
            yield one_line(f'holds "{one.filename}", which no bundle has')
        if one.compress_type != zipfile.ZIP_STORED or one.flag_bits & 1 or one.file_size != one.compress_size:
            yield one_line(f'holds "{one.filename}" compressed or encrypted, as no bundle has it')
    if sum(one.file_size for one in listed) > MAX_BYTES:
        yield f"says that it holds more than {MAX_BYTES} bytes"


def _manifest(content: bytes | None) -> _Manifest:
    if content is None:
        raise ConfigError(f"has no {_MANIFEST}; it is no bundle of jp config bundle export")
    try:
        data = json.loads(content)
        made = data["format"]
        if type(made) is int and made > FORMAT:
            raise ConfigError(
                f"is of format {made}, made by version {one_line(str(data.get('version')))}; this one reads {FORMAT}: "
                "update it first"
            )
        if type(made) is not int or made != FORMAT:
            raise ValueError(made)
        return structure(data, _Manifest)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, Mistakes) as wrong:
        raise ConfigError(f"has a {_MANIFEST} that is none; make the bundle anew") from wrong


def _compare(files: Mapping[str, bytes], listed: tuple[_File, ...]) -> None:
    told = {one.path: one for one in listed}
    if other := sorted(set(files) ^ set(told)):
        raise ConfigError(one_line(f"{', '.join(other)}: not both there and in its list; make the bundle anew"))
    for path, content in files.items():
        if told[path].sha256 != _sha256(content):
            raise ConfigError(f"{path} was changed after the bundle was made; make the bundle anew")


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _json(value: Any) -> bytes:
    return (json.dumps(value, indent=2, ensure_ascii=False) + "\n").encode()
