"""What the charger tells: `jp status`, `jp tree`, `jp session` and `jp fault list`, as a page or as JSON.

Here it is asked; how its answers are drawn stands in status, tree and session.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from jp_firmware.cli.charger_socket import connect

if TYPE_CHECKING:
    from jp_firmware.cli.terminal import Terminal


def status(args: argparse.Namespace) -> int:
    from jp_firmware.cli.status import status_lines

    def draw(terminal: Terminal, told: dict[str, Any]) -> list[str]:
        return status_lines(terminal, told["status"], told["faults"])

    return _show(args, ("status", "faults"), draw, lambda told: {**told["status"], "faults": told["faults"]})


def tree(args: argparse.Namespace) -> int:
    from jp_firmware.cli.terminal import standard_output
    from jp_firmware.cli.tree import history_lines, tree_lines

    if args.history is not None:
        with connect(args) as client:
            moments = client.call("tree.history", path=args.history, limit=args.limit)
        return _print(args, moments, lambda told: history_lines(standard_output(), told))
    return _show(args, ("tree",), lambda terminal, told: tree_lines(terminal, told["tree"]), lambda told: told["tree"])


def why(args: argparse.Namespace) -> int:
    from jp_firmware.cli.terminal import standard_output
    from jp_firmware.cli.why import loss_lines, site_lines, why_lines

    if args.if_lost:
        with connect(args) as client:
            told = [one for one in client.call("plan.losses") if args.connector in (None, one["connector"])]
            return _print(args, told, lambda told: loss_lines(standard_output(), told))

    with connect(args) as client:
        if args.connector is not None:
            told = client.call("plan.why", connector=args.connector)
            return _print(args, told, lambda told: why_lines(standard_output(), told))
        all_of_it = {"site": client.call("plan.site"), "connectors": client.call("plan.why")}
        return _print(args, all_of_it, lambda told: site_lines(standard_output(), told["site"], told["connectors"]))


def session_list(args: argparse.Namespace) -> int:
    from jp_firmware.cli.session import session_list_lines

    with connect(args) as client:
        return _print(args, client.call("session.list", limit=args.limit), session_list_lines)


def session_show(args: argparse.Namespace) -> int:
    from jp_firmware.cli.session import session_lines

    with connect(args) as client:
        return _print(args, client.call("session.show", id=args.id), session_lines)


def fault_list(args: argparse.Namespace) -> int:
    from jp_firmware.cli.status import fault_lines
    from jp_firmware.cli.terminal import standard_output

    terminal = standard_output()
    with connect(args) as client:
        return _print(args, client.call("faults.get"), lambda told: fault_lines(terminal, told["active"]))


def _show(
    args: argparse.Namespace,
    topics: Sequence[str],
    draw: Callable[[Terminal, dict[str, Any]], list[str]],
    as_data: Callable[[dict[str, Any]], object],
) -> int:
    """Shows topics once, or until Ctrl-C; as a page, or as JSON (with --watch one object a line)."""
    import json

    from jp_firmware.cli.terminal import as_json, standard_output, watch

    terminal = standard_output()
    with connect(args) as client:
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


def _print(args: argparse.Namespace, value: Any, draw: Callable[[Any], list[str]]) -> int:
    from jp_firmware.cli.terminal import as_json, standard_output

    standard_output().print(as_json(value) if args.json else draw(value))
    return 0
