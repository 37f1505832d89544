"""What a payload must hold, by the schemas that come with the `ocpp` package; and the error codes of OCPP 1.6.

Uses the package's synchronous schema reader only. Its own validation runs on asyncio, names errors in the words of
2.0.1 and puts the whole message, identifications included, into what would be sent back (facts: measured with 2.1.0).
"""

from __future__ import annotations

import decimal
import json
from collections.abc import Iterable
from typing import Any, Final

import attrs
from ocpp.messages import MessageType, get_validator

from jp_firmware.ocpp.envelope import Payload

# Every CALL of 1.6 edition 2 and of the security whitepaper edition 3, in either direction. An action is looked up
# here before its name comes near the package, which would take it for a part of a file path.
_ACTIONS = """
    Authorize BootNotification CancelReservation ChangeAvailability ChangeConfiguration ClearCache ClearChargingProfile
    DataTransfer DiagnosticsStatusNotification FirmwareStatusNotification GetCompositeSchedule GetConfiguration
    GetDiagnostics GetLocalListVersion Heartbeat MeterValues RemoteStartTransaction RemoteStopTransaction ReserveNow
    Reset SendLocalList SetChargingProfile StartTransaction StatusNotification StopTransaction TriggerMessage
    UnlockConnector UpdateFirmware
    CertificateSigned DeleteCertificate ExtendedTriggerMessage GetInstalledCertificateIds GetLog InstallCertificate
    LogStatusNotification SecurityEventNotification SignCertificate SignedFirmwareStatusNotification
    SignedUpdateFirmware
"""
ACTIONS_16: Final = frozenset(_ACTIONS.split())

# Their schemas ask for multiples of 0.1, which binary fractions are not; both sides are read as decimals instead.
_DECIMAL_CALLS: Final = frozenset({"SetChargingProfile", "RemoteStartTransaction"})
_DECIMAL_RESULTS: Final = frozenset({"GetCompositeSchedule"})

# Which code of 1.6 says that a schema's keyword was violated (1.6-J table 7, in its own spelling).
_CODES_16: Final = {
    "required": "ProtocolError",
    "type": "TypeConstraintViolation",
    "maxLength": "TypeConstraintViolation",
    "minItems": "OccurenceConstraintViolation",
    "maxItems": "OccurenceConstraintViolation",
    "additionalProperties": "FormationViolation",
    "enum": "PropertyConstraintViolation",
    "multipleOf": "PropertyConstraintViolation",
}


@attrs.frozen
class PayloadFault:
    """Why a payload is refused: the 1.6 error code, and which field it is. Never holds the field's value."""

    code: str
    text: str


LOOKED_AT: Final = 128
"""Of a list in a CALL so many items are held against the schema, each of which takes 0.02 ms of a PC (measured). More
are never used: a charging profile has 96 periods, a GetConfiguration 64 keys, and what is longer is refused as it is.
"""


def check_call(action: str, payload: Payload) -> PayloadFault | None:
    """What is wrong with the payload of a CALL of OCPP 1.6; None if nothing is. `action` is one of `ACTIONS_16`."""
    return _check(MessageType.Call, action, _beginning(payload), exact=action in _DECIMAL_CALLS)


def _beginning(value: Any) -> Any:
    """A copy in which each list ends after `LOOKED_AT` items."""
    if isinstance(value, dict):
        return {key: _beginning(item) for key, item in value.items()}
    return [_beginning(item) for item in value[:LOOKED_AT]] if isinstance(value, list) else value


def check_result(action: str, payload: Payload) -> PayloadFault | None:
    """What is wrong with the payload of a CALLRESULT of OCPP 1.6; None if nothing is."""
    return _check(MessageType.CallResult, action, payload, exact=action in _DECIMAL_RESULTS)


def check_answer(action: str, payload: Payload) -> PayloadFault | None:
    """What makes an answer to us unusable; None if nothing does.

    An answer is not refused for what it says too much, or at too great a length: refusing the answer to a
    StartTransaction costs the transaction its name. Members that are null must have been taken out before.
    """
    return _check(MessageType.CallResult, action, payload, exact=action in _DECIMAL_RESULTS, overlook=_HARMLESS)


def without_nulls(value: Any) -> Any:
    """A copy without the members that are null: many central systems write absent ones like that."""
    if isinstance(value, dict):
        return {key: without_nulls(item) for key, item in value.items() if item is not None}
    return [without_nulls(item) for item in value] if isinstance(value, list) else value


_HARMLESS: Final = frozenset({"additionalProperties", "maxLength"})


def _check(
    kind: int, action: str, payload: Payload, *, exact: bool, overlook: frozenset[str] = frozenset()
) -> PayloadFault | None:
    if action not in ACTIONS_16:
        raise ValueError(f"{action!r} is no action of OCPP 1.6")
    number = decimal.Decimal if exact else float
    validator = get_validator(kind, action, "1.6", parse_float=number)
    if exact:
        payload = json.loads(json.dumps(payload), parse_float=number)
    try:
        errors: Iterable[Any] = validator.iter_errors(payload)
        return next((_fault(error) for error in errors if error.validator not in overlook), None)
    except (ArithmeticError, TypeError) as error:  # decimals of absurd size; the envelope lets 1e300 pass
        return PayloadFault("PropertyConstraintViolation", f"a number cannot be checked: {type(error).__name__}")


def _fault(error: Any) -> PayloadFault:
    field = ".".join(str(part) for part in error.absolute_path) or "payload"
    rule, bound = error.validator, error.validator_value
    if rule == "required":
        missing = [name for name in bound if name not in error.instance]
        text = f"{field}: {', '.join(missing)} missing"
    elif rule in ("type", "maxLength", "minItems", "maxItems", "multipleOf"):
        text = f"{field}: {rule} must be {bound}"
    elif rule == "enum":
        text = f"{field}: not one of its permitted values"
    elif rule == "additionalProperties":
        text = f"{field}: a property that the schema does not know"
    else:
        text = f"{field}: violates {rule}"
    return PayloadFault(_CODES_16.get(rule, "FormationViolation"), text[:255])
