"""Limits as a person thinks of them, as the messages of smart charging: `jp csms ctl limit`, `unlimit`, `schedule`.

Pure: arguments in, action and payload out. What a charger makes of them is its own business.
"""

from __future__ import annotations

import argparse
from datetime import datetime
from typing import Any, Final

from jp_firmware.ocpp.envelope import Payload
from jp_firmware.ocpp.v16.translate import timestamp

VERBS: Final = ("limit", "unlimit", "schedule")
PURPOSES: Final = {
    "station": "ChargePointMaxProfile",
    "default": "TxDefaultProfile",
    "transaction": "TxProfile",
}

_LIMIT: Final = """\
Sets a charging profile of kind Absolute that begins now. Each STEP is KW, or KW@S for a limit that begins after S
seconds: "60 30@600 0@1200" is 60 kW for ten minutes, then 30 kW, and from the twentieth minute on nothing.
"""


def add_verbs(verbs: Any) -> None:
    """Gives the control client its verbs of smart charging."""
    limit = verbs.add_parser("limit", help="limit a station or a connector by a charging profile", description=_LIMIT)
    limit.add_argument("station")
    limit.add_argument("steps", nargs="+", type=step, metavar="STEP", help="KW, or KW@S")
    limit.add_argument("--connector", type=int, default=0, metavar="N", help="0 for the station (default)")
    limit.add_argument(
        "--purpose", choices=PURPOSES, help="default: station for connector 0, else default, which is any transaction's"
    )
    limit.add_argument("--for", type=int, dest="for_s", metavar="S", help="how long it holds; default: until unlimit")
    limit.add_argument("--id", type=int, default=1, metavar="N", help="of the profile (default %(default)s)")
    limit.add_argument("--level", type=int, default=0, metavar="N", help="its stack level (default %(default)s)")
    unlimit = verbs.add_parser("unlimit", help="clear charging profiles; without any option, all of them")
    unlimit.add_argument("station")
    unlimit.add_argument("--id", type=int, metavar="N", help="only this one")
    unlimit.add_argument("--connector", type=int, metavar="N", help="only those of this connector, 0 the station's")
    unlimit.add_argument("--purpose", choices=PURPOSES, help="only those of this purpose")
    unlimit.add_argument("--level", type=int, metavar="N", help="only those of this stack level")
    schedule = verbs.add_parser("schedule", help="ask what a station or a connector expects to draw at most")
    schedule.add_argument("station")
    schedule.add_argument("--connector", type=int, default=0, metavar="N", help="0 for the station (default)")
    schedule.add_argument("--for", type=int, dest="for_s", default=3600, metavar="S", help="(default %(default)s)")
    schedule.add_argument("--unit", choices=("W", "A"), default="W", help="(default %(default)s)")


def step(text: str) -> tuple[int, float]:
    """ "30" or "30@600": seconds and watts. Raises ArgumentTypeError."""
    kw, _, seconds = text.partition("@")
    try:
        found = int(seconds or 0), round(float(kw) * 1000, 1)
    except (ValueError, OverflowError):
        raise argparse.ArgumentTypeError(f"{text!r}: write KW, or KW@S, as in 30@600") from None
    if not (found[0] >= 0 and 0 <= found[1] < float("inf")):
        raise argparse.ArgumentTypeError(f"{text!r}: neither a limit nor a time is below 0")
    return found


def request(args: argparse.Namespace, now: datetime) -> tuple[str, Payload]:
    """Action and payload of one of `VERBS`, as its parsed arguments say."""
    if args.verb == "limit":
        return "SetChargingProfile", _set(args, now)
    if args.verb == "unlimit":
        asked = {
            "id": args.id,
            "connectorId": args.connector,
            "chargingProfilePurpose": PURPOSES.get(args.purpose),
            "stackLevel": args.level,
        }
        return "ClearChargingProfile", {key: value for key, value in asked.items() if value is not None}
    return "GetCompositeSchedule", {
        "connectorId": args.connector,
        "duration": args.for_s,
        "chargingRateUnit": args.unit,
    }


def _set(args: argparse.Namespace, now: datetime) -> Payload:
    schedule: Payload = {
        "startSchedule": timestamp(now),
        "chargingRateUnit": "W",
        "chargingSchedulePeriod": [{"startPeriod": at_s, "limit": limit_w} for at_s, limit_w in args.steps],
    }
    if args.for_s is not None:
        schedule["duration"] = args.for_s
    return {
        "connectorId": args.connector,
        "csChargingProfiles": {
            "chargingProfileId": args.id,
            "stackLevel": args.level,
            "chargingProfilePurpose": PURPOSES[args.purpose or ("default" if args.connector else "station")],
            "chargingProfileKind": "Absolute",
            "chargingSchedule": schedule,
        },
    }
