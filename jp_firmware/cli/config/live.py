"""`jp config` on a charger that runs: what is in force and what was, changes of it, and the word that keeps them.

How a change is made stands in applying, how all is drawn in plan_lines; a file without a charger is the
business of in_file.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from jp_firmware.cli.acting import CommandError
from jp_firmware.cli.charger_socket import connect
from jp_firmware.cli.config import applying
from jp_firmware.cli.config.applying import TOPIC, Proposal
from jp_firmware.cli.terminal import Json, as_json, standard_output
from jp_firmware.cli.values import count, seconds

Verb = Callable[..., argparse.ArgumentParser]


def add_verbs(verbs: Any, verb: Verb) -> None:
    """Gives `jp config` the verbs of a charger that runs; `verb` adds one."""
    _add_looking(verbs, verb)
    setting = verb(verbs, "set", set_keys, "change keys of the charger that runs, or of a file")
    setting.add_argument("puts", metavar="KEY=VALUE", nargs="*", help="as in site.limit_w=100kW or charger.name=Yard")
    setting.add_argument("--unset", metavar="KEY", action="append", default=[], help="back to its default; or an item")
    setting.add_argument("--add", metavar="LIST=ITEM", action="append", default=[], help="as in 'feeders={ name = … }'")
    planning = verb(verbs, "plan", plan, "what a file would change, and what that takes; nothing is done")
    applying = verb(verbs, "apply", apply, "make a file the configuration")
    planning.add_argument("new", metavar="FILE", nargs="?", help="with the whole text; -: the standard input")
    planning.add_argument("--waiting", action="store_true", help="instead: the change that waits for sessions")
    applying.add_argument("new", metavar="FILE", help="with the whole text; -: the standard input")
    editing = verb(verbs, "edit", edit, "edit the configuration in $EDITOR")
    rolling = verb(verbs, "rollback", rollback, "go back to a version")
    rolling.add_argument("version", metavar="VERSION", type=count, help="see jp config history")
    hiding = verb(verbs, "secret", secret, "set a secret: asked for without echo, or read from the standard input")
    hiding.add_argument("key", metavar="SECRET", help="as in backend.password")
    for one in (setting, planning, applying):
        one.add_argument("--file", metavar="FILE", help="change this file, without a charger")
    for one in (setting, planning, applying, editing, rolling, hiding):
        _add_terms(one, dry_run=one not in (planning, editing))
    confirming = verb(verbs, "confirm", confirm, "keep a version that would be undone otherwise")
    confirming.add_argument("version", metavar="VERSION", type=count, nargs="?", help="(default: the one that waits)")
    reverting = verb(verbs, "revert", revert, "undo a version that is not confirmed, or give up a change that waits")
    reverting.add_argument("change", metavar="CHANGE", nargs="?", help="give up this one, as in change-3")
    for one in (confirming, reverting):
        _add_common(one)
    offering = verbs.add_parser("offered")  # for the scripts of `jp completion`: without help it is shown to nobody
    offering.add_argument("kind", choices=("keys", "settings", "secrets", "lists", "versions"))
    offering.add_argument("begun", nargs="?", default="", help="the word so far")
    offering.set_defaults(run=offered)


def _add_looking(verbs: Any, verb: Verb) -> None:
    showing = verb(verbs, "show", show, "what is in force, and from where")
    showing.add_argument("key", metavar="KEY", nargs="?", default="", help="this one and all below it (default: all)")
    showing.add_argument("--at", metavar="VERSION", type=count, help="instead: what that version said")
    showing.add_argument("--text", action="store_true", help="the TOML")
    listing = verb(verbs, "history", history, "the versions there were: who, when, why")
    listing.add_argument("-n", "--limit", metavar="N", type=count, default=20, help="how many (%(default)s)")
    comparing = verb(verbs, "diff", diff, "what differs between two versions")
    comparing.add_argument("since", metavar="VERSION", type=count, nargs="?", help="from (default: the one before)")
    comparing.add_argument("to", metavar="VERSION", type=count, nargs="?", help="to (default: the one in force)")
    for one in (showing, listing, comparing):
        _add_common(one)


def _add_terms(to: argparse.ArgumentParser, *, dry_run: bool) -> None:
    to.add_argument("--why", metavar="TEXT", help="for the history")
    to.add_argument(
        "--confirm",
        metavar="SECONDS",
        type=_seconds_or_none,
        help="undo it unless it is confirmed within that time; none: never (default: 60 where it could lock you out)",
    )
    to.add_argument("--force", action="store_true", help="end sessions that are in its way; asks first")
    to.add_argument("--yes", action="store_true", help="do not ask")
    if dry_run:
        to.add_argument("--dry-run", action="store_true", help="print the plan only")
    else:
        to.set_defaults(dry_run=False)
    _add_common(to)


def _add_common(to: argparse.ArgumentParser) -> None:
    to.add_argument("--json", action="store_true", help="print JSON")
    to.add_argument("--socket", type=Path, metavar="PATH", default=argparse.SUPPRESS, help="the charger's socket")


def _seconds_or_none(text: str) -> float:
    """0 for "none"."""
    return 0.0 if text.strip().lower() == "none" else seconds(text)


# --- looking ---------------------------------------------------------------------------------------------------------


def show(args: argparse.Namespace) -> int:
    from jp_firmware.cli.config.plan_lines import value_lines, version_lines

    with connect(args) as client:
        told = client.call("config.values") if args.at is None else client.call("config.show", version=args.at)
        now = client.call(f"{TOPIC}.get")
    terminal = standard_output()
    if args.text:
        terminal.print(
            as_json({"version": told["version"], "text": told["text"]}) if args.json else [told["text"][:-1]]
        )
        return 0
    values = told["values"] if args.at is None else values_of(told["text"])
    values = _below(values, args.key)
    if args.json:
        told.pop("text")
        terminal.print(as_json({**told, "values": values}))
        return 0
    head = [] if args.key else [*version_lines(told), ""] if args.at is None else [f"Version {args.at}", ""]
    terminal.print([*head, *value_lines(terminal, values)])
    if args.at is None:
        _say_what_waits(now)
    return 0


def values_of(text: str) -> list[Json]:
    """What a text alone would put in force, as `config.values` tells it. Raises CommandError for one with mistakes."""
    from jp_firmware.config.draft import effective, is_secret
    from jp_firmware.config.examine import examine
    from jp_firmware.config.text.edits import key_of, leaves

    examined = examine(text)
    if examined.cabinet is None:
        raise CommandError("this version is not valid any more: " + "; ".join(one.text for one in examined.errors))
    written = leaves(dict(examined.data))
    return [
        {"key": key_of(key), "value": None, "set": bool(value), "source": "secret", "secret": True}
        if is_secret(key)
        else {"key": key_of(key), "value": value, "source": "file" if key in written else "default"}
        for key, value in leaves(effective(examined.cabinet)).items()
    ]


def _below(values: list[Json], key: str) -> list[Json]:
    """A key and all below it. Raises CommandError where there is none."""
    from jp_firmware.cli.config.edits import declaration

    if not key:
        return values
    found = [one for one in values if one["key"] == key or one["key"].startswith(f"{key}.")]
    if not found:
        declaration(key)
        raise CommandError(f"{key} has no value; jp config explain {key} says what it means")
    return found


def _say_what_waits(now: Json) -> None:
    """On the standard error: it is about what was printed."""
    from jp_firmware.cli.config.plan_lines import connectors
    from jp_firmware.cli.terminal import clean

    change, waiting, unconfirmed = now["change"], now["waiting"], now["unconfirmed"]
    if change is not None and change != waiting:
        print(f"{clean(change['id'])} by {clean(change['who'])} is under way", file=sys.stderr)
    elif unconfirmed is not None:
        left = f" in {unconfirmed['ends_in_s']:.0f} s" if unconfirmed["ends_in_s"] is not None else ""
        print(f"version {unconfirmed['version']} is undone{left}; jp config confirm keeps it", file=sys.stderr)
    if waiting is not None:
        name, who, for_ = clean(waiting["id"]), clean(waiting["who"]), waiting["waits_for"]
        what = f"for the session on {connectors(for_)}" if for_ else "until nothing is in its way"
        print(
            f"{name} by {who} waits {what}, to change {', '.join(map(clean, waiting['keys'])) or 'the text'};\n"
            f"jp config plan --waiting shows it, jp config revert {name} gives it up",
            file=sys.stderr,
        )


def history(args: argparse.Namespace) -> int:
    from jp_firmware.cli.config.plan_lines import history_lines

    with connect(args) as client:
        told = client.call("config.history", limit=args.limit)
    terminal = standard_output()
    terminal.print(as_json(told) if args.json else history_lines(terminal, told))
    return 0


def diff(args: argparse.Namespace) -> int:
    from jp_firmware.cli.config.plan_lines import difference_lines

    given = {"from": args.since, "to": args.to}
    if args.since is not None and args.to is None:
        given.pop("to")
    with connect(args) as client:
        told = client.call("config.diff", **{name: one for name, one in given.items() if one is not None})
    terminal = standard_output()
    if args.json:
        terminal.print(as_json(told))
    elif not told["difference"]:
        terminal.print([f"Versions {told['from']} and {told['to']} say the same."])
    else:
        terminal.print(difference_lines(terminal, told["difference"]))
    return 0


def offered(args: argparse.Namespace) -> int:
    """What tab completion offers, one a line: of the charger that runs, and where none does, what there may be."""
    from jp_firmware.config.told.explain import all_keys
    from jp_firmware.console.protocol import ConsoleError

    anywhere = [one for one in all_keys() if "*" not in one.path]
    told: list[Json] = []
    try:
        with connect(args) as client:
            told = client.call("config.history") if args.kind == "versions" else client.call("config.values")["values"]
    except ConsoleError:
        pass  # completion is no place to say so
    match args.kind:
        case "versions":
            names = [str(one["version"]) for one in told]
        case "lists":
            names = [f"{one.name}=" for one in anywhere if one.is_list]
        case "secrets":
            names = [one.name for one in anywhere if one.key.secret]
        case "settings" if "=" in args.begun:
            key = args.begun.partition("=")[0]
            names = [f"{key}={value}" for value in _values_offered(key, told)]
        case "settings":
            absent = [one.name for one in anywhere if not one.is_table and not one.key.secret]
            names = [f"{key}=" for key in (*(one["key"] for one in told if not one.get("secret")), *absent)]
        case _:
            names = [*(one["key"] for one in told), *(one.name for one in anywhere)]
    print("\n".join(dict.fromkeys(names)))
    return 0


def _values_offered(key: str, told: list[Json]) -> list[str]:
    """The choices of a key; of one without choices, what is in force."""
    from jp_firmware.config.told.explain import find

    one = find(key)
    if one is None or one.key.secret or one.is_list:
        return []
    if one.type is bool:
        return ["true", "false"]
    if one.key.one_of:
        return [str(choice) for choice in one.key.one_of]
    in_force = [value["value"] for value in told if value["key"] == key]
    shown = [f"{value:.12g}" if isinstance(value, float) else str(value) for value in in_force]
    return [text for text in shown if not any(map(str.isspace, text))]  # shells take those for several words


# --- changing --------------------------------------------------------------------------------------------------------


def set_keys(args: argparse.Namespace) -> int:
    from jp_firmware.cli.config.edits import edits_of

    edits = edits_of(args.puts, args.unset, args.add)
    if not edits:
        raise CommandError("nothing to change; write KEY=VALUE, --unset KEY or --add LIST=ITEM")
    if args.file is not None:  # an empty name is no charger
        from jp_firmware.cli.config import in_file

        return in_file.change(args, args.file, edits=edits)
    return applying.propose(args, Proposal(what={"edits": edits}))


def plan(args: argparse.Namespace) -> int:
    args.dry_run = True
    if args.waiting == (args.new is not None):
        raise CommandError("name a file, or say --waiting; see jp config plan --help")
    if args.new is not None:
        return apply(args)
    with connect(args) as client:
        waiting = client.call(f"{TOPIC}.get")["waiting"]
    if waiting is None:
        raise CommandError("no change waits for sessions; see jp config show")
    return applying.propose(args, Proposal(what={"waiting": waiting["id"]}))


def apply(args: argparse.Namespace) -> int:
    text = read(args.new)
    if args.file is not None:  # an empty name is no charger
        from jp_firmware.cli.config import in_file

        return in_file.change(args, args.file, text=text, name=args.new)
    name = "" if args.new == "-" else args.new
    return applying.propose(args, Proposal(what={"text": text}, file=name))


def edit(args: argparse.Namespace) -> int:
    from jp_firmware.cli.config.editor import edit as by_hand

    return by_hand(args)


def read(name: str) -> str:
    """The text of a file, or of the standard input for "-". Raises ConfigError."""
    from jp_firmware.config.profiles import MAX_BYTES, read_text, text_of

    return text_of(sys.stdin.buffer.read(MAX_BYTES + 1), "standard input") if name == "-" else read_text(Path(name))


def rollback(args: argparse.Namespace) -> int:
    what = {"version": args.version}
    return applying.propose(args, Proposal(what=what, method="config.rollback"))


def secret(args: argparse.Namespace) -> int:
    import getpass

    from jp_firmware.cli.asking import is_attended
    from jp_firmware.cli.config.edits import declaration

    if not declaration(args.key).key.secret:
        raise CommandError(f"{args.key} is no secret; use jp config set {args.key}=VALUE")
    if is_attended():
        value = getpass.getpass(f"{args.key}: ")
        if value != getpass.getpass("Once more: "):
            raise CommandError("the two differ; nothing was done")
    else:
        value = sys.stdin.readline().rstrip("\r\n")
    if not value:
        raise CommandError(f"{args.key} would be empty; nothing was done")
    if not value.isprintable():
        raise CommandError(f"{args.key} would hold a character that is none, or none to see; nothing was done")
    return applying.propose(args, Proposal(what={"secrets": {args.key: value}}, secret=True))


# --- the word that keeps it ------------------------------------------------------------------------------------------


def confirm(args: argparse.Namespace) -> int:
    with connect(args) as client:
        version = args.version
        if version is None:
            unconfirmed = client.call(f"{TOPIC}.get")["unconfirmed"]
            if unconfirmed is None:
                raise CommandError("no version waits to be confirmed; see jp config history")
            version = unconfirmed["version"]
        client.call("config.confirm", version=version)
    _print(args, {"result": "confirmed", "version": version}, f"Version {version} is confirmed.")
    return 0


def revert(args: argparse.Namespace) -> int:
    with connect(args) as client:
        done = client.call("config.revert", **({"waiting": args.change} if args.change else {}))
    if done["undone"] is None:
        told = {"result": "given up", "change": done["given_up"]}
        _print(args, told, f"{done['given_up']} was given up; nothing has changed.")
    elif args.json:
        _print(args, {"result": "undone", "version": done["undone"]}, "")
    else:
        applying.undone(args, done["undone"])
    return 0


def _print(args: argparse.Namespace, told: Json, text: str) -> None:
    standard_output().print(as_json(told) if args.json else [text])
