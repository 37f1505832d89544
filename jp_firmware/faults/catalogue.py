"""The catalogue of faults: read from `catalogue.toml` beside this file and checked as a whole. Data, no behaviour."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import attrs

from jp_firmware.model.faults import FaultKind, Severity

OURS = Path(__file__).with_name("catalogue.toml")

LONGEST_TITLE = 50  # OCPP 1.6 StatusNotification: `info` takes 50 characters

OCPP_CODES = frozenset(
    {
        "ConnectorLockFailure",
        "EVCommunicationError",
        "GroundFailure",
        "HighTemperature",
        "InternalError",
        "LocalListConflict",
        "OtherError",
        "OverCurrentFailure",
        "OverVoltage",
        "PowerMeterFailure",
        "PowerSwitchFailure",
        "ReaderFailure",
        "ResetFailure",
        "UnderVoltage",
        "WeakSignal",
    }
)  # ChargePointErrorCode of OCPP 1.6, without NoError

_CODE = re.compile(r"[A-Z]{2,3}-[0-9]{2}")
_MREC = re.compile(r"CX0(0[1-9]|1[0-9]|2[0-6])")  # ChargeX has 26
_FIELDS = {field.name for field in attrs.fields(FaultKind)} - {"code"}


class CatalogueError(ValueError):
    """A mistake in the catalogue: file, code and what is wrong, in one line."""


def load(path: Path = OURS) -> Mapping[str, FaultKind]:
    """All kinds of faults by code. Raises CatalogueError."""
    try:
        entries = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CatalogueError(f"{path}: {error}") from error
    return MappingProxyType({code: _kind(path, code, entry) for code, entry in entries.items()})


def _kind(path: Path, code: str, entry: Any) -> FaultKind:
    def check(right: object, what: str) -> None:
        if not right:
            raise CatalogueError(f"{path}: {code}: {what}")

    check(_CODE.fullmatch(code), "a code looks like SAF-01")
    check(isinstance(entry, dict), f"a fault is a table, [{code}]")
    unknown = ", ".join(sorted(entry.keys() - _FIELDS))
    check(not unknown, f"unknown key {unknown}; a fault has {', '.join(sorted(_FIELDS))}")
    kind = entry | {"code": code}
    for name in ("title", "remedy"):
        check(isinstance(kind.get(name), str) and kind[name].strip(), f"{name} is missing")
    check(len(kind["title"]) <= LONGEST_TITLE, f"title has {len(kind['title'])} of {LONGEST_TITLE} characters")
    check(kind["remedy"].endswith("."), "remedy is a sentence and ends with a full stop")
    check(kind.get("severity") in list(Severity) and type(kind["severity"]) is int, "severity is a number from 1 to 5")
    for name in ("latched", "blocks"):
        check(isinstance(kind.get(name, False), bool), f"{name} is true or false")
    check(kind.get("ocpp_code", "OtherError") in OCPP_CODES, f"ocpp_code is one of {', '.join(sorted(OCPP_CODES))}")
    mrec = kind.get("mrec", "")
    check(mrec == "" or (isinstance(mrec, str) and _MREC.fullmatch(mrec)), "mrec is one of CX001 to CX026")
    return FaultKind(**(kind | {"severity": Severity(kind["severity"])}))
