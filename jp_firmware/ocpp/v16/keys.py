"""The configuration keys of OCPP 1.6: one table with what each stands for in the charger's configuration.

There is one place for what can be changed, the configuration. A key that nothing can be changed by says how the charger
is, and is read-only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

import attrs

from jp_firmware.config.schema import Cabinet
from jp_firmware.config.text.edits import Put
from jp_firmware.ocpp.v16.charging_profile import MAX_INSTALLED, MAX_PERIODS, MAX_STACK_LEVEL
from jp_firmware.ocpp.v16.parameters import NotPermitted, Parameter, parameter, text_of

MAX_KEYS_ASKED: Final = 64


@attrs.frozen
class Row:
    """One row of the table: the key of the configuration that it stands for, or else what it says."""

    name: str
    key: str = ""
    says: str = ""

    def parameter(self, cabinet: Cabinet) -> Parameter | None:
        """What it stands for; None for what only says something."""
        return parameter(cabinet, self.key) if self.key else None

    def text(self, cabinet: Cabinet) -> str:
        """The value on the wire. OCPP knows whole seconds only."""
        found = self.parameter(cabinet)
        if found is None:
            return self.says
        return text_of(round(found.value) if isinstance(found.value, float) else found.value)

    def edit(self, cabinet: Cabinet, text: str) -> Put:
        """The change that `text` asks for. Raises NotPermitted; OCPP permits no signs and no fractions."""
        found = self.parameter(cabinet)
        assert found is not None
        value = found.read(text)
        if isinstance(value, float) or text.startswith("-"):
            raise NotPermitted(f"{text!r} is not a whole number")
        return Put(found.key, value)


def table(connectors: int) -> tuple[Row, ...]:
    """The keys of a charger with so many connectors."""
    return (
        Row("AllowOfflineTxForUnknownId", "authorize.allow_unknown_offline"),
        Row("AuthorizationCacheEnabled", "ocpp.authorization_cache_enabled"),
        Row("AuthorizeRemoteTxRequests", "ocpp.authorize_remote_tx_requests"),
        Row("ChargeProfileMaxStackLevel", says=str(MAX_STACK_LEVEL)),
        # Amperes are taken too, but what they mean on a charger of direct current is a matter of interpretation.
        Row("ChargingScheduleAllowedChargingRateUnit", says="Power"),
        Row("ChargingScheduleMaxPeriods", says=str(MAX_PERIODS)),
        Row("ClockAlignedDataInterval", "ocpp.clock_aligned_data_interval_s"),
        Row("ConnectionTimeOut", "authorize.plug_timeout_s"),
        Row("ConnectorPhaseRotation", says="NotApplicable"),  # direct current
        Row("ConnectorSwitch3to1PhaseSupported", says="false"),
        Row("GetConfigurationMaxKeys", says=str(MAX_KEYS_ASKED)),
        Row("HeartbeatInterval", "ocpp.heartbeat_interval_s"),
        Row("LocalAuthorizeOffline", "authorize.local_authorize_offline"),
        Row("LocalPreAuthorize", "authorize.local_pre_authorize"),
        Row("MaxChargingProfilesInstalled", says=str(MAX_INSTALLED)),
        Row("MeterValuesAlignedData", "ocpp.meter_values_aligned_data"),
        Row("MeterValuesSampledData", "ocpp.meter_values_sampled_data"),
        Row("MeterValueSampleInterval", "ocpp.meter_value_sample_interval_s"),
        Row("MinimumStatusDuration", "ocpp.minimum_status_duration_s"),
        Row("NumberOfConnectors", says=str(connectors)),
        Row("ResetRetries", says="0"),  # a reset of ours cannot be refused, so nothing is retried
        Row("StopTransactionOnEVSideDisconnect", says="true"),  # a DC cable that is out is out
        Row("StopTransactionOnInvalidId", says="true"),
        Row("StopTxnAlignedData"),
        Row("StopTxnSampledData"),
        Row("SupportedFeatureProfiles", says="Core,RemoteTrigger,SmartCharging"),
        Row("TransactionMessageAttempts", "ocpp.transaction_message_attempts"),
        Row("TransactionMessageRetryInterval", "ocpp.transaction_message_retry_interval_s"),
        Row("UnlockConnectorOnEVSideDisconnect", says="true"),
        Row("WebSocketPingInterval", "backend.ping_interval_s"),
    )


def _by_name(rows: Iterable[Row]) -> dict[str, Row]:
    return {row.name.lower(): row for row in rows}


@attrs.define(eq=False)
class Keys:
    """The keys and their values now, as `cabinet` has them. Listeners are called after each change, with the name."""

    cabinet: Cabinet
    _table: dict[str, Row] = attrs.field(init=False)
    _told: dict[str, str] = attrs.field(factory=dict, init=False)
    _listeners: list[Callable[[str], None]] = attrs.field(factory=list, init=False)

    def __attrs_post_init__(self) -> None:
        self._table = _by_name(table(len(self.cabinet.connectors)))

    @property
    def rows(self) -> Iterable[Row]:
        return self._table.values()

    def row(self, name: str) -> Row | None:
        """The row of that name, whatever its case."""
        return self._table.get(name.lower())

    def text(self, name: str) -> str:
        """A key's value as it stands on the wire."""
        return self._told.get(name) or self._table[name.lower()].text(self.cabinet)

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

    # --- changes -----------------------------------------------------------------------------------------------------

    def configure(self, cabinet: Cabinet) -> None:
        """Another configuration is in force."""
        before, self.cabinet = self.cabinet, cabinet
        for row in self.rows:
            if row.text(before) != row.text(cabinet):
                self._told.pop(row.name, None)
                self._notify(row.name)

    def tell(self, name: str, text: str) -> None:
        """What the central system has said in another message than ChangeConfiguration: it counts, and is kept nowhere,
        until somebody changes the key."""
        if self.text(name) != text:
            self._told[name] = text
            self._notify(name)

    def go_on_as(self, former: Keys) -> None:
        """What the central system has told `former` counts here too, as far as nobody has changed the key since."""
        self._told = {
            row.name: former._told[row.name]
            for row in self.rows
            if row.name in former._told and row.text(former.cabinet) == row.text(self.cabinet)
        }

    def settle(self, name: str) -> None:
        """What the configuration says counts: somebody has just said the same."""
        if self._told.pop(name, None) is not None:
            self._notify(name)

    def _notify(self, name: str) -> None:
        for listener in tuple(self._listeners):
            listener(name)
