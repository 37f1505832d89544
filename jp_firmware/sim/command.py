"""`jp sim`: the words of the command line for the emulated cabinet and its control port."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from jp_firmware.sim.control import Control, ControlError, default_path, runtime_dir
from jp_firmware.sim.options import Options

_EXAMPLES = """\
examples:
  jp sim demo --device-dir run/dev --control run/sim.sock   emulate the example cabinet
  jp sim ctl plug 1 --vehicle fiat-500e --soc 20 --battery-kwh 0.5 --leave-at 80
  jp sim ctl swipe 04A1B2C3D4E5F6                           hold a card to the reader
  jp sim ctl fault module-3 over-temperature                and `clear module-3` to repair it
  jp sim ctl fault connector-1 mute                         the car stops asking, its board goes on answering
  jp sim ctl plug-temperature 1 84.5                        a hot plug; `fault connector-1 temperature-sensor` breaks it
  jp sim ctl emergency-stop press --board plc-1
  jp sim ctl cut can0                                       pull the CAN adapter out, until `restore can0`
  jp sim ctl state --json
"""

_CTL = "ctl"

_PARAMETERS = (
    "connector",
    "vehicle",
    "soc",
    "battery_kwh",
    "leave_at",
    "uid",
    "reader",
    "device",
    "alarm",
    "action",
    "board",
    "wire",
    "since",
    "celsius",
    "contact",
)


_PACE = {
    "module_startup_s": "a module answers with error code 7 for so long after power-up",
    "walk_in_s": "soft start of a module, from 0 to its full voltage, where walk-in is enabled",
    "matching_s": "a car's SLAC",
    "handshake_s": "a car's session set-up",
    "parameters_s": "a car's charge parameter discovery",
    "ramp_s": "a car's own ramp to its charge curve",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Gives `parser` the arguments of `jp sim` and `jp sim ctl`; the parsed ones go to `main`."""
    parser.description = (
        "Emulates everything a cabinet configuration describes, in this process, on pseudo-terminals, TCP ports and "
        "network interfaces: modules, meters, PLC boards with cars, readers. `jp sim ctl VERB` commands a running one."
    )
    parser.epilog = _EXAMPLES
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("cabinet", metavar="CABINET.toml|ctl", help="file or name of a cabinet; or the word ctl")
    parser.add_argument(
        "--device-dir",
        type=Path,
        default=runtime_dir() / "dev",
        metavar="DIR",
        help="where the emulated ttys appear, under the names of the configuration (default %(default)s)",
    )
    parser.add_argument(
        "--control",
        type=Path,
        default=default_path(),
        metavar="SOCKET",
        help="Unix socket of the control port (default %(default)s)",
    )
    parser.add_argument("--json", action="store_true", dest="as_json", help="print JSON, for programs")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="override the configuration")
    parser.add_argument(
        "--no-wire-time", action="store_true", help="serial bytes take no time (default: as their baud rate has it)"
    )
    pace = parser.add_argument_group("pace", "seconds that the configuration does not describe; time is never scaled")
    for name, text in _PACE.items():
        pace.add_argument(f"--{name.replace('_', '-')}", type=float, metavar="S", help=f"{text} (default %(default)s)")
        pace.set_defaults(**{name: getattr(Options(), name)})
    _add_verbs(parser.add_subparsers(dest="verb", metavar="VERB", title="verbs of ctl"))
    parser.set_defaults(run=main)


def _add_verbs(verbs: Any) -> None:
    plug = verbs.add_parser("plug", help="a car plugs in")
    plug.add_argument("connector", type=int)
    plug.add_argument("--vehicle", help="one of `jp sim ctl vehicles`")
    plug.add_argument("--soc", type=float, metavar="PCT", help="state of charge it comes with (default 20)")
    plug.add_argument("--battery-kwh", type=float, metavar="X", help="size of its battery (default: the car's own)")
    plug.add_argument("--leave-at", type=float, metavar="PCT", help="it ends the session there (default 100)")
    for verb, text in (
        ("unplug", "the plug leaves the car, by force if need be"),
        ("pause", "the car takes no current for a while"),
        ("resume", "the car goes on"),
    ):
        verbs.add_parser(verb, help=text).add_argument("connector", type=int)
    heat = verbs.add_parser("plug-temperature", help="how hot the contacts of a plug are from now on")
    heat.add_argument("connector", type=int)
    heat.add_argument("celsius", type=float, metavar="C")
    heat.add_argument("--contact", type=int, choices=(1, 2), help="1: DC+, 2: DC- (default: both)")
    swipe = verbs.add_parser("swipe", help="a card is held to a reader")
    swipe.add_argument("uid", help="8, 14 or 20 hexadecimal digits")
    swipe.add_argument("--reader", metavar="ID", help="default: the first")
    fault = verbs.add_parser("fault", help="a device gets a fault that it reports")
    fault.add_argument("device", help="module-3, meter-1, plc-1, connector-2")
    fault.add_argument("alarm", nargs="?", help="default: its most typical one; a wrong one is answered with the list")
    for verb, text in (
        ("clear", "ends all faults and misbehaviour of a device"),
        ("freeze", "what a device says no longer changes, and it obeys nothing"),
        ("silence", "a device hears and acts, but says nothing"),
        ("corrupt", "what a device says is damaged"),
    ):
        verbs.add_parser(verb, help=text).add_argument("device", help="module-3, meter-1, plc-1, reader-0")
    stop = verbs.add_parser("emergency-stop", help="presses or releases the emergency stop")
    stop.add_argument("action", choices=("press", "release"))
    stop.add_argument("--board", metavar="ID", help="default: all boards")
    building = verbs.add_parser("building", help="what the rest of the site draws, for the site's meter")
    building.add_argument("power_w", type=float, metavar="W")
    for verb, text in (("cut", "takes a wire away"), ("restore", "puts a wire back")):
        verbs.add_parser(verb, help=text).add_argument("wire", help="a wire's name, or a reader's")
    verbs.add_parser("state", help="everything there is, as it is")
    verbs.add_parser("energy", help="energy by modules, meters and cars")
    marks = verbs.add_parser("marks", help="what happened when, on the monotonic clock")
    marks.add_argument("--since", type=float, metavar="T", help="only what is later (seconds of the monotonic clock)")
    verbs.add_parser("vehicles", help="the cars there are")


def main(args: argparse.Namespace) -> int:
    """Does what the arguments say; the exit status. Errors go to stderr, one line each."""
    if args.cabinet == _CTL:
        return _command(args)
    if args.verb is not None:
        return _fail(f"{args.verb} is a verb of a running cabinet: jp sim ctl {args.verb} ...")
    return _emulate(args)


def _command(args: argparse.Namespace) -> int:
    if args.verb is None:
        return _fail("ctl needs a verb; `jp sim --help` lists them")
    params = {name: getattr(args, name) for name in _PARAMETERS if getattr(args, name, None) is not None}
    try:
        with Control(args.control) as control:
            result = control.call(args.verb, **params)
    except ControlError as error:
        return _fail(str(error))
    sys.stdout.write(json.dumps(result) + "\n" if args.as_json else _text(result))
    return 0


def _emulate(args: argparse.Namespace) -> int:
    # Brings asyncio and pymodbus along, which `ctl` has no use for.
    from jp_firmware.config.schema import ConfigError
    from jp_firmware.config.store import find, load
    from jp_firmware.sim.cabinet import CabinetError, run

    def ready() -> None:
        told = {"ready": True, "device_dir": str(args.device_dir), "control": str(args.control)}
        words = f"emulated cabinet ready: devices in {args.device_dir}, commands at {args.control}"
        sys.stdout.write((json.dumps(told) if args.as_json else words) + "\n")
        sys.stdout.flush()

    try:
        cabinet = load(find(args.cabinet), args.set)
        pace = {name: getattr(args, name) for name in _PACE}
        options = Options(wire_time=not args.no_wire_time, **pace)
        run(cabinet, args.device_dir, args.control, options, ready)
    except (ConfigError, CabinetError) as error:
        return _fail(str(error))
    return 0


def _fail(words: str) -> int:
    for line in words.splitlines():
        sys.stderr.write(f"jp sim: {line}\n")
    return 1


def _text(result: Any, indent: str = "") -> str:
    """A result for people: names and values, indented, one a line."""
    if isinstance(result, list):
        return "".join(f"{indent}{_flat(one)}\n" for one in result)
    lines = ""
    for name, value in result.items():
        if isinstance(value, dict) and value:
            lines += f"{indent}{name}\n{_text(value, indent + '  ')}"
        else:
            lines += f"{indent}{name}: {_plain(value)}\n"
    return lines


def _flat(entry: dict[str, Any]) -> str:
    return "  ".join(_plain(value) for value in entry.values())


def _plain(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.3f}".rstrip("0").rstrip(".")
    if isinstance(value, dict | list):
        return json.dumps(value) if value else "-"
    return str(value)
