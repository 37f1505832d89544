"""From the charger's words to those of OCPP 1.6: states, stop reasons, samples, sessions, faults, times.

Pure functions over tables. Nothing here decides when something is sent.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Final

from jp_firmware.model.connector import ConnectorState
from jp_firmware.model.faults import Fault
from jp_firmware.model.ids import ConnectorId
from jp_firmware.model.session import Authorization, AuthorizationStatus, Sample, Session, StopReason
from jp_firmware.ocpp.envelope import Payload

STATUSES: Final = {
    ConnectorState.AVAILABLE: "Available",
    ConnectorState.PREPARING: "Preparing",
    ConnectorState.CABLE_CHECK: "Preparing",  # no energy yet: the specification knows no finer word
    ConnectorState.PRECHARGE: "Preparing",
    ConnectorState.CHARGING: "Charging",
    ConnectorState.SUSPENDED_EV: "SuspendedEV",
    ConnectorState.SUSPENDED_EVSE: "SuspendedEVSE",
    ConnectorState.FINISHING: "Finishing",
    ConnectorState.RESERVED: "Reserved",
    ConnectorState.UNAVAILABLE: "Unavailable",
    ConnectorState.FAULTED: "Faulted",
}

# facts: 1.6 has no word for an EV that has enough, for a limit or for a timeout; our own journal keeps the detail.
STOP_REASONS: Final = {
    StopReason.COMPLETE: "Other",
    StopReason.LOCAL: "Local",
    StopReason.REMOTE: "Remote",
    StopReason.EV_DISCONNECTED: "EVDisconnected",
    StopReason.DEAUTHORIZED: "DeAuthorized",
    StopReason.EMERGENCY_STOP: "EmergencyStop",
    StopReason.POWER_LOSS: "PowerLoss",
    StopReason.FAULT: "Other",
    StopReason.SOFT_RESET: "SoftReset",
    StopReason.HARD_RESET: "HardReset",
    StopReason.REBOOT: "Reboot",
    StopReason.UNLOCK: "UnlockCommand",
    StopReason.LIMIT: "Other",
    StopReason.TIMEOUT: "Other",
}

ERROR_CODES: Final = frozenset(
    (
        "ConnectorLockFailure",
        "EVCommunicationError",
        "GroundFailure",
        "HighTemperature",
        "InternalError",
        "LocalListConflict",
        "NoError",
        "OtherError",
        "OverCurrentFailure",
        "OverVoltage",
        "PowerMeterFailure",
        "PowerSwitchFailure",
        "ReaderFailure",
        "ResetFailure",
        "UnderVoltage",
        "WeakSignal",
    )
)

MREC_VENDOR: Final = "https://chargex.inl.gov"  # who owns the minimum required error codes (ChargeX)

_AUTHORIZATIONS: Final = {
    "Accepted": AuthorizationStatus.ACCEPTED,
    "Blocked": AuthorizationStatus.BLOCKED,
    "Expired": AuthorizationStatus.EXPIRED,
    "Invalid": AuthorizationStatus.INVALID,
    "ConcurrentTx": AuthorizationStatus.CONCURRENT,
}

ENERGY: Final = "Energy.Active.Import.Register"


def timestamp(at: datetime) -> str:
    """UTC, to the millisecond, with the Z that central systems insist on."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def parse_timestamp(text: object) -> datetime | None:
    """The instant that a central system wrote, in UTC; None for what is none. One without a zone is taken as UTC."""
    if not isinstance(text, str):
        return None
    try:
        at = datetime.fromisoformat(text)
        return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def authorization(status: object, by: str) -> Authorization:
    """A verdict by its 1.6 word; a word that 1.6 does not know refuses."""
    return Authorization(_AUTHORIZATIONS.get(str(status), AuthorizationStatus.INVALID), by)


# --- transactions ----------------------------------------------------------------------------------------------------


def start_transaction(session: Session) -> Payload:
    """StartTransaction.req. The register is the meter's own, in Wh, absolute."""
    return {
        "connectorId": int(session.connector_id),
        "idTag": session.token.uid[:20],
        "meterStart": int(session.meter_start_wh),
        "timestamp": timestamp(session.started_at),
    }


def stop_transaction(session: Session) -> Payload:
    """StopTransaction.req without its transactionId, which is filled in when it is sent.

    `idTag` only if somebody presented one to stop. A register that was never read again is the one of the start.
    """
    last_wh = session.meter_last_wh if session.meter_last_wh is not None else session.meter_start_wh
    stop_wh = session.meter_stop_wh if session.meter_stop_wh is not None else last_wh
    payload: Payload = {
        "meterStop": int(stop_wh),
        "timestamp": timestamp(session.stopped_at or session.last_at or session.started_at),
        "reason": STOP_REASONS[session.stop_reason] if session.stop_reason else "Other",
    }
    if session.stop_token is not None:
        payload["idTag"] = session.stop_token.uid[:20]
    return payload


def meter_values(
    connector_id: ConnectorId, at: datetime, sampled: Sequence[Payload], transaction_id: int | None = None
) -> Payload:
    """MeterValues.req of one instant."""
    payload: Payload = {
        "connectorId": int(connector_id),
        "meterValue": [{"timestamp": timestamp(at), "sampledValue": list(sampled)}],
    }
    if transaction_id is not None:
        payload["transactionId"] = transaction_id
    return payload


def sampled_values(sample: Sample, measurands: Iterable[str], context: str) -> list[Payload]:
    """The values of `sample` that were asked for and are known. What the car has not said is left out, not zero."""
    return sampled(
        {
            ENERGY: sample.import_wh,
            "Power.Active.Import": sample.power_w,
            "Voltage": sample.voltage_v,
            "Current.Import": sample.current_a,
            "SoC": sample.soc_percent,
            "Power.Offered": sample.offered_w,
        },
        measurands,
        context,
    )


_UNITS: Final = {
    ENERGY: ("Wh", "Outlet", 0),
    "Power.Active.Import": ("W", "Outlet", 0),
    "Voltage": ("V", "Outlet", 1),
    "Current.Import": ("A", "Outlet", 1),
    "SoC": ("Percent", "EV", 0),
    "Power.Offered": ("W", "Outlet", 0),
}


def sampled(values: dict[str, float | None], measurands: Iterable[str], context: str) -> list[Payload]:
    """`sampledValue` of the known ones among `values`. The unit is always written: a wrong guess is a wrong bill."""
    result: list[Payload] = []
    for measurand in measurands:
        value = values.get(measurand)
        if value is None or not math.isfinite(value):
            continue
        unit, location, digits = _UNITS[measurand]
        result.append(
            {
                "value": f"{value:.{digits}f}",
                "context": context,
                "format": "Raw",
                "measurand": measurand,
                "location": location,
                "unit": unit,
            }
        )
    return result


# --- status ----------------------------------------------------------------------------------------------------------


def error_fields(fault: Fault | None, vendor: str) -> Payload:
    """`errorCode` and, for a fault, what explains it, cut to the lengths of 1.6."""
    if fault is None:
        return {"errorCode": "NoError"}
    kind = fault.kind
    return {
        "errorCode": kind.ocpp_code if kind.ocpp_code in ERROR_CODES else "OtherError",
        "info": f"{kind.code} {kind.title}"[:50],
        "vendorId": MREC_VENDOR if kind.mrec else vendor[:255],
        "vendorErrorCode": (kind.mrec or kind.code)[:50],
    }
