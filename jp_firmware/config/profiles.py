"""Profiles: what is known of a kind of module, meter, vehicle or cabinet, as data beside the program.

They ship with the package (`profiles/` of a checkout). A directory named by JP_PROFILES comes first, so that a site
may add its own or replace one of ours.
"""

from __future__ import annotations

import difflib
import os
import re
from codecs import BOM_UTF16_BE, BOM_UTF16_LE
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any

import jp_firmware
from jp_firmware.config.schema import ConfigError
from jp_firmware.config.text import toml

DATA = Path(jp_firmware.__file__).parent / "_data"  # in a checkout a link to its top, in a wheel a copy

MAX_BYTES = 1 << 20  # ours: of a file; the largest cabinet that we have has 8 kB

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


_ALSO: ContextVar[tuple[Path, ...]] = ContextVar("directories of profiles that are not in place yet", default=())


def directories() -> tuple[Path, ...]:
    """Where profiles are looked for, first come first served. JP_PROFILES may name several, separated by ':'."""
    own = [Path(one) for one in os.environ.get("JP_PROFILES", "").split(os.pathsep) if one]
    return (*_ALSO.get(), *own, DATA / "profiles")


@contextmanager
def also_in(directory: Path) -> Iterator[None]:
    """Looks there first, in this context: to examine a cabinet before its profiles are put in place."""
    before = _ALSO.set((directory, *_ALSO.get()))
    try:
        yield
    finally:
        _ALSO.reset(before)


def path_of(kind: str, name: str) -> Path:
    """The file of the profile `name` of a `kind`: "modules", "meters", "boards", "cabinets".

    Raises ConfigError when there is none, naming those that there are.
    """
    if _NAME.fullmatch(name):
        for directory in directories():
            path = directory / kind / f"{name}.toml"
            if path.is_file():
                return path
    raise ConfigError(f"there is no profile {name!r} among the {kind}; {_alternatives(kind, name)}")


def file_of(kind: str, name: str) -> Path:
    """A file that a profile of a `kind` names, as the DBC of a module: the first of that name beside the profiles.

    Raises ConfigError when there is none, or when `name` is not a plain file name.
    """
    if _NAME.fullmatch(name):
        for directory in directories():
            path = directory / kind / name
            if path.is_file():
                return path
    raise ConfigError(
        f"there is no file {name!r} among the {kind}; put it beside the profile, in {kind}/ of a directory named by "
        "JP_PROFILES"
    )


def load_profile(kind: str, name: str) -> dict[str, Any]:
    """The profile as plain data. Raises ConfigError when there is none, or when it is not TOML."""
    return read_toml(path_of(kind, name))[1]


def names_of(kind: str) -> tuple[str, ...]:
    """The names of all profiles of a kind, sorted."""
    return tuple(sorted({path.stem for one in directories() for path in (one / kind).glob("*.toml")}))


def read_toml(path: Path) -> tuple[str, dict[str, Any]]:
    """A TOML file as text and as data. Raises ConfigError, with the line where it stops being TOML."""
    text = read_text(path)
    try:
        return text, toml.loads(text)
    except toml.TomlError as error:
        column = f":{error.column}" if error.column else ""
        raise ConfigError(f"{path}:{error.line}{column}: {error.what}") from error


def read_text(path: Path) -> str:
    """A file as text, with the line ends that it has. Raises ConfigError when it cannot be read, or is no UTF-8."""
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as exc:
        raise ConfigError(f"{path}: cannot be read ({exc.strerror}); check the name and its permissions") from exc
    return text_of(content, path)


def text_of(content: bytes, path: object) -> str:
    """What a file holds, as text; `path` is what to call it. Raises ConfigError for too much, and for no UTF-8."""
    if len(content) > MAX_BYTES:
        raise ConfigError(f"{path}: longer than {MAX_BYTES >> 20} MiB; this is no configuration, check the name")
    if content.startswith((BOM_UTF16_LE, BOM_UTF16_BE)):
        raise ConfigError(f"{path}:1: UTF-16 text; save the file as UTF-8")
    try:
        return content.decode()
    except UnicodeDecodeError as exc:
        line = content.count(b"\n", 0, exc.start) + 1
        raise ConfigError(f"{path}:{line}: not UTF-8 text; save the file as UTF-8") from exc


def _alternatives(kind: str, name: str) -> str:
    names = names_of(kind)
    close = difflib.get_close_matches(name, names, n=1)
    if close:
        return f"did you mean {close[0]!r}?"
    if names:
        return f"there are {', '.join(names)}; add one to {kind}/ in a directory named by JP_PROFILES"
    return f"add {name}.toml to {kind}/ in a directory named by JP_PROFILES"
