"""A change of the configuration brought to a charger that runs: proposed, asked about, applied, and kept or undone.

The charger carries a change out by itself: who leaves meanwhile, or loses the link, undoes nothing and leaves nothing
half. What became of a change is then read from the charger.
"""

from __future__ import annotations

import argparse
import getpass
import os
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

import attrs

from jp_firmware.cli import asking
from jp_firmware.cli.acting import CommandError
from jp_firmware.cli.charger_socket import connect
from jp_firmware.cli.config.plan_lines import LIVE, WHOLE, connectors, outdated_lines, plan_lines
from jp_firmware.cli.terminal import WIDTH, Json, Terminal, as_json, clean, standard_error, standard_output, wrapped
from jp_firmware.console.client import ConsoleClient
from jp_firmware.console.protocol import MAX_REQUEST_BYTES, CallFailed, ConsoleError, ErrorCode

APPLIED, REFUSED, WAITING, OUTDATED = 0, 1, 3, 4  # exit statuses

TOPIC = "config"
INTERVAL_S = 0.25  # ours: between two words on the progress
QUIET_S = 1.0  # ours: what is over by then needs no word on its progress
BACK_WITHIN_S = 120.0  # ours: an ordered stop of a large tree, and a start
RETRY_S = 0.5
MAX_TEXT_BYTES = MAX_REQUEST_BYTES * 7 // 8  # ours: the rest for what JSON escapes


@attrs.frozen(kw_only=True)
class Proposal:
    """What the charger is to change, as the parameters of `config.check`, and the call that makes it."""

    what: Json
    base: int | None = None  # the version that it was made to; None: the one that its plan is made to
    method: str = "config.apply"
    file: str = ""  # the one that its text stands in
    secret: bool = False  # it changes what is never shown


def terms_of(args: argparse.Namespace) -> Json:
    """Who makes the change, why, and how it is to be made."""
    told: Json = {"who": who(), "origin": "cli"}
    told |= {"why": args.why} if args.why else {}
    told |= {"confirm_s": args.confirm} if args.confirm is not None else {}
    return told | ({"force": True} if args.force else {})


def who() -> str:
    """The person behind a change, as this machine knows them."""
    if named := os.environ.get("SUDO_USER"):
        return named
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a user id without a name
        return f"user {os.getuid()}"


def propose(args: argparse.Namespace, proposal: Proposal) -> int:
    """Shows the plan, asks, and makes the change; the exit status."""
    terminal, plan = standard_output(), planned(args, proposal)
    lines = plan_lines(terminal, plan, file=proposal.file, force=args.force)
    lines += [f"{key} is held by --set on the charger's command line." for key in _held(args, proposal, plan)]
    in_text_only = not (plan["errors"] or plan["changes"] or proposal.secret)
    unchanged = in_text_only and plan["text"] == _text_of(args, plan["base"])
    if in_text_only:
        lines.append("Nothing changes." if unchanged else "Only the text changes, no value.")
    over = bool(plan["errors"]) or unchanged or args.dry_run
    if not args.json:
        terminal.print(lines)
    elif over:
        result = "refused" if plan["errors"] else "unchanged" if unchanged else "planned"
        terminal.print(as_json(plan | {"result": result}))
    if over:
        return REFUSED if plan["errors"] else APPLIED
    _ask(args, plan)
    return apply(args, proposal, plan)


def planned(args: argparse.Namespace, proposal: Proposal) -> Json:
    """What the charger says of it, with the terms of `args`; a finding that what is in force has too is not new."""
    if len(proposal.what.get("text", "").encode()) > MAX_TEXT_BYTES:
        raise CommandError(
            f"the text has more than {MAX_TEXT_BYTES // 1000} kB, which the charger does not take at once; change keys "
            "with jp config set, or the charger's own file and start it again"
        )
    with connect(args) as client:
        known = client.call("config.check", edits=[])["findings"]
        plan: Json = client.call("config.check", **proposal.what)
    if args.confirm is not None and not plan["errors"]:
        plan["confirm_s"] = args.confirm
    return plan | {"findings": marked(plan["findings"], known)}


def _held(args: argparse.Namespace, proposal: Proposal, plan: Json) -> list[str]:
    """Keys that are put and change nothing, since the charger's command line says otherwise."""
    changed = {one["key"] for one in plan["changes"]}
    idle = {one["put"] for one in proposal.what.get("edits", ()) if "put" in one} - changed
    if not idle or plan["errors"]:
        return []
    with connect(args) as client:
        values = client.call("config.values")["values"]
    return [one["key"] for one in values if one["source"] == "command line" and one["key"] in idle]


def _text_of(args: argparse.Namespace, version: int) -> str:
    with connect(args) as client:
        return str(client.call("config.show", version=version)["text"])


def marked(findings: Sequence[Json], known: Sequence[Json]) -> list[Json]:
    """The findings, each with `is_new`: whether it is not among those known. Lines may have moved."""
    seen = {(one["key"], one["text"], one["rule"]) for one in known if one["severity"] != "error"}
    return [one | {"is_new": (one["key"], one["text"], one["rule"]) not in seen} for one in findings]


def _ask(args: argparse.Namespace, plan: Json) -> None:
    """Whether to go on, where more than live keys is touched. Raises CommandError if not."""
    touched = [step for step in plan["steps"] if step["how"] != LIVE]
    if args.yes or not touched:
        return
    paths = [clean(step["path"]) for step in touched]
    question = f"This touches {', '.join(paths[:3])}{f' and {len(paths) - 3} more' if len(paths) > 3 else ''}."
    if is_whole(plan):
        question = "The controller starts anew for this."
    if plan["waits_for"]:
        ended = f"the session on {connectors(plan['waits_for'])}"
        question = f"This cuts {ended}." if args.force else f"The change waits for {ended}."
    asking.sure(question)


def is_whole(plan: Json) -> bool:
    """Whether all parts start anew, and the console with them."""
    return any(step["path"] == WHOLE and step["how"] != LIVE for step in plan["steps"])


# --- applying --------------------------------------------------------------------------------------------------------


def apply(args: argparse.Namespace, proposal: Proposal, plan: Json) -> int:
    """Makes a change that somebody has seen the plan of, and tells what became of it; the exit status."""
    params = terms_of(args) | proposal.what
    if proposal.method == "config.apply":
        params |= {"base": plan["base"] if proposal.base is None else proposal.base}
    try:
        with Progress(standard_error()) as progress:
            result = _result(args, proposal, params, plan, progress)
            if result["result"] == "applied" and is_whole(plan):
                result = result | _became(args, plan, progress, result["version"])
    except KeyboardInterrupt:
        _say(
            "The charger goes on with it by itself. jp config history tells what became of it; jp config revert gives "
            "it up while it waits, and undoes it while it is not confirmed."
        )
        raise
    return _tell(args, proposal, result)


def _result(args: argparse.Namespace, proposal: Proposal, params: Json, plan: Json, progress: Progress) -> Json:
    """The charger's answer; where none came, what became of the change."""
    client = connect(args)
    try:
        with client:
            answer: Json = client.call_watching(TOPIC, progress.tell, INTERVAL_S, proposal.method, **params)
            return answer
    except CallFailed as error:
        if error.code != ErrorCode.TIMED_OUT:
            raise
    except ConsoleError:
        if not is_whole(plan):
            print("the link to the charger broke; looking what became of the change", file=sys.stderr)
    return plan | _became(args, plan, progress)


def _became(args: argparse.Namespace, plan: Json, progress: Progress, at_least: int = 0) -> Json:
    """What became of a change that was planned so, once the charger answers and is through with it.

    `at_least`: the version that the change is known to have made; a topic may be a moment older than that.
    """

    def verdict(client: ConsoleClient, told: Json) -> Json | None:
        if told["version"] < at_least or not _is_settled(told):
            return None
        return _verdict(client.call("config.history", limit=1)[0], plan, told)

    return _followed(args, progress, verdict, "what became of the change, jp config history tells")


def _followed(
    args: argparse.Namespace, progress: Progress, ended: Callable[[ConsoleClient, Json], Json | None], where: str
) -> Json:
    """Watches the topic until `ended` makes something of it, over starts of the charger. `where` it is told later."""
    give_up_at_s = time.monotonic() + BACK_WITHIN_S
    while True:
        try:
            with connect(args) as client:
                for _, told in client.subscribe([TOPIC], INTERVAL_S):
                    progress.tell(told)
                    if (end := ended(client, told)) is not None:
                        return end
        except ConsoleError as error:
            if time.monotonic() >= give_up_at_s:
                raise CommandError(f"{error}; {where} once the charger runs") from error
            progress.say("the charger starts anew")
            time.sleep(RETRY_S)  # there is nothing to wait for: nobody tells when a socket is there again


def _is_settled(told: Json) -> bool:
    """Whether nothing is under way: no change, and no start whose parts are not all up."""
    if told["change"] is not None:
        return bool(told["change"]["state"] == "waiting")
    return told["unconfirmed"] is None or told["unconfirmed"]["ends_in_s"] is not None


def _verdict(newest: Json, plan: Json, told: Json) -> Json:
    change = told["change"]
    if change is not None and change["id"] != plan["beside"]:  # what waited before is somebody else's
        return {"result": "waiting", "waits_for": change["waits_for"], "change": change["id"]}
    if newest["version"] == plan["base"]:
        return {"result": "refused", "part": None, "why": "the charger does not say why; see jp status"}
    if newest["origin"].startswith("revert"):
        return {"result": "refused", "part": None, "why": newest["why"]}
    unconfirmed = told["unconfirmed"]
    return {
        "result": "applied",
        "version": newest["version"],
        "confirm_s": unconfirmed["ends_in_s"] if unconfirmed else 0,
    }


# --- what became of it -----------------------------------------------------------------------------------------------


def _tell(args: argparse.Namespace, proposal: Proposal, result: Json) -> int:
    terminal = standard_output()
    if args.json:
        terminal.print(as_json(result))
    match result["result"]:
        case "applied":
            return _applied(args, terminal, result)
        case "waiting":
            if not args.json:
                terminal.print(_waiting_lines(terminal, result))
            return WAITING
        case "outdated":
            if not args.json:
                terminal.print([*outdated_lines(terminal, result), _again(proposal)])
            return OUTDATED
    if not args.json:
        told = wrapped(f"Refused: {clean(result['why'])}", "")
        terminal.print([*(terminal.paint(line, "bad") for line in told), "All is as it was before."])
    return REFUSED


def _waiting_lines(terminal: Terminal, result: Json) -> list[str]:
    sessions = connectors(result["waits_for"])
    return [
        terminal.paint(f"Waits for the session on {sessions}; nothing has changed yet.", "attention"),
        "It is made by itself when nothing is in its way.",
        f"To give it up: jp config revert {clean(result['change'])}",
    ]


def _again(proposal: Proposal) -> str:
    if "edits" in proposal.what:
        return "-> look whether that is in your way, then give the command again"
    return "-> bring both together: jp config show --text gives what is in force now"


def _applied(args: argparse.Namespace, terminal: Terminal, result: Json) -> int:
    version, confirm_s = result["version"], result.get("confirm_s")
    if not confirm_s:
        if not args.json:
            terminal.print([f"Version {version} is in force."])
        return APPLIED
    if not args.json:
        terminal.print([terminal.paint(f"Version {version} is in force, and is to be confirmed.", "attention")])
    if not asking.is_attended():
        print(f"jp config confirm {version} keeps it; without that it is undone in {confirm_s:.0f} s", file=sys.stderr)
        return APPLIED
    return _keep_or_undo(args, version, confirm_s)


def _keep_or_undo(args: argparse.Namespace, version: int, confirm_s: float) -> int:
    ends_at_s = time.monotonic() + confirm_s
    try:
        answer = asking.counting_down(f"Keep version {version}? It is undone in {{:>3}} s. [y/n]", confirm_s)
        while answer not in (None, "y", "yes", "n", "no"):
            answer = asking.counting_down("y or n? It is undone in {:>3} s. [y/n]", ends_at_s - time.monotonic())
        if answer in ("y", "yes"):
            with connect(args) as client:
                client.call("config.confirm", version=version)
            print(f"Version {version} is confirmed.")
            return APPLIED
        if answer is not None:
            with connect(args) as client:
                client.call("config.revert", version=version)
        return undone(args, version)
    except KeyboardInterrupt:
        _say(f"Version {version} is not confirmed, and is undone by itself. jp config confirm {version} keeps it.")
        raise


def _say(text: str) -> None:
    """To whoever has just pressed Ctrl-C."""
    print("", *wrapped(text, ""), sep="\n", file=sys.stderr)


def undone(args: argparse.Namespace, version: int) -> int:
    """Waits until a version is no longer in force, and says what is. Where somebody has confirmed it, says that."""

    def settled(_: ConsoleClient, told: Json) -> Json | None:
        waits = told["unconfirmed"] is not None and told["unconfirmed"]["version"] == version
        return told if told["version"] >= version and not waits else None

    with Progress(standard_error()) as progress:
        found = _followed(args, progress, settled, "jp config history tells what is in force")
    if found["version"] == version:
        print(f"Version {version} was confirmed by somebody else and stays in force.")
        return APPLIED
    why = "" if found["why"] == "undone" else f": {clean(found['why'])}"
    text = f"Version {version} is undone{why}. In force is version {found['version']}, which says what was before."
    standard_output().print(wrapped(text, ""))
    return REFUSED


class Progress:
    """Says how far a change is: on a terminal in one line that goes away, else a line for each new thing."""

    def __init__(self, terminal: Terminal) -> None:
        self._terminal = terminal
        self._began_at_s = time.monotonic()
        self._last = ""

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *_: object) -> None:
        if self._last and self._terminal.interactive:
            self._write(f"\r{' ' * (WIDTH - 1)}\r")

    def tell(self, told: Json) -> None:
        """What the topic says of it."""
        self.say(_doing(told))

    def say(self, text: str) -> None:
        """One thing, unless it was the last that was said."""
        if not text or text == self._last or time.monotonic() < self._began_at_s + QUIET_S:
            return
        self._write(f"\r{text[: WIDTH - 1]:<{WIDTH - 1}}" if self._terminal.interactive else f"{text}\n")
        self._last = text

    def _write(self, text: str) -> None:
        self._terminal.out.write(text)
        self._terminal.out.flush()


def _doing(told: Json) -> str:
    change, unconfirmed = told["change"], told["unconfirmed"]
    if change is None:
        starts = unconfirmed is not None and unconfirmed["ends_in_s"] is None
        return f"version {unconfirmed['version']}: all parts are to come up" if starts else ""
    steps: list[dict[str, Any]] = change["steps"]
    over = sum(step["state"] in ("done", "taken back") for step in steps)
    at = next((step for step in steps if step["state"] in ("under way", "refused")), None)
    where = f": {clean(at['path'])}, {clean(at['how'])}" if at else ""
    return f"{clean(change['state'])}, {over} of {len(steps)} parts{where}"
