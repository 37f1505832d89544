"""The answers to SetChargingProfile, ClearChargingProfile and GetCompositeSchedule of OCPP 1.6.

What a profile means stands in `charging_profile`, which one prevails in `composite`, which are installed in
`profile_book`. An answer of Accepted is given when the set-points that follow from it are on the wire.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from typing import Final

import attrs
import trio

from jp_firmware.model.ids import ConnectorId
from jp_firmware.model.session import Session
from jp_firmware.ocpp.envelope import Payload
from jp_firmware.ocpp.v16 import composite
from jp_firmware.ocpp.v16.charging_profile import (
    MAX_PERIODS,
    MAX_SECONDS,
    PHASES,
    ChargingProfile,
    NotAcceptable,
    Purpose,
    read,
)
from jp_firmware.ocpp.v16.metering import running_session
from jp_firmware.ocpp.v16.profile_book import STATION, ProfileBook
from jp_firmware.ocpp.v16.translate import timestamp

log = logging.getLogger(__name__)

ACCEPTED: Final[Payload] = {"status": "Accepted"}
REJECTED: Final[Payload] = {"status": "Rejected"}
UNKNOWN: Final[Payload] = {"status": "Unknown"}


@attrs.frozen(eq=False)
class SmartCharging:
    """Answers for one charger.

    `local_w` is what a connector gives, or the station for 0 draws, at most whatever the profiles say; `transaction_of`
    the id that the central system gave to a session.
    """

    book: ProfileBook
    local_w: Callable[[int], float]
    transaction_of: Callable[[Session], Awaitable[int | None]]

    async def set_profile(self, payload: Payload) -> Payload:
        """Accepted once it is in force; Rejected, with the reason in the log. Raises JournalError."""
        connector = payload["connectorId"]
        try:
            profile = self._read(connector, payload["csChargingProfiles"])
            session = await self._session_of(profile) if profile.purpose is Purpose.TRANSACTION else None
            await self.book.install(profile, session.id if session else None)
        except NotAcceptable as error:
            log.warning("SetChargingProfile for connector %s rejected: %s", connector, error)
            return REJECTED
        log.info("%s for connector %s is in force", profile.text, connector)
        return ACCEPTED

    def read_for_start(self, connector: int | None, told: Payload) -> ChargingProfile | None:
        """The profile of a RemoteStartTransaction; None if it cannot be accepted.

        It must be a TxProfile and name no transaction (1.6 §5.11).
        """
        try:
            if told["chargingProfilePurpose"] != Purpose.TRANSACTION.value or "transactionId" in told:
                raise NotAcceptable("a profile for a start is a TxProfile and names no transaction")
            return read(connector or self.book.connector_ids[0], told, self.book.now_ms, self.book.mains)
        except NotAcceptable as error:
            log.warning("RemoteStartTransaction rejected: %s", error)
            return None

    async def clear_profile(self, payload: Payload) -> Payload:
        """By id alone if there is one, else by all that is given (§5.5). Unknown if none fits. Raises JournalError."""

        def meant(one: ChargingProfile) -> bool:
            if "id" in payload:
                return bool(one.id == payload["id"])
            return (
                payload.get("connectorId") in (None, one.connector)
                and payload.get("chargingProfilePurpose") in (None, one.purpose.value)
                and payload.get("stackLevel") in (None, one.stack_level)
            )

        return ACCEPTED if await self.book.clear(meant) else UNKNOWN

    async def composite_schedule(self, payload: Payload) -> Payload:
        """What is to be expected from now on, by all profiles and by what the charger can do (§5.7).

        Of a connector what it gives, of the station what it draws at the mains; in amperes, the mains' for both. Cut
        short after `MAX_PERIODS`, which its duration then tells. Lets others run between its steps.
        """
        connector, unit = payload["connectorId"], payload.get("chargingRateUnit", "W")
        seconds = min(payload["duration"], MAX_SECONDS)
        if seconds <= 0 or (connector != STATION and connector not in self.book.connector_ids):
            return REJECTED
        from_ms = self.book.now_ms // 1000 * 1000
        to_ms, look = from_ms + seconds * 1000, self._look(connector, from_ms)
        limits: dict[int, float] = {}  # by second, and each that begins within one takes the place of the one before
        for steps, (at_ms, piece) in enumerate(composite.pieces(look, from_ms, to_ms)):
            if steps == MAX_PERIODS:
                to_ms = at_ms
                break
            limits[(at_ms - from_ms) // 1000] = self._told(connector, piece.limit_w, unit)
            await trio.lowlevel.checkpoint()
        schedule = {
            "duration": (to_ms - from_ms) // 1000,
            "chargingRateUnit": unit,
            "chargingSchedulePeriod": self._periods(limits, unit),
        }
        return {
            "status": "Accepted",
            "connectorId": connector,
            "scheduleStart": timestamp(datetime.fromtimestamp(from_ms / 1000, UTC)),
            "chargingSchedule": schedule,
        }

    def _periods(self, limits: Mapping[int, float], unit: str) -> list[Payload]:
        """Equal neighbours are one. The number of phases is told where it is not the one that is understood (§7.14)."""
        phases = self.book.mains.phases
        more = {"numberPhases": phases} if unit == "A" and phases != PHASES else {}
        periods: list[Payload] = []
        for start, limit in limits.items():
            if not periods or periods[-1]["limit"] != limit:
                periods.append({"startPeriod": start, "limit": limit, **more})
        return periods

    def _told(self, connector: int, limit_w: float, unit: str) -> float:
        """To one decimal, as 1.6 has it, and never above the limit."""
        if unit == "A":
            mains = self.book.mains
            limit_w /= mains.ampere_w() * (1.0 if connector == STATION else mains.efficiency)
        return math.floor(round(limit_w * 10, 6)) / 10

    def _read(self, connector: int, told: Payload) -> ChargingProfile:
        if connector != STATION and connector not in self.book.connector_ids:
            raise NotAcceptable("there is no such connector")
        profile = read(connector, told, self.book.now_ms, self.book.mains)
        if profile.purpose is Purpose.TRANSACTION and connector == STATION:
            raise NotAcceptable("a TxProfile is for a connector")
        return profile

    async def _session_of(self, profile: ChargingProfile) -> Session:
        """The session that a TxProfile is for."""
        session = running_session(self.book.view, ConnectorId(profile.connector))
        if session is None:
            raise NotAcceptable(f"no transaction runs on connector {profile.connector}")
        if profile.transaction_id is not None and profile.transaction_id != await self.transaction_of(session):
            raise NotAcceptable(f"transaction {profile.transaction_id} does not run on connector {profile.connector}")
        return session

    def _look(self, connector: int, from_ms: int) -> composite.Look:
        """What is to be expected at a moment. Without a transaction: of one that begins at `from_ms`."""
        book, efficiency = self.book, self.book.mains.efficiency
        began_ms = {one: book.began_ms(one, from_ms) or from_ms for one in book.connector_ids}

        def of_one(one: int, now_ms: int) -> composite.InForce:
            own = composite.InForce(self.local_w(one))
            return composite.lowest(book.in_force(one, now_ms, began_ms[ConnectorId(one)]), own)

        def look(now_ms: int) -> composite.InForce:
            station = composite.lowest(book.in_force(STATION, now_ms), composite.InForce(self.local_w(STATION)))
            if connector == STATION:
                connectors = composite.together([of_one(one, now_ms) for one in began_ms])
                return composite.lowest(station, composite.scaled(connectors, 1 / efficiency))
            return composite.lowest(composite.scaled(station, efficiency), of_one(connector, now_ms))

        return look
