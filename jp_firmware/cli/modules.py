"""`jp modules`: which power modules the charger has, found against configured; searching a wire; accepting a new one.

Here the charger is asked; how its answers are drawn stands in inventory.
"""

from __future__ import annotations

import argparse

from jp_firmware.cli.charger_socket import connect

TOPIC = "modules"
INTERVAL_S = 0.25  # ours: between two words on a search's progress


def show(args: argparse.Namespace) -> int:
    from jp_firmware.cli.inventory import module_lines
    from jp_firmware.cli.terminal import as_json, standard_output

    terminal = standard_output()
    with connect(args) as client:
        told = client.call(f"{TOPIC}.get")
    terminal.print(as_json(told) if args.json else module_lines(terminal, told))
    return 0


def identify(args: argparse.Namespace) -> int:
    from jp_firmware.cli.inventory import Progress, search_lines
    from jp_firmware.cli.terminal import as_json, standard_error, standard_output

    with connect(args) as client, Progress(standard_error(), args.wire) as tell:
        result = client.call_watching(TOPIC, tell, INTERVAL_S, "modules.identify", wire=args.wire)
    terminal = standard_output()
    terminal.print(as_json(result) if args.json else search_lines(terminal, result))
    return 0


def accept(args: argparse.Namespace) -> int:
    from jp_firmware.cli.terminal import clean

    with connect(args) as client:
        told = client.call("modules.accept", module=args.module)
    print(f"{args.module}: accepted, {clean(told['detail'])}")
    return 0
