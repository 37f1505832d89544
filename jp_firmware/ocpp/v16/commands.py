"""What the central system may ask of the charger, and the answers to it: one method for each action of OCPP 1.6.

Translates and asks `Operations`; decides nothing that charging decides. Whatever follows an answer (a reset, a
triggered message) is done after the answer is on the wire.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Final, Protocol

import attrs

from jp_firmware.charging.ports import ConnectorView, Operations
from jp_firmware.model.ids import ConnectorId
from jp_firmware.model.session import IdToken, Session, TokenSource
from jp_firmware.ocpp.conversation import Refusal, Reply, Silence
from jp_firmware.ocpp.envelope import Payload
from jp_firmware.ocpp.rpc import Incoming
from jp_firmware.ocpp.v16.boot import Boot, Registration
from jp_firmware.ocpp.v16.configuration import Configuration
from jp_firmware.ocpp.v16.keys import Keys
from jp_firmware.ocpp.v16.metering import present_values, running_session
from jp_firmware.ocpp.v16.smart_charging import SmartCharging
from jp_firmware.ocpp.v16.tags import Tags

log = logging.getLogger(__name__)

ACCEPTED: Final[Payload] = {"status": "Accepted"}
REJECTED: Final[Payload] = {"status": "Rejected"}


class Memory(Protocol):
    """What the commands look up: the backend's part of the journal."""

    async def transaction_of(self, session: Session) -> int | None:
        """The id that the central system gave to a session; None if it has not, or never will."""


class Triggers(Protocol):
    """What a TriggerMessage can set off."""

    def send_boot(self) -> None: ...

    def send_heartbeat(self) -> None: ...

    def send_status(self, connector_id: int | None) -> None:
        """One connector's status, 0 the charger's, None all."""

    def send_meter_values(self, connector_ids: tuple[ConnectorId, ...]) -> None: ...


@attrs.define(eq=False, kw_only=True)
class Commands:
    """Answers the central system. `handle` is a conversation's handler."""

    connector_ids: tuple[ConnectorId, ...]
    boot: Boot
    keys: Keys
    configuration: Configuration
    tags: Tags
    operations: Operations
    view: ConnectorView
    memory: Memory
    smart_charging: SmartCharging
    triggers: Triggers

    async def handle(self, incoming: Incoming) -> Reply | Refusal | Silence:
        """The answer to one request."""
        return await _ANSWERS[incoming.action](self, incoming.payload)

    # --- transactions ---

    async def _remote_start(self, payload: Payload) -> Reply:
        """Rejected while Pending, on connector 0 and with a profile that is not for the transaction to come. One that
        is waits for its session, and is in force from its first moment."""
        connector, told = payload.get("connectorId"), payload.get("chargingProfile")
        if self.boot.registration is Registration.PENDING:
            return Reply(REJECTED)
        if connector is not None and connector not in self.connector_ids:
            return Reply(REJECTED)
        profile = self.smart_charging.read_for_start(connector, told) if told else None
        if told and profile is None:
            return Reply(REJECTED)
        where = None if connector is None else ConnectorId(connector)
        token = IdToken(payload["idTag"], TokenSource.REMOTE)
        accepted, why = self.operations.start(where, token, authorize=self.keys.flag("AuthorizeRemoteTxRequests"))
        if not accepted:
            log.info("RemoteStartTransaction rejected: %s", why)
            return Reply(REJECTED)
        self.smart_charging.book.announce(where, token.uid, profile)
        return Reply(ACCEPTED)

    async def _remote_stop(self, payload: Payload) -> Reply:
        """Accepted only if a session that runs was given this id; one whose start is still unanswered has none."""
        if self.boot.registration is Registration.PENDING:
            return Reply(REJECTED)
        for connector_id in self.connector_ids:
            session = running_session(self.view, connector_id)
            if session and await self.memory.transaction_of(session) == payload["transactionId"]:
                accepted, why = self.operations.stop(connector_id, remote=True)
                if not accepted:
                    log.info("RemoteStopTransaction rejected: %s", why)
                return Reply(ACCEPTED if accepted else REJECTED)
        return Reply(REJECTED)

    async def _unlock(self, payload: Payload) -> Reply:
        connector = payload["connectorId"]
        if connector not in self.connector_ids:
            return Reply({"status": "NotSupported"})
        accepted, why = self.operations.unlock(ConnectorId(connector))
        if not accepted:
            log.warning("UnlockConnector failed: %s", why)
        return Reply({"status": "Unlocked" if accepted else "UnlockFailed"})

    # --- the charger ---

    async def _change_availability(self, payload: Payload) -> Reply:
        connector = payload["connectorId"]
        if connector != 0 and connector not in self.connector_ids:
            return Reply(REJECTED)
        which = None if connector == 0 else ConnectorId(connector)
        answer = self.operations.set_operative(which, payload["type"] == "Operative")
        return Reply({"status": "Scheduled" if answer == "scheduled" else "Accepted"})

    async def _reset(self, payload: Payload) -> Reply:
        hard = payload["type"] == "Hard"
        return Reply(ACCEPTED, after=partial(self.operations.reset, hard=hard))

    async def _data_transfer(self, payload: Payload) -> Reply:
        log.info("DataTransfer of an unknown vendor: %r", payload["vendorId"])
        return Reply({"status": "UnknownVendorId"})

    # --- configuration ---

    async def _get_configuration(self, payload: Payload) -> Reply:
        return await self.configuration.get(payload)

    async def _change_configuration(self, payload: Payload) -> Reply | Refusal:
        return await self.configuration.change(payload)

    async def _clear_cache(self, payload: Payload) -> Reply:  # noqa: ARG002  has no parameters
        if not self.tags.enabled:
            return Reply(REJECTED)
        self.tags.forget()
        return Reply(ACCEPTED)

    # --- charging profiles ---

    async def _set_charging_profile(self, payload: Payload) -> Reply:
        return Reply(await self.smart_charging.set_profile(payload))

    async def _clear_charging_profile(self, payload: Payload) -> Reply:
        return Reply(await self.smart_charging.clear_profile(payload))

    async def _get_composite_schedule(self, payload: Payload) -> Reply:
        return Reply(await self.smart_charging.composite_schedule(payload))

    # --- triggers ---

    async def _trigger(self, payload: Payload) -> Reply:
        """The answer first, then what was asked for. What this charger never sends is NotImplemented."""
        wanted, connector = payload["requestedMessage"], payload.get("connectorId")
        if connector is not None and connector != 0 and connector not in self.connector_ids:
            return Reply(REJECTED)
        match wanted:
            case "BootNotification":
                if self.boot.accepted:
                    return Reply(REJECTED)
                return Reply(ACCEPTED, after=self.triggers.send_boot)
            case "Heartbeat":
                return Reply(ACCEPTED, after=self.triggers.send_heartbeat)
            case "StatusNotification":
                return Reply(ACCEPTED, after=partial(self.triggers.send_status, connector))
            case "MeterValues":
                return self._trigger_meter_values(connector)
        return Reply({"status": "NotImplemented"})

    def _trigger_meter_values(self, connector: int | None) -> Reply:
        """Rejected when no meter asked for has spoken lately; connector 0 has no meter of its own."""
        asked = self.connector_ids if connector is None else (ConnectorId(connector),)
        measurands = self.keys.words("MeterValuesSampledData")
        able = tuple(one for one in asked if present_values(self.view, one, measurands, "Trigger"))
        if not able:
            return Reply(REJECTED)
        return Reply(ACCEPTED, after=partial(self.triggers.send_meter_values, able))


_ANSWERS: Final[Mapping[str, Callable[[Commands, Payload], Awaitable[Reply | Refusal]]]] = {
    "ChangeAvailability": Commands._change_availability,
    "ChangeConfiguration": Commands._change_configuration,
    "ClearCache": Commands._clear_cache,
    "ClearChargingProfile": Commands._clear_charging_profile,
    "DataTransfer": Commands._data_transfer,
    "GetCompositeSchedule": Commands._get_composite_schedule,
    "GetConfiguration": Commands._get_configuration,
    "RemoteStartTransaction": Commands._remote_start,
    "RemoteStopTransaction": Commands._remote_stop,
    "Reset": Commands._reset,
    "SetChargingProfile": Commands._set_charging_profile,
    "TriggerMessage": Commands._trigger,
    "UnlockConnector": Commands._unlock,
}
ACTIONS: Final = frozenset(_ANSWERS)  # everything else of 1.6 is NotSupported
