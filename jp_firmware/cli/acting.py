"""What the charger is told to do: sessions, the site's limit, faults, and parts of the tree. One call each."""

from __future__ import annotations

import argparse
import sys

from jp_firmware.cli.charger_socket import connect


class CommandError(Exception):
    """The command cannot do what it was asked: what and why, in one line."""


def start(args: argparse.Namespace) -> int:
    token = {"token": args.token} if args.token else {}
    return _act(args, f"connector {args.connector}: start", "connector.start", connector=args.connector, **token)


def stop(args: argparse.Namespace) -> int:
    return _act(args, f"connector {args.connector}: stop", "connector.stop", connector=args.connector)


def unlock(args: argparse.Namespace) -> int:
    return _act(args, f"connector {args.connector}: unlock", "connector.unlock", connector=args.connector)


def limit(args: argparse.Namespace) -> int:
    asked = {"owner": args.owner, "reason": args.reason, "for_s": args.for_s, "then_w": args.then_w}
    given = {key: value for key, value in asked.items() if value is not None}
    if args.watts is None:
        return _act(args, f"limit at {args.at}: lift", "limit.lift", scope=args.at, **_only(given, "owner"))
    if args.at == "site" and not given:
        return _act(args, f"site limit {args.watts / 1000:g} kW:", "limit.set", site_w=args.watts)
    what = f"limit of {args.watts / 1000:g} kW at {args.at}:"
    return _act(args, what, "limit.put", scope=args.at, value_w=args.watts, **given)


def _only(given: dict[str, object], *names: str) -> dict[str, object]:
    if unfit := sorted(set(given) - set(names)):
        raise CommandError(f"a limit that is lifted has no {', '.join(unfit)}")
    return given


def fault_ack(args: argparse.Namespace) -> int:
    return _on_fault(args, "acknowledge")


def fault_clear(args: argparse.Namespace) -> int:
    return _on_fault(args, "clear")


def tree_restart(args: argparse.Namespace) -> int:
    from jp_firmware.cli.tree import restart_lines

    asked = {"path": args.path} | ({"reason": args.reason} if args.reason else {})
    with connect(args) as client:
        told = client.call("tree.restart", **asked, yes=args.yes)
        if told["result"] == "unconfirmed":
            _confirm(f"restart {args.path}: it {told['text']}")
            told = client.call("tree.restart", **asked, yes=True)
    print("\n".join(restart_lines(args.path, told)))
    return 0


def tree_release(args: argparse.Namespace) -> int:
    return _act(args, f"{args.path}: release", "tree.release", path=args.path)


def _confirm(what: str) -> None:
    """Asks whoever sits at the terminal; without one, or without a yes, nothing is done."""
    if not sys.stdin.isatty():
        raise CommandError(f"{what}; say --yes if it shall")
    print(f"{what}. Go on? [y/N] ", end="", flush=True)
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise CommandError("nothing was done")


def _on_fault(args: argparse.Namespace, verb: str) -> int:
    code = args.code.upper()
    source = args.source or _source_of(args, code)
    return _act(args, f"{code} at {source}: {verb}", f"fault.{verb}", code=code, source=source)


def _source_of(args: argparse.Namespace, code: str) -> str:
    with connect(args) as client:
        sources = sorted(one["source"] for one in client.call("faults.get")["active"] if one["code"] == code)
    if len(sources) == 1:
        return str(sources[0])
    if sources:
        raise CommandError(f"{code} is active at {', '.join(sources)}; say which")
    raise CommandError(f"{code} is not active; see jp fault list")


def _act(args: argparse.Namespace, what: str, method: str, /, **params: object) -> int:
    with connect(args) as client:
        told = client.call(method, **params)
    kept_at = told.get("kept_at") if isinstance(told, dict) else None
    print(f"{what} accepted" + (f", but kept at {kept_at}" if kept_at else ""))
    return 0
