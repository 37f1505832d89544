"""The configuration keys of OCPP 1.6: one table with each key's kind, range, default and who may change it.

A key is writable only if writing it has an effect. What a central system changes is kept in the journal and overrules
the configuration file until that file itself changes.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable
from typing import Any, Final

import attrs

from jp_firmware.config.schema import Authorize, Backend
from jp_firmware.ocpp.v16.charging_profile import MAX_INSTALLED, MAX_PERIODS, MAX_STACK_LEVEL
from jp_firmware.ocpp.v16.translate import MEASURANDS, SAMPLED_BY_DEFAULT

MAX_INTEGER: Final = 2**31 - 1
MAX_KEYS_ASKED: Final = 64


class Kind(enum.Enum):
    """How a value is written."""

    INTEGER = "integer"
    BOOLEAN = "boolean"
    LIST = "list"  # comma-separated, each of a fixed set
    TEXT = "text"


class Changed(enum.Enum):
    """The answers to ChangeConfiguration."""

    ACCEPTED = "Accepted"
    REJECTED = "Rejected"
    REBOOT_REQUIRED = "RebootRequired"
    NOT_SUPPORTED = "NotSupported"


@attrs.frozen
class Key:
    """One row of the table. `low` and `high` bound an integer; `words` are what a list may hold."""

    name: str
    kind: Kind
    default: str
    readonly: bool = False
    low: int = 0
    high: int = MAX_INTEGER
    words: tuple[str, ...] = ()
    reboot: bool = False  # takes effect at the next start

    def read(self, text: str) -> str | None:
        """The value in its one spelling; None if it is not permitted. Whitespace, signs and fractions are not."""
        if self.kind is Kind.INTEGER:
            return str(int(text)) if _is_number(text) and self.low <= int(text) <= self.high else None
        if self.kind is Kind.BOOLEAN:
            return text.lower() if text.lower() in ("true", "false") else None
        if self.kind is Kind.LIST:
            return self._read_list(text)
        return text if len(text) <= 500 else None

    def _read_list(self, text: str) -> str | None:
        known = {word.lower(): word for word in self.words}
        asked = [part.strip().lower() for part in text.split(",")] if text.strip() else []
        if any(part not in known for part in asked):
            return None
        return ",".join(dict.fromkeys(known[part] for part in asked))


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 10


_UNITS: Final = ("Current", "Power")
_SAMPLED: Final = ",".join(SAMPLED_BY_DEFAULT)
_AUTHORIZE_KEYS: Final = {
    "LocalPreAuthorize": "local_pre_authorize",
    "LocalAuthorizeOffline": "local_authorize_offline",
    "AllowOfflineTxForUnknownId": "allow_unknown_offline",
    "ConnectionTimeOut": "plug_timeout_s",
}


def table(backend: Backend, authorize: Authorize, connectors: int, *, rules_writable: bool) -> tuple[Key, ...]:
    """The keys of a charger with this configuration. `rules_writable`: whether authorization rules can change live."""
    integer, boolean, words = Kind.INTEGER, Kind.BOOLEAN, Kind.LIST

    def rule(name: str) -> Key:
        value = getattr(authorize, _AUTHORIZE_KEYS[name])
        if name == "ConnectionTimeOut":
            return Key(name, integer, str(round(value)), readonly=not rules_writable, low=5, high=3600)
        return Key(name, boolean, str(value).lower(), readonly=not rules_writable)

    return (
        rule("AllowOfflineTxForUnknownId"),
        Key("AuthorizationCacheEnabled", boolean, "true"),
        Key("AuthorizeRemoteTxRequests", boolean, "false"),
        Key("ChargeProfileMaxStackLevel", integer, str(MAX_STACK_LEVEL), readonly=True),
        # Amperes are taken too, but what they mean on a charger of direct current is a matter of interpretation.
        Key("ChargingScheduleAllowedChargingRateUnit", words, "Power", readonly=True, words=_UNITS),
        Key("ChargingScheduleMaxPeriods", integer, str(MAX_PERIODS), readonly=True),
        Key("ClockAlignedDataInterval", integer, "0", high=86_400),
        rule("ConnectionTimeOut"),
        Key("ConnectorPhaseRotation", Kind.TEXT, "NotApplicable", readonly=True),  # direct current
        Key("ConnectorSwitch3to1PhaseSupported", boolean, "false", readonly=True),
        Key("GetConfigurationMaxKeys", integer, str(MAX_KEYS_ASKED), readonly=True),
        Key("HeartbeatInterval", integer, "300", low=1, high=86_400),
        rule("LocalAuthorizeOffline"),
        rule("LocalPreAuthorize"),
        Key("MaxChargingProfilesInstalled", integer, str(MAX_INSTALLED), readonly=True),
        Key("MeterValuesAlignedData", words, _SAMPLED, words=MEASURANDS),
        Key("MeterValuesSampledData", words, _SAMPLED, words=MEASURANDS),
        Key("MeterValueSampleInterval", integer, "60", high=86_400),
        Key("MinimumStatusDuration", integer, "0", high=3600),
        Key("NumberOfConnectors", integer, str(connectors), readonly=True),
        Key("ResetRetries", integer, "0", readonly=True),  # a reset of ours cannot be refused, so nothing is retried
        Key("StopTransactionOnEVSideDisconnect", boolean, "true", readonly=True),  # a DC cable that is out is out
        Key("StopTransactionOnInvalidId", boolean, "true", readonly=True),
        Key("StopTxnAlignedData", words, "", readonly=True),
        Key("StopTxnSampledData", words, "", readonly=True),
        Key("SupportedFeatureProfiles", Kind.TEXT, "Core,RemoteTrigger,SmartCharging", readonly=True),
        Key("TransactionMessageAttempts", integer, "3", high=100),
        Key("TransactionMessageRetryInterval", integer, "60", high=86_400),
        Key("UnlockConnectorOnEVSideDisconnect", boolean, "true", readonly=True),
        Key("WebSocketPingInterval", integer, str(round(backend.ping_interval_s)), high=3600),
    )


def _by_name(rows: Iterable[Key]) -> dict[str, Key]:
    return {row.name.lower(): row for row in rows}


@attrs.define(eq=False)
class Keys:
    """The keys and their present values. Listeners are called after each change, with the key's name."""

    _table: dict[str, Key] = attrs.field(converter=_by_name)
    _changed: dict[str, tuple[str, str]] = attrs.field(factory=dict, init=False)  # name: value, the default it replaced
    _listeners: list[Callable[[str], None]] = attrs.field(factory=list, init=False)

    def text(self, name: str) -> str:
        """A key's value as it stands on the wire."""
        changed = self._changed.get(name)
        return changed[0] if changed else self._table[name.lower()].default

    def number(self, name: str) -> int:
        return int(self.text(name))

    def flag(self, name: str) -> bool:
        return self.text(name) == "true"

    def words(self, name: str) -> tuple[str, ...]:
        text = self.text(name)
        return tuple(text.split(",")) if text else ()

    def subscribe(self, listener: Callable[[str], None]) -> Callable[[], None]:
        """Calls `listener(name)` after each change; returns the function that ends it."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    # --- GetConfiguration ---

    def listing(self, asked: list[str]) -> tuple[list[dict[str, Any]], list[str]]:
        """The entries for `asked`, all for none, and those that are not known. Names match without regard to case."""
        rows = [self._table[name.lower()] for name in asked if name.lower() in self._table]
        unknown = [name for name in asked if name.lower() not in self._table]
        if not asked:
            rows = list(self._table.values())
        return [{"key": row.name, "readonly": row.readonly, "value": self.text(row.name)} for row in rows], unknown

    # --- ChangeConfiguration ---

    def judge(self, name: str, text: str) -> tuple[Changed, str]:
        """What `change` would answer, and the key's own name; changes nothing."""
        row = self._table.get(name.lower())
        if row is None:
            return Changed.NOT_SUPPORTED, name
        if row.readonly or row.read(text) is None:
            return Changed.REJECTED, row.name
        return (Changed.REBOOT_REQUIRED if row.reboot else Changed.ACCEPTED), row.name

    def change(self, name: str, text: str) -> None:
        """Takes over a value that was judged acceptable, and tells the listeners."""
        row = self._table[name.lower()]
        value = row.read(text)
        assert value is not None
        self._changed[row.name] = (value, row.default)
        for listener in tuple(self._listeners):
            listener(row.name)

    # --- persistence ---

    def changed_with(self, name: str, text: str) -> dict[str, list[str]]:
        """What is to be kept if `name` takes the value `text`: to be committed before `change` makes it count."""
        row = self._table[name.lower()]
        return {**self.dump(), row.name: [row.read(text) or "", row.default]}

    def dump(self) -> dict[str, list[str]]:
        """What was changed, as JSON: name to the value and the default that it replaced."""
        return {name: list(pair) for name, pair in self._changed.items()}

    def load(self, kept: object) -> None:
        """Takes over what an earlier run kept. A value is dropped if its key is gone, if it is no longer permitted, or
        if the configuration it overruled has changed since: the latest word counts."""
        if not isinstance(kept, dict):
            return
        for name, pair in kept.items():
            row = self._table.get(str(name).lower())
            if row is None or row.readonly or not (isinstance(pair, list) and len(pair) == 2):
                continue
            value, replaced = pair
            if isinstance(value, str) and row.read(value) is not None and replaced == row.default:
                self._changed[row.name] = (value, row.default)

    # --- effects ---

    def authorize(self, configured: Authorize) -> Authorize:
        """The authorization rules with what a central system has changed of them."""
        changed: dict[str, Any] = {}
        for name in self._changed.keys() & _AUTHORIZE_KEYS.keys():
            is_time = name == "ConnectionTimeOut"
            changed[_AUTHORIZE_KEYS[name]] = float(self.number(name)) if is_time else self.flag(name)
        return attrs.evolve(configured, **changed)


def is_authorization_rule(name: str) -> bool:
    """Whether a change of this key changes who may charge."""
    return name in _AUTHORIZE_KEYS
