"""The `jp` command: one subcommand, one function, and each imports what it needs when it runs.

Errors are one line on stderr and exit status 1; a wrong command line is 2, Ctrl-C is 130; never a traceback.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jp_firmware.cli_terminal import Terminal
    from jp_firmware.console.client import ConsoleClient

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
_ROOMS = {
    "sim": ("jp_firmware.sim.command", "the emulated cabinet: modules, meters, PLC boards and cars on real bytes"),
    "csms": ("jp_firmware.csms.command", "a central system for the bench, the demo, and sites without another"),
}


class CommandError(Exception):
    """The command cannot do what it was asked: what and why, in one line."""


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command; the exit status."""
    arguments, for_pytest = _split(list(sys.argv[1:] if argv is None else argv))
    try:
        parsed = parser(arguments).parse_args(arguments)
        parsed.for_pytest = for_pytest
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
    """What is ours, and what `jp test` passes on to pytest: argparse would take options among it for its own."""
    if arguments[:1] == ["test"] and arguments[1:] not in (["-h"], ["--help"]):
        return arguments[:1], arguments[1:]
    return arguments, []


def _plain_errors() -> tuple[type[Exception], ...]:
    """The errors whose text is all that there is to say. Looked up when one has been raised, not before."""
    from jp_firmware.cli_checks import ChecksError
    from jp_firmware.config.schema import ConfigError
    from jp_firmware.console.protocol import ConsoleError

    return CommandError, ConsoleError, ConfigError, ChecksError


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
    _add_project(commands)
    for name, (module, about) in _ROOMS.items():
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


def _add_running(commands: Any) -> None:
    run = _command(commands, "run", _run, "run the controller of a cabinet")
    run.add_argument("cabinet", metavar="CABINET", help="its configuration: a TOML file, or the name of an example")
    _add_set(run)
    run.add_argument(
        "--device-dir", type=Path, default=Path("/dev"), metavar="DIR", help="where ttys are (%(default)s)"
    )
    run.add_argument("--state-dir", type=Path, metavar="DIR", help="where the journal is kept")
    _add_socket(run)
    demo = _command(commands, "demo", _demo, "a whole charger with an emulated cabinet, cars and a central system")
    demo.add_argument("--headless", action="store_true", help="print progress and a summary instead of the terminal")
    demo.add_argument("--for", type=_seconds, dest="for_s", metavar="SECONDS", help="end after this time")
    _add_socket(_command(commands, "console", _console, "the terminal: watch and command the charger"))


def _add_watching(commands: Any) -> None:
    status = _command(commands, "status", _status, "the charger on one page")
    tree = _command(commands, "tree", _tree, "the live supervision tree")
    for one in (status, tree):
        one.add_argument("--json", action="store_true", help="print JSON")
        one.add_argument("--watch", action="store_true", help="keep printing until Ctrl-C")
        one.add_argument(
            "--interval", type=_seconds, default=1.0, metavar="SECONDS", help="between two updates (%(default)s)"
        )
        _add_socket(one)
    _add_tree(tree)
    session = commands.add_parser("session", help="what was charged", description="What was charged, and how it ended")
    verbs = session.add_subparsers(dest="verb", metavar="VERB", required=True)
    listing = _command(verbs, "list", _session_list, "the newest sessions")
    listing.add_argument("--limit", type=_count, default=20, metavar="N", help="how many (%(default)s)")
    show = _command(verbs, "show", _session_show, "one session with its samples")
    show.add_argument("id", metavar="ID", help="the session's name, or the beginning of it")
    for one in (listing, show):
        one.add_argument("--json", action="store_true", help="print JSON")
        _add_socket(one)


def _add_tree(tree: argparse.ArgumentParser) -> None:
    tree.add_argument(
        "--history",
        nargs="?",
        const="",
        metavar="PART",
        help="what happened to all parts, or to one and those below it, since the controller started",
    )
    tree.add_argument("--limit", type=_count, default=100, metavar="N", help="of the history (%(default)s)")
    verbs = tree.add_subparsers(dest="verb", metavar="VERB", title="on one part")
    restart = _command(verbs, "restart", _tree_restart, "make a part safe and start it again")
    restart.add_argument("--yes", action="store_true", help="even if it ends sessions, without asking")
    restart.add_argument("--reason", metavar="TEXT", help="for the journal")
    for one in (restart, _command(verbs, "release", _tree_release, "let a part that is latched start again")):
        one.add_argument("path", metavar="PART", help="as in wires/can0/module-3")
        _add_socket(one)


def _add_acting(commands: Any) -> None:
    start = _command(commands, "start", _start, "start a session at a connector")
    start.add_argument("--token", metavar="UID", help="bill it to this tag")
    for one in (
        start,
        _command(commands, "stop", _stop, "end the session of a connector, in order"),
        _command(commands, "unlock", _unlock, "end a session and release the connector's lock"),
    ):
        one.add_argument("connector", type=_count, metavar="CONNECTOR", help="its number, as painted on the charger")
        _add_socket(one)
    limit = _command(commands, "limit", _limit, "set the site's power limit, until the controller restarts")
    limit.add_argument("watts", type=_watts, metavar="WATTS", help="100000, or 100kW")
    _add_socket(limit)
    fault = commands.add_parser("fault", help="faults and their remedies", description="Faults and their remedies")
    verbs = fault.add_subparsers(dest="verb", metavar="VERB", required=True)
    listing = _command(verbs, "list", _fault_list, "active faults, worst first")
    listing.add_argument("--json", action="store_true", help="print JSON")
    _add_socket(listing)
    for one in (
        _command(verbs, "ack", _fault_ack, "say that a fault has been seen"),
        _command(verbs, "clear", _fault_clear, "release a latched fault whose cause is gone"),
    ):
        one.add_argument("code", metavar="CODE", help="for instance SAF-01")
        one.add_argument("source", metavar="SOURCE", nargs="?", help="where; needed only where it is at several places")
        _add_socket(one)


def _add_project(commands: Any) -> None:
    config = commands.add_parser("config", help="a cabinet's configuration", description="A cabinet's configuration")
    check = _command(
        config.add_subparsers(dest="verb", metavar="VERB", required=True),
        "check",
        _config_check,
        "say what is wrong in it",
    )
    check.add_argument("file", metavar="FILE", help="a TOML file, or the name of an example")
    _add_set(check)
    test = _command(commands, "test", _test, "run the tests (a checkout only)")
    test.usage = "jp test [ARGUMENTS OF PYTEST ...]"
    _command(commands, "lint", _lint, "run ruff, mypy and the import contract (a checkout only)")
    bench = _command(commands, "bench", _bench, "run a benchmark (a checkout only)")
    bench.add_argument("name", metavar="NAME", help="of tests/bench/NAME.py")
    bench.add_argument("--quick", action="store_true", help="fewer trials")
    completion = _command(commands, "completion", _completion, "print a script for tab completion")
    completion.add_argument("shell", choices=("bash", "zsh", "fish"))


def _add_set(to: argparse.ArgumentParser) -> None:
    to.add_argument(
        "--set",
        action="append",
        default=[],
        dest="overrides",
        metavar="KEY=VALUE",
        help="override a key, as in site.limit_w=100000 or wires.can0.port=jp/can1; may be repeated",
    )


def _seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds") from None
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is not a time above 0 s")
    return value


def _count(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text)):
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1")
    return int(text)


def _watts(text: str) -> float:
    number, factor = text.strip(), 1.0
    for unit, times in (("MW", 1e6), ("kW", 1e3), ("W", 1.0)):
        if number.lower().endswith(unit.lower()):
            number, factor = number[: -len(unit)].strip(), times
            break
    try:
        value = float(number) * factor
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a power; write 100000 or 100kW") from None
    if not 0 <= value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is not a power from 0 W")
    return value


def _version() -> str:
    from jp_firmware import __version__

    return __version__


# --- running -------------------------------------------------------------------------------------------------------


def _run(args: argparse.Namespace) -> int:
    from jp_firmware.config import store

    cabinet = store.load(store.find(args.cabinet), args.overrides)  # before the rest of the charger is even imported
    from jp_firmware import daemon

    return daemon.run(
        cabinet, device_dir=args.device_dir, state_dir=args.state_dir or default_state_dir(), socket=_socket(args)
    )


def default_state_dir() -> Path:
    """Where the journal is kept: systemd's StateDirectory, root's place, or the user's."""
    if given := os.environ.get("STATE_DIRECTORY"):
        return Path(given.split(":")[0])
    if os.geteuid() == 0:
        return Path("/var/lib/jp")
    return Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state", "jp")


def _demo(args: argparse.Namespace) -> int:
    from jp_firmware.demo import run

    return run.run(headless=args.headless, for_s=args.for_s)


def _console(args: argparse.Namespace) -> int:
    from jp_firmware.tui import app

    return app.run(_socket(args))


def _socket(args: argparse.Namespace) -> Path:
    from jp_firmware.console.client import default_socket_path

    return args.socket or default_socket_path()


# --- watching ------------------------------------------------------------------------------------------------------


def _client(args: argparse.Namespace) -> ConsoleClient:
    from jp_firmware.console.client import ConsoleClient

    return ConsoleClient(args.socket)


def _status(args: argparse.Namespace) -> int:
    from jp_firmware.cli_status import status_lines

    def draw(terminal: Terminal, told: dict[str, Any]) -> list[str]:
        return status_lines(terminal, told["status"], told["faults"])

    return _show(args, ("status", "faults"), draw, lambda told: {**told["status"], "faults": told["faults"]})


def _tree(args: argparse.Namespace) -> int:
    from jp_firmware.cli_terminal import standard_output
    from jp_firmware.cli_tree import history_lines, tree_lines

    if args.history is not None:
        with _client(args) as client:
            moments = client.call("tree.history", path=args.history, limit=args.limit)
        return _print(args, moments, lambda told: history_lines(standard_output(), told))
    return _show(args, ("tree",), lambda terminal, told: tree_lines(terminal, told["tree"]), lambda told: told["tree"])


def _show(
    args: argparse.Namespace,
    topics: Sequence[str],
    draw: Callable[[Terminal, dict[str, Any]], list[str]],
    as_data: Callable[[dict[str, Any]], object],
) -> int:
    """Shows topics once, or until Ctrl-C; as a page, or as JSON (with --watch one object a line)."""
    import json

    from jp_firmware.cli_terminal import as_json, standard_output, watch

    terminal = standard_output()
    with _client(args) as client:
        if not args.watch:
            told = {topic: client.call(f"{topic}.get") for topic in topics}
            terminal.print(as_json(as_data(told)) if args.json else draw(terminal, told))
        elif args.json:
            watch(
                client.subscribe(topics, args.interval),
                topics,
                lambda told: terminal.print([json.dumps(as_data(told), ensure_ascii=False)]),
            )
        else:
            watch(client.subscribe(topics, args.interval), topics, lambda told: terminal.redraw(draw(terminal, told)))
    return 0


def _session_list(args: argparse.Namespace) -> int:
    from jp_firmware.cli_session import session_list_lines

    with _client(args) as client:
        return _print(args, client.call("session.list", limit=args.limit), session_list_lines)


def _session_show(args: argparse.Namespace) -> int:
    from jp_firmware.cli_session import session_lines

    with _client(args) as client:
        return _print(args, client.call("session.show", id=args.id), session_lines)


def _fault_list(args: argparse.Namespace) -> int:
    from jp_firmware.cli_status import fault_lines
    from jp_firmware.cli_terminal import standard_output

    terminal = standard_output()
    with _client(args) as client:
        return _print(args, client.call("faults.get"), lambda told: fault_lines(terminal, told["active"]))


def _print(args: argparse.Namespace, value: Any, draw: Callable[[Any], list[str]]) -> int:
    from jp_firmware.cli_terminal import as_json, standard_output

    standard_output().print(as_json(value) if args.json else draw(value))
    return 0


# --- acting --------------------------------------------------------------------------------------------------------


def _start(args: argparse.Namespace) -> int:
    token = {"token": args.token} if args.token else {}
    return _act(args, f"connector {args.connector}: start", "connector.start", connector=args.connector, **token)


def _stop(args: argparse.Namespace) -> int:
    return _act(args, f"connector {args.connector}: stop", "connector.stop", connector=args.connector)


def _unlock(args: argparse.Namespace) -> int:
    return _act(args, f"connector {args.connector}: unlock", "connector.unlock", connector=args.connector)


def _limit(args: argparse.Namespace) -> int:
    return _act(args, f"site limit {args.watts / 1000:g} kW:", "limit.set", site_w=args.watts)


def _fault_ack(args: argparse.Namespace) -> int:
    return _on_fault(args, "acknowledge")


def _fault_clear(args: argparse.Namespace) -> int:
    return _on_fault(args, "clear")


def _tree_restart(args: argparse.Namespace) -> int:
    from jp_firmware.cli_tree import restart_lines

    asked = {"path": args.path} | ({"reason": args.reason} if args.reason else {})
    with _client(args) as client:
        told = client.call("tree.restart", **asked, yes=args.yes)
        if told["result"] == "unconfirmed":
            _confirm(f"restart {args.path}: it {told['text']}")
            told = client.call("tree.restart", **asked, yes=True)
    print("\n".join(restart_lines(args.path, told)))
    return 0


def _confirm(what: str) -> None:
    """Asks whoever sits at the terminal; without one, or without a yes, nothing is done."""
    if not sys.stdin.isatty():
        raise CommandError(f"{what}; say --yes if it shall")
    print(f"{what}. Go on? [y/N] ", end="", flush=True)
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise CommandError("nothing was done")


def _tree_release(args: argparse.Namespace) -> int:
    return _act(args, f"{args.path}: release", "tree.release", path=args.path)


def _on_fault(args: argparse.Namespace, verb: str) -> int:
    code = args.code.upper()
    source = args.source or _source_of(args, code)
    return _act(args, f"{code} at {source}: {verb}", f"fault.{verb}", code=code, source=source)


def _source_of(args: argparse.Namespace, code: str) -> str:
    with _client(args) as client:
        sources = sorted(one["source"] for one in client.call("faults.get")["active"] if one["code"] == code)
    if len(sources) == 1:
        return str(sources[0])
    if sources:
        raise CommandError(f"{code} is active at {', '.join(sources)}; say which")
    raise CommandError(f"{code} is not active; see jp fault list")


def _act(args: argparse.Namespace, what: str, method: str, /, **params: object) -> int:
    with _client(args) as client:
        client.call(method, **params)
    print(f"{what} accepted")
    return 0


# --- the project ---------------------------------------------------------------------------------------------------


def _config_check(args: argparse.Namespace) -> int:
    from jp_firmware.config import store

    path = store.find(args.file)
    cabinet = store.load(path, args.overrides)
    counts = {
        "connector": cabinet.connectors,
        "module": cabinet.modules,
        "meter": cabinet.meters,
        "PLC board": cabinet.plc_boards,
        "reader": cabinet.readers,
        "wire": cabinet.wires,
    }
    told = ", ".join(f"{len(items)} {word}{'s' if len(items) != 1 else ''}" for word, items in counts.items())
    print(f"{path}: good: {told}; site limit {cabinet.site.limit_w / 1000:g} kW")
    return 0


def _test(args: argparse.Namespace) -> int:
    from jp_firmware.cli_checks import run_tests

    return run_tests(args.for_pytest)


def _lint(args: argparse.Namespace) -> int:  # noqa: ARG001 - all commands are called alike
    from jp_firmware.cli_checks import run_lint
    from jp_firmware.cli_terminal import standard_output

    return run_lint(standard_output())


def _bench(args: argparse.Namespace) -> int:
    from jp_firmware.cli_checks import run_bench

    return run_bench(args.name, ["--quick"] if args.quick else [])


def _completion(args: argparse.Namespace) -> int:
    from jp_firmware.cli_completion import script

    print(script(args.shell, parser(list(_ROOMS))), end="")
    return 0
