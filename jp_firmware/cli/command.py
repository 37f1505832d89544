"""The `jp` command: its words, and which function each of them calls. What they do stands beside it.

Those are light, so that `jp` starts at once: each function imports the rooms that it needs when it is called. Errors
are one line on stderr and exit status 1; a wrong command line is 2, Ctrl-C is 130; never a traceback.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from jp_firmware.cli import acting, conformance, modules, running, watching
from jp_firmware.cli.config.command import add_set
from jp_firmware.cli.values import count, seconds, watts, watts_or_none

FAILED, USAGE, INTERRUPTED, NOBODY_READS = 1, 2, 130, 141

_DESCRIPTION = "Runs, shows and commands a DC fast charger."
_EPILOG = """\
first steps:
  jp demo                    a whole charger with an emulated cabinet and cars, on this machine
  jp status --watch          the charger on one page
  jp console                 the terminal
  jp config check FILE       what is wrong with a cabinet's configuration

JP_SOCKET names the charger's socket where --socket does not. JP_PROFILES names directories with own profiles.
"""

# Commands that bring their arguments along; imported only when they are called, since they bring a room along too.
ROOMS = {
    "config": (
        "jp_firmware.cli.config.command",
        "a charger's configuration: explained, checked, changed while it runs",
    ),
    "sim": ("jp_firmware.sim.command", "the emulated cabinet: modules, meters, PLC boards and cars on real bytes"),
    "csms": ("jp_firmware.csms.command", "a central system for the bench, the demo, and sites without another"),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command; the exit status."""
    arguments, passed_on = _split(list(sys.argv[1:] if argv is None else argv))
    try:
        parsed = parser(arguments).parse_args(arguments)
        parsed.passed_on = passed_on
        status: int = parsed.run(parsed)
        sys.stdout.flush()
    except SystemExit as ending:  # argparse has said what is wrong, or has printed its help
        return ending.code if isinstance(ending.code, int) else USAGE
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read our output has gone. What is still in the buffer goes nowhere, quietly.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return NOBODY_READS
    except _plain_errors() as error:
        at_its_place = type(error).__name__ == "ConfigError"  # begins with file and line, which editors follow
        print(error if at_its_place else f"jp: {error}", file=sys.stderr)
        return FAILED
    return status


def _split(arguments: list[str]) -> tuple[list[str], list[str]]:
    """What is ours, and what is passed on: by `jp test` to pytest, by `jp bench NAME` to that benchmark.

    argparse would take options among it for its own. A call for help is ours where no benchmark is named.
    """
    match arguments:
        case ["test", "-h" | "--help"]:
            return arguments, []
        case ["test", *for_pytest]:
            return ["test"], for_pytest
        case ["bench", name, *for_benchmark] if not name.startswith("-"):
            return ["bench", name], for_benchmark
    return arguments, []


def _plain_errors() -> tuple[type[Exception], ...]:
    """The errors whose text is all that there is to say. Looked up when one has been raised, not before."""
    from jp_firmware.cli.checks import ChecksError
    from jp_firmware.config.schema import ConfigError
    from jp_firmware.console.protocol import ConsoleError

    return acting.CommandError, ConsoleError, ConfigError, ChecksError


# --- the words -----------------------------------------------------------------------------------------------------


def parser(arguments: Sequence[str] = ()) -> argparse.ArgumentParser:
    """The parser. `arguments` say which of the commands that bring their own arguments is wanted."""
    top = argparse.ArgumentParser(
        prog="jp", description=_DESCRIPTION, epilog=_EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    _add_socket(top, default=None)
    top.add_argument("--version", action="version", version=f"jp {_version()}")
    commands = top.add_subparsers(title="commands", dest="command", metavar="COMMAND", required=True)
    _add_running(commands)
    _add_watching(commands)
    _add_acting(commands)
    _add_modules(commands)
    _add_project(commands)
    for name, (module, about) in ROOMS.items():
        room = commands.add_parser(name, help=about)
        if name in arguments:
            importlib.import_module(module).add_arguments(room)
    return top


def _command(commands: Any, name: str, run: Callable[[argparse.Namespace], int], about: str) -> argparse.ArgumentParser:
    added: argparse.ArgumentParser = commands.add_parser(name, help=about, description=about[:1].upper() + about[1:])
    added.set_defaults(run=run)
    return added


def _add_socket(to: argparse.ArgumentParser, default: object = argparse.SUPPRESS) -> None:
    """`--socket` may stand before the command and after it."""
    to.add_argument("--socket", type=Path, metavar="PATH", default=default, help="the charger's socket")


def _add_json(to: argparse.ArgumentParser) -> None:
    """Beside each table."""
    to.add_argument("--json", action="store_true", help="print JSON")


def _add_running(commands: Any) -> None:
    run = _command(commands, "run", running.run, "run the controller of a cabinet")
    run.add_argument("cabinet", metavar="CABINET", help="its configuration: a TOML file, or the name of an example")
    add_set(run)
    run.add_argument(
        "--device-dir", type=Path, default=Path("/dev"), metavar="DIR", help="where ttys are (%(default)s)"
    )
    run.add_argument("--state-dir", type=Path, metavar="DIR", help="where the journal is kept")
    _add_socket(run)
    demo = _command(
        commands, "demo", running.demo, "a whole charger with an emulated cabinet, cars and a central system"
    )
    demo.add_argument("--headless", action="store_true", help="print progress and a summary instead of the terminal")
    demo.add_argument(
        "--scenario",
        choices=("day", "busy-day", "ring-day"),
        default="day",
        help="day: for looking at; busy-day: one car after another, power measured against all limits and the ideal; "
        "ring-day: the same on the cabinet whose segments move",
    )
    demo.add_argument("--for", type=seconds, dest="for_s", metavar="SECONDS", help="end after this time")
    _add_socket(_command(commands, "console", running.console, "the terminal: watch and command the charger"))


def _add_watching(commands: Any) -> None:
    status = _command(commands, "status", watching.status, "the charger on one page")
    tree = _command(commands, "tree", watching.tree, "the live supervision tree")
    for one in (status, tree):
        _add_json(one)
        one.add_argument("--watch", action="store_true", help="keep printing until Ctrl-C")
        one.add_argument(
            "--interval", type=seconds, default=1.0, metavar="SECONDS", help="between two updates (%(default)s)"
        )
        _add_socket(one)
    _add_tree(tree)
    why = _command(commands, "why", watching.why, "why a connector gets the power it gets: every limit on its way")
    why.add_argument("connector", type=count, nargs="?", metavar="CONNECTOR", help="its number (default: all)")
    why.add_argument("--if-lost", action="store_true", help="instead: what the loss of each module would mean now")
    _add_json(why)
    _add_socket(why)
    session = commands.add_parser("session", help="what was charged", description="What was charged, and how it ended")
    verbs = session.add_subparsers(dest="verb", metavar="VERB", required=True)
    listing = _command(verbs, "list", watching.session_list, "the newest sessions")
    listing.add_argument("--limit", type=count, default=20, metavar="N", help="how many (%(default)s)")
    show = _command(verbs, "show", watching.session_show, "one session with its samples")
    show.add_argument("id", metavar="ID", help="the session's name, or the beginning of it")
    for one in (listing, show):
        _add_json(one)
        _add_socket(one)


def _add_tree(tree: argparse.ArgumentParser) -> None:
    tree.add_argument(
        "--history",
        nargs="?",
        const="",
        metavar="PART",
        help="what happened to all parts, or to one and those below it, since the controller started",
    )
    tree.add_argument("--limit", type=count, default=100, metavar="N", help="of the history (%(default)s)")
    verbs = tree.add_subparsers(dest="verb", metavar="VERB", title="on one part")
    restart = _command(verbs, "restart", acting.tree_restart, "make a part safe and start it again")
    restart.add_argument("--yes", action="store_true", help="even if it ends sessions, without asking")
    restart.add_argument("--reason", metavar="TEXT", help="for the journal")
    for one in (restart, _command(verbs, "release", acting.tree_release, "let a part that is latched start again")):
        one.add_argument("path", metavar="PART", help="as in wires/can0/module-3")
        _add_socket(one)


def _add_acting(commands: Any) -> None:
    start = _command(commands, "start", acting.start, "start a session at a connector")
    start.add_argument("--token", metavar="UID", help="bill it to this tag")
    for one in (
        start,
        _command(commands, "stop", acting.stop, "end the session of a connector, in order"),
        _command(commands, "unlock", acting.unlock, "end a session and release the connector's lock"),
    ):
        one.add_argument("connector", type=count, metavar="CONNECTOR", help="its number, as painted on the charger")
        _add_socket(one)
    limit = _command(commands, "limit", acting.limit, "set a power limit, until it is lifted; none lifts it")
    limit.add_argument("watts", type=watts_or_none, metavar="WATTS", help="100kW, or 100000; none: lift it")
    limit.add_argument(
        "--at", default="site", metavar="SCOPE", help="site, feeder-NAME, chain-NAME, connector-2 (site)"
    )
    limit.add_argument("--for", type=seconds, dest="for_s", metavar="TIME", help="it ends by itself: 90, 15min, 2h")
    limit.add_argument("--then", type=watts, dest="then_w", metavar="WATTS", help="and falls to this (no limit)")
    limit.add_argument("--owner", metavar="NAME", help="whose limit it is (operator)")
    limit.add_argument("--reason", metavar="TEXT", help="for whoever asks jp why")
    _add_socket(limit)
    fault = commands.add_parser("fault", help="faults and their remedies", description="Faults and their remedies")
    verbs = fault.add_subparsers(dest="verb", metavar="VERB", required=True)
    listing = _command(verbs, "list", watching.fault_list, "active faults, worst first")
    _add_json(listing)
    _add_socket(listing)
    for one in (
        _command(verbs, "ack", acting.fault_ack, "say that a fault has been seen"),
        _command(verbs, "clear", acting.fault_clear, "release a latched fault whose cause is gone"),
    ):
        one.add_argument("code", metavar="CODE", help="for instance SAF-01")
        one.add_argument("source", metavar="SOURCE", nargs="?", help="where; needed only where it is at several places")
        _add_socket(one)


def _add_modules(commands: Any) -> None:
    shown = _command(commands, "modules", modules.show, "the power modules, found against configured")
    _add_json(shown)
    _add_socket(shown)
    verbs = shown.add_subparsers(dest="verb", metavar="VERB", title="on a wire, or on one of them")
    identify = _command(
        verbs, "identify", modules.identify, "find out which modules are on a wire, without disturbing any"
    )
    identify.add_argument("wire", metavar="WIRE", help="a CAN wire of the cabinet, as in can0")
    identify.add_argument("--json", action="store_true", help="print JSON; progress goes to the standard error")
    accept = _command(verbs, "accept", modules.accept, "say that a replaced module is meant to be there")
    accept.add_argument("module", metavar="MODULE", help="its name, as in module-3")
    for one in (identify, accept):
        _add_socket(one)
    about = "whether a module driver does what the firmware relies on, without a charger"
    judged = _command(verbs, "conformance", conformance.conformance, about)
    judged.add_argument("driver", metavar="DRIVER", help="as it is installed, as in infypower or dbc")
    judged.add_argument("--profile", metavar="NAME", help="with this one; else with all that are the driver's")
    _add_json(judged)


def _add_project(commands: Any) -> None:
    test = _command(commands, "test", _test, "run the tests (a checkout only)")
    test.usage = "jp test [ARGUMENTS OF PYTEST ...]"
    _command(commands, "lint", _lint, "run ruff, mypy and the import contract (a checkout only)")
    bench = _command(commands, "bench", _bench, "run a benchmark (a checkout only)")
    bench.usage = "jp bench [NAME [OPTIONS OF THE BENCHMARK ...]]"
    bench.add_argument(
        "name", metavar="NAME", nargs="?", help="without one: which there are; its options: jp bench NAME --help"
    )
    completion = _command(commands, "completion", _completion, "print a script for tab completion")
    completion.add_argument("shell", choices=("bash", "zsh", "fish"))


def _version() -> str:
    from jp_firmware import __version__

    return __version__


# --- the project ---------------------------------------------------------------------------------------------------


def _test(args: argparse.Namespace) -> int:
    from jp_firmware.cli.checks import run_tests

    return run_tests(args.passed_on)


def _lint(args: argparse.Namespace) -> int:  # noqa: ARG001 - all commands are called alike
    from jp_firmware.cli.checks import run_lint
    from jp_firmware.cli.terminal import standard_output

    return run_lint(standard_output())


def _bench(args: argparse.Namespace) -> int:
    from jp_firmware.cli.checks import list_benchmarks, run_bench
    from jp_firmware.cli.terminal import standard_output

    return run_bench(args.name, args.passed_on) if args.name else list_benchmarks(standard_output())


def _completion(args: argparse.Namespace) -> int:
    from jp_firmware.cli.completion import script

    print(script(args.shell, parser(list(ROOMS))), end="")
    return 0
