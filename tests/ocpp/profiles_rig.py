"""Charging profiles as a central system sends them, and what becomes of them at the charger."""

from datetime import UTC, datetime, timedelta

from jp_firmware.journal import state
from jp_firmware.model.session import IdToken, TokenSource
from jp_firmware.ocpp.v16 import charging_profile
from jp_firmware.ocpp.v16.charging_profile import Mains, milliseconds
from jp_firmware.ocpp.v16.profile_book import PROFILES

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
NOW = milliseconds(NOON)
APP = IdToken("APP-1", TokenSource.REMOTE)
ACCEPTED, REJECTED, UNKNOWN = {"status": "Accepted"}, {"status": "Rejected"}, {"status": "Unknown"}


def read(connector, message, now_ms, mains=None):
    """The profile of a charger at 230/400 V, and one whose conversion loses nothing, unless it says otherwise."""
    return charging_profile.read(connector, message, now_ms, mains or Mains())


def told(*periods, purpose="TxDefaultProfile", kind="Absolute", unit="W", schedule=None, **more):
    """A profile's message. Periods are (seconds, limit)."""
    return {
        "chargingProfileId": 7,
        "stackLevel": 2,
        "chargingProfilePurpose": purpose,
        "chargingProfileKind": kind,
        "chargingSchedule": {
            "chargingRateUnit": unit,
            "chargingSchedulePeriod": [{"startPeriod": at, "limit": limit} for at, limit in periods],
            **(schedule or {}),
        },
        **more,
    }


def at(hours: float = 0) -> str:
    return (NOON + timedelta(hours=hours)).isoformat().replace("+00:00", "Z")


async def set_(site, connector, *periods, **more):
    message = told(*(periods or ((0, 30_000),)), **more)
    return await site.ask("SetChargingProfile", {"connectorId": connector, "csChargingProfiles": message})


def allowed(site, connector):
    """What the profiles allow now."""
    book = site.backend.profiles
    return book.in_force(connector, book.now_ms, book.began_ms(connector, book.now_ms)).limit_w


def installed(site):
    return [(one.id, one.connector, one.stack_level) for one in site.backend.profiles.profiles]


def kept(site):
    return [one["profile"]["chargingProfileId"] for one in state.get(site.journal.db, PROFILES) or []]


async def schedule(site, connector=1, duration=3600, **more):
    answer = await site.ask("GetCompositeSchedule", {"connectorId": connector, "duration": duration, **more})
    return [(one["startPeriod"], one["limit"]) for one in answer["chargingSchedule"]["chargingSchedulePeriod"]]
