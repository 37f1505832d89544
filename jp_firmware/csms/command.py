"""`jp csms`: the words of the command line for the central system and its control port."""

from __future__ import annotations

import argparse
import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from jp_firmware.csms import keys, profiles
from jp_firmware.csms.central import STATUSES
from jp_firmware.csms.control import CsmsControl, default_path
from jp_firmware.csms.failure import CsmsError

_EXAMPLES = """\
examples:
  jp csms --port 9016                              serve at ws://localhost:9016/ocpp/<identity>
  jp csms ctl stations                             who is there, and in what state
  jp csms ctl call JP-DEMO-1 RemoteStartTransaction '{"connectorId": 1, "idTag": "APP-1"}'
  jp csms ctl limit JP-DEMO-1 30 --connector 2 --for 600     no more than 30 kW there for ten minutes
  jp csms ctl unlimit JP-DEMO-1                    clear all charging profiles
  jp csms ctl get JP-DEMO-1 HeartbeatInterval JP.site.limit_w
  jp csms ctl set JP-DEMO-1 HeartbeatInterval 60
  jp csms ctl refuse                               play a central system that is away, until `accept`
  jp csms ctl answer StartTransaction silent       leave the next StartTransaction without an answer
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Gives `parser` the arguments of `jp csms`; the parsed ones go to `main`."""
    parser.description = "A central system for OCPP 1.6-J: for the bench, the demo, and sites without another."
    parser.epilog = _EXAMPLES
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--host", default="127.0.0.1", help="address to listen at (default %(default)s: this machine)")
    parser.add_argument("--port", type=int, default=9016, help="TCP port for stations (default %(default)s)")
    parser.add_argument("--control", type=Path, metavar="SOCKET", help=f"control socket (default {default_path()})")
    parser.add_argument(
        "--tags",
        type=Path,
        metavar="FILE",
        help=f"verdicts, a line each: TAG STATUS ({', '.join(STATUSES)}); * stands for all others; default: Accepted",
    )
    parser.add_argument("--trace", type=Path, metavar="FILE", help="write every message to FILE, a line of JSON each")
    parser.add_argument(
        "--heartbeat", type=int, default=300, metavar="S", help="interval told to stations (%(default)s)"
    )
    verbs = parser.add_subparsers(dest="part", metavar="ctl")
    ctl = verbs.add_parser("ctl", help="command a running central system", description=_CTL)
    ctl.add_argument("--control", type=Path, dest="ctl_control", metavar="SOCKET", help="its control socket")
    _add_verbs(ctl.add_subparsers(dest="verb", metavar="VERB", required=True))
    parser.set_defaults(run=main)


_CTL = "Commands a running central system over its control socket and prints what it answers as JSON."


def _add_verbs(verbs: Any) -> None:
    verbs.add_parser("stations", help="the stations that were ever seen")
    verbs.add_parser("transactions", help="every transaction: registers, reason, how often it was told")
    verbs.add_parser("orphans", help="stops of transactions that were never started here")
    messages = verbs.add_parser("messages", help="what was heard and said")
    messages.add_argument("--since", type=int, default=0, metavar="N", help="only those with a number above N")
    messages.add_argument("--action", default="", help="only this action and its answers")
    call = verbs.add_parser("call", help="send a request to a station and print its answer")
    call.add_argument("station")
    call.add_argument("action", help="for instance Reset")
    call.add_argument("payload", nargs="?", default="{}", type=_json, help='JSON, for instance \'{"type": "Soft"}\'')
    profiles.add_verbs(verbs)
    keys.add_verbs(verbs)
    verbs.add_parser("refuse", help="drop all stations and let none in")
    only = verbs.add_parser("only", help="know this station alone, until accept")
    only.add_argument("station")
    verbs.add_parser("accept", help="let stations in again")
    drop = verbs.add_parser("drop", help="end one station's connection")
    drop.add_argument("station")
    answer = verbs.add_parser("answer", help="answer an action wrongly for a while")
    answer.add_argument("action")
    answer.add_argument("mode", choices=("normal", "silent", "error", "drop", "payload"))
    answer.add_argument("--count", type=int, default=1, help="how often; 0 for ever (default %(default)s)")
    answer.add_argument("--payload", type=_json, default={}, help="the answer itself, for mode payload")


def _json(text: str) -> Any:
    try:
        value = json.loads(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not JSON") from None
    if not isinstance(value, dict):
        raise argparse.ArgumentTypeError(f"{text!r} is not a JSON object")
    return value


def main(args: argparse.Namespace) -> int:
    """Does what the arguments say; the exit status. Errors go to stderr, one line each."""
    try:
        if args.part == "ctl":
            _command(args)
        else:
            _serve(args)
    except CsmsError as error:
        _say(str(error))
        return 1
    return 0


def _serve(args: argparse.Namespace) -> None:
    from jp_firmware.csms import server  # brings OCPP's schemas along, which `ctl` has no use for

    control = args.control or default_path()
    server.run(
        args.host,
        args.port,
        control,
        tags=args.tags,
        trace=args.trace,
        heartbeat_s=args.heartbeat,
        told=lambda text: _say(f"{text}; commands at {control}"),
    )


def _say(text: str) -> None:
    sys.stderr.write(f"jp csms: {text}\n")


def _command(args: argparse.Namespace) -> None:
    control = CsmsControl(args.ctl_control or args.control)
    if args.verb in profiles.VERBS:
        action, payload = profiles.request(args, datetime.now(UTC))
        _print(control.call("call", station=args.station, action=action, payload=payload))
        return
    if args.verb in keys.VERBS:
        action, payload = keys.request(args)
        _print(control.call("call", station=args.station, action=action, payload=payload))
        return
    params = {
        name: getattr(args, name)
        for name in ("since", "action", "station", "payload", "mode", "count")
        if getattr(args, name, None) is not None
    }
    _print(control.call(args.verb, **params))


def _print(answer: Any) -> None:
    sys.stdout.write(json.dumps(answer, indent=2) + "\n")
