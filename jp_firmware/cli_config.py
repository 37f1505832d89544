"""`jp config`: its words, and what it says of a configuration that nobody runs.

What is asked of a charger that runs stands in cli_configuring.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jp_firmware.config.schema import Cabinet

_EXAMPLES = """\
examples:
  jp config explain limit_w        what a key means, its unit and range, and what a change of it takes
  jp config check cabinet.toml     what is wrong in a file
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Gives `parser` the arguments of `jp config`."""
    parser.description = "The configuration of a charger."
    parser.epilog = _EXAMPLES
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", required=True)
    checking = _verb(verbs, "check", check, "say what is wrong in a file")
    checking.add_argument("file", metavar="FILE", help="a TOML file, or the name of an example")
    add_set(checking)
    explaining = _verb(verbs, "explain", explain, "what a key means, its unit and range, and what a change of it takes")
    explaining.add_argument("key", metavar="KEY", nargs="?", default="", help="as in site.limit_w (default: all)")
    explaining.add_argument("--json", action="store_true", help="print JSON")
    _verb(verbs, "reference", reference, "print the reference of all keys, in Markdown")
    _verb(verbs, "schema", schema, "print the JSON Schema for editors of TOML")


def add_set(to: argparse.ArgumentParser) -> None:
    """Overrides of single keys."""
    to.add_argument(
        "--set",
        action="append",
        default=[],
        dest="overrides",
        metavar="KEY=VALUE",
        help="override a key, as in site.limit_w=100000 or wires.can0.port=jp/can1; may be repeated",
    )


def _verb(verbs: Any, name: str, run: Callable[[argparse.Namespace], int], about: str) -> argparse.ArgumentParser:
    added: argparse.ArgumentParser = verbs.add_parser(name, help=about, description=about[:1].upper() + about[1:])
    added.set_defaults(run=run)
    return added


# --- what they do --------------------------------------------------------------------------------------------------


def check(args: argparse.Namespace) -> int:
    from jp_firmware.config import store

    path = store.find(args.file)
    cabinet = store.load(path, args.overrides)
    _check_modules(path, cabinet)
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


def explain(args: argparse.Namespace) -> int:
    from jp_firmware.cli_acting import CommandError
    from jp_firmware.cli_terminal import as_json, standard_output, table, wrapped
    from jp_firmware.config.explain import UnknownKey, below, facts, type_text
    from jp_firmware.config.explain import as_json as key_json

    try:
        keys = below(args.key)
    except UnknownKey as error:
        raise CommandError(error.args[0]) from None
    terminal = standard_output()
    if args.json:
        terminal.print(as_json([key_json(one) for one in keys]))
    elif len(keys) == 1:
        rows = [[f"  {what}", text] for what, text in facts(keys[0])]
        terminal.print([keys[0].name, *wrapped(keys[0].key.text, "  "), "", *table(rows, "<<")])
    else:
        rows = [[one.name, type_text(one), one.key.unit, one.key.reload.value] for one in keys if not one.is_table]
        terminal.print(table([["key", "type", "unit", "a change"], *rows], "<<<<"))
    return 0


def reference(_args: argparse.Namespace) -> int:
    from jp_firmware.config.reference import reference as text

    print(text(), end="")
    return 0


def schema(_args: argparse.Namespace) -> int:
    import json

    from jp_firmware.config.json_schema import json_schema

    print(json.dumps(json_schema(), indent=2))
    return 0


def _check_modules(path: Path, cabinet: Cabinet) -> None:
    """What only a module's driver knows: its addresses, and what its profile says to it. Raises ConfigError."""
    from jp_firmware.config.schema import ConfigError
    from jp_firmware.hw.modules.driver import load_driver, load_profile

    for module in cabinet.modules:
        try:
            load_driver(module.driver).codec(module.address, load_profile(module.profile))
        except ConfigError as error:
            raise ConfigError(f"{path}: modules.{module.id}: {error}") from error
