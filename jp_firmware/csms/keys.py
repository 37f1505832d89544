"""A station's configuration keys, asked for and changed: `jp csms ctl get`, `set`.

Pure: arguments in, action and payload out. What a charger makes of them is its own business.
"""

from __future__ import annotations

import argparse
from typing import Any, Final

from jp_firmware.ocpp.envelope import Payload

VERBS: Final = ("get", "set")


def add_verbs(verbs: Any) -> None:
    """Gives the control client its verbs of configuration keys."""
    get = verbs.add_parser("get", help="ask a station for its configuration keys")
    get.add_argument("station")
    get.add_argument("key", nargs="*", help="for instance HeartbeatInterval or JP.site.limit_w; default: all of them")
    change = verbs.add_parser("set", help="change a configuration key of a station")
    change.add_argument("station")
    change.add_argument("key")
    change.add_argument("value")


def request(args: argparse.Namespace) -> tuple[str, Payload]:
    """Action and payload of one of `VERBS`, as its parsed arguments say."""
    if args.verb == "set":
        return "ChangeConfiguration", {"key": args.key, "value": args.value}
    return "GetConfiguration", {"key": args.key} if args.key else {}
