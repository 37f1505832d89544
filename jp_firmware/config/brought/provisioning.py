"""A charger's configuration made into a bundle, and a bundle made into another charger's configuration.

What each charger has of its own does not travel: secrets, and keys declared `per_device`. They are asked for when the
bundle is applied. Profiles that the cabinet uses and the program does not bring travel along.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import stat
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs

import jp_firmware
from jp_firmware.config.brought.board import KIND as BOARDS
from jp_firmware.config.brought.brand import KIND as BRANDS
from jp_firmware.config.brought.brand import brand_of, logo_of
from jp_firmware.config.brought.bundle import Asked, BrandTold, Bundle, Request
from jp_firmware.config.examine import Examined, examine
from jp_firmware.config.kept.commit import DISK
from jp_firmware.config.key import Known, keys_of
from jp_firmware.config.overrides import override
from jp_firmware.config.profiles import DATA, also_in, file_of, load_profile, path_of
from jp_firmware.config.schema import Cabinet, ConfigError
from jp_firmware.config.structure import one_line
from jp_firmware.config.text import toml, written
from jp_firmware.config.text.document import edited, rewritten
from jp_firmware.config.text.edits import Key, Remove, key_of
from jp_firmware.config.text.keys import key_text
from jp_firmware.config.text.matching import words

LEAST_SECRET = 4  # characters: a shorter one stands in any text by chance
_PURPOSE = b"jp-firmware licence request"
_OWN = tuple(one for one in keys_of(Cabinet) if one.key.per_device or one.key.secret)


# --- making one ----------------------------------------------------------------------------------------------------


def exported(text: str, secrets: Mapping[str, str] | None = None, root: Path = Path("/")) -> Bundle:
    """The bundle of a cabinet's text. `secrets`, by key, are looked for in it, and are never part of it.

    `root` is where the machine's id is looked up. Raises ConfigError for a text that has mistakes, or that tells a
    secret where it cannot be taken out.
    """
    secrets = secrets or {}
    examined = examine(text, (), secrets)
    if examined.cabinet is None:
        raise ConfigError("\n".join(one.told_of("cabinet") for one in examined.errors))
    data, cabinet = toml.loads(text), examined.cabinet
    own = [(key, value) for one in _OWN for key, value in _values(data, one.path)]
    bare = edited(text, [Remove(key) for key, _ in own])
    profiles = dict(_profiles(cabinet))
    known_secrets = {key_of(key): str(value) for key, value in own if _declared(key).key.secret} | dict(secrets)
    for where, content in {"the cabinet": bare.encode(), **profiles}.items():
        _refuse_secrets(where, content, known_secrets)
    brand = brand_of(cabinet.brand)
    return Bundle(
        version=jp_firmware.__version__,
        cabinet=bare,
        asked=tuple(_asked({key_of(key) for key, _ in own} | set(secrets))),
        brand=BrandTold(profile=cabinet.brand.profile, name=brand.name, support_phone=brand.support_phone),
        request=Request(
            fingerprint=fingerprint(root),
            serial=cabinet.charger.serial,
            model=cabinet.charger.model,
            version=jp_firmware.__version__,
        ),
        profiles=profiles,
    )


def fingerprint(root: Path = Path("/")) -> str:
    """What tells this machine from others, without telling its id: a keyed hash of it, hex; empty if it has no id."""
    try:
        machine_id = (root / "etc/machine-id").read_bytes().strip()
    except OSError:
        return ""
    return hmac.new(machine_id, _PURPOSE, hashlib.sha256).hexdigest() if machine_id else ""


def _asked(given: set[str]) -> Iterator[Asked]:
    """All keys of a charger's own. One that the exporting charger has, or that has no default, must be given."""
    for one in _OWN:
        here = [key for key in given if _matches(one, key)]
        if not here and "*" not in one.path:
            here = [one.name]
        for key in here:
            required = key in given or one.default is attrs.NOTHING
            yield Asked(key=key, text=one.key.text, secret=one.key.secret, required=required)


def _matches(one: Known, key: str) -> bool:
    parts = key.split(".")
    return len(parts) == len(one.path) and all(mine in ("*", part) for mine, part in zip(one.path, parts, strict=True))


def _declared(key: Key) -> Known:
    return next(one for one in _OWN if _matches(one, ".".join(key)))


def _values(data: Any, pattern: Sequence[str], at: Key = ()) -> Iterator[tuple[Key, Any]]:
    """Where the text has a value for a key, "*" standing for each item of a list."""
    if not pattern:
        yield at, data
    elif pattern[0] == "*" and isinstance(data, list):
        for word, item in zip(words(data), data, strict=True):
            yield from _values(item, pattern[1:], (*at, word))
    elif isinstance(data, dict) and pattern[0] in data:
        yield from _values(data[pattern[0]], pattern[1:], (*at, pattern[0]))


def _profiles(cabinet: Cabinet) -> Iterator[tuple[str, bytes]]:
    """The files that the cabinet uses and the program does not bring, by kind and name."""
    for kind, path in sorted(set(_used(cabinet))):
        if not path.resolve().is_relative_to((DATA / "profiles").resolve()):
            try:
                yield f"{kind}/{path.name}", path.read_bytes()
            except OSError as wrong:
                raise ConfigError(f"{path}: cannot be read ({wrong.strerror}); check its permissions") from wrong


def _used(cabinet: Cabinet) -> Iterator[tuple[str, Path]]:
    for name in {one.profile for one in cabinet.modules}:
        yield "modules", path_of("modules", name)
        options = load_profile("modules", name).get("options")
        if isinstance(options, dict) and isinstance(dbc := options.get("dbc"), str):
            yield "modules", file_of("modules", dbc)
    for name in {one.profile for one in cabinet.meters}:
        yield "meters", path_of("meters", name)
    if cabinet.site_meter:
        yield "site_meters", path_of("site_meters", cabinet.site_meter.profile)
    if cabinet.board.profile:
        yield BOARDS, path_of(BOARDS, cabinet.board.profile)
    yield BRANDS, path_of(BRANDS, cabinet.brand.profile)
    if (logo := logo_of(brand_of(cabinet.brand))) is not None:
        yield BRANDS, logo


def _refuse_secrets(where: str, content: bytes, secrets: Mapping[str, str]) -> None:
    """A comment may tell a secret, or an old one: then nothing is exported. Raises ConfigError, without the secret."""
    text = content.decode(errors="replace")
    for key, secret in secrets.items():
        if len(secret) >= LEAST_SECRET:
            for form in (secret, written.scalar(secret)[1:-1]):
                if (at := text.find(form)) >= 0:
                    raise ConfigError(f"line {text.count(chr(10), 0, at) + 1} of {where} tells {key}; remove it there")
    for one in _OWN:
        if one.key.secret and (found := re.search(rf"#[^\n]*\b{one.path[-1]}\b[\"']?\s*=", text)):
            line = text.count("\n", 0, found.start()) + 1
            raise ConfigError(f"line {line} of {where} has {one.path[-1]} in a comment; remove it there")


# --- applying one --------------------------------------------------------------------------------------------------


@attrs.frozen(kw_only=True)
class Applied:
    """A bundle with a charger's own values: what is known of the text to put in force."""

    examined: Examined
    missing_secrets: tuple[Asked, ...]  # the charger the bundle was made of has them, and nobody has given them

    @property
    def text(self) -> str:
        return self.examined.text


def applied(bundle: Bundle, settings: Sequence[str], secrets: Mapping[str, str] | None = None) -> Applied:
    """The configuration of another charger. `settings` are `key.path=value`, for its own keys and any other.

    `secrets`, by key, go with the text and are never part of it. Raises ConfigError for settings that are none or are
    secret, for own keys that are missing, all of them told, and for a bundle that brings own keys along. What is wrong
    with the text that results is in its findings.
    """
    secrets = secrets or {}
    try:
        before, data = toml.loads(bundle.cabinet), toml.loads(bundle.cabinet)
    except toml.TomlError as wrong:
        raise ConfigError(f"the bundle's configuration is not TOML ({wrong}); make the bundle anew") from wrong
    if brought := [key_of(key) for one in _OWN for key, _ in _values(data, one.path)]:
        raise ConfigError(f"the bundle brings {', '.join(brought)}, which each charger has of its own; make it anew")
    given = {key_text(override(data, one, Cabinet), data) for one in settings}
    if secret := [key_of(key) for one in _OWN if one.key.secret for key, _ in _values(data, one.path)]:
        raise ConfigError(f"{secret[0]} is a secret, and a command line can be read by others; give it in a file")
    asked = [one for one in bundle.asked if one.required]
    if missing := [one for one in asked if not one.secret and one.key not in given]:
        told = "\n".join(one_line(f"  --set {one.key}=…  {one.text}") for one in missing)
        raise ConfigError(f"each charger has its own, and they are not given (nothing behind = for none):\n{told}")
    text = rewritten(bundle.cabinet, before, data)
    with tempfile.TemporaryDirectory(prefix="jp-bundle-") as directory:
        _write_profiles(bundle, Path(directory))
        with also_in(Path(directory)):
            examined = examine(text, (), secrets)
    return Applied(
        examined=examined, missing_secrets=tuple(one for one in asked if one.secret and one.key not in secrets)
    )


def installed(bundle: Bundle, directory: Path) -> tuple[Path, ...]:
    """Writes the bundle's profiles below a directory of profiles; those that were not there before.

    Raises ConfigError, before anything is written, if one is there with another content.
    """
    for name, content in bundle.profiles.items():
        path = directory / name
        try:
            other = path.exists() and path.read_bytes() != content
        except OSError as wrong:
            raise ConfigError(f"{path}: cannot be read ({wrong.strerror}); check its permissions") from wrong
        if other:
            raise ConfigError(f"{path}: is there already, and says something else; move it away, or rename yours")
    return tuple(_write_profiles(bundle, directory))


def put_in_place(path: Path, content: bytes) -> None:
    """A whole file, or the one before: never a part of one. What a link leads to is replaced; mode and owner stay.

    No directory is made for it: a slip in its name, or a stick that is not there, would go unnoticed. Raises
    ConfigError if the disk refuses.
    """
    path = path.resolve()
    draft = path.with_name(f".{path.name}.jp-new")
    try:
        there = path.stat() if path.exists() else None
        mode = stat.S_IMODE(there.st_mode) if there else 0o644
        DISK.write(draft, content, mode, (there.st_uid, there.st_gid) if there else None)
        DISK.rename(draft, path)
        DISK.sync(path.parent)
    except OSError as wrong:
        raise ConfigError(f"{path}: cannot be written ({wrong.strerror}); check its directory") from wrong


def _write_profiles(bundle: Bundle, directory: Path) -> list[Path]:
    new = [name for name in bundle.profiles if not (directory / name).exists()]
    for name in new:
        try:
            directory.mkdir(exist_ok=True)
            (directory / name).parent.mkdir(exist_ok=True)
        except OSError as wrong:
            raise ConfigError(f"{directory}: cannot be made ({wrong.strerror}); check its name") from wrong
        put_in_place(directory / name, bundle.profiles[name])
    return [directory / name for name in new]
