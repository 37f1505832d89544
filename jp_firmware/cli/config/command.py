"""`jp config`: its words, and what it says of a configuration that nobody runs.

What is asked of a charger that runs stands in live.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from jp_firmware.cli.config import provisioning
from jp_firmware.cli.config.examples import epilog

if TYPE_CHECKING:
    from jp_firmware.config.schema import Cabinet

_EXAMPLES = """\
examples:
  jp config explain limit_w        what a key means, its unit and range, and what a change of it takes
  jp config check cabinet.toml     what is wrong in a file, and what is doubtful
  jp config rules RULE-27           why a rule is one, and what to do
  jp config show connectors        what is in force in the charger that runs
  jp config set site.limit_w=90kW  change it while it runs
  jp config history                who changed what, when; jp config rollback 7 goes back
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Gives `parser` the arguments of `jp config`."""
    from jp_firmware.cli.config import live  # not above: other commands take `add_set` from here

    parser.description = "The configuration of a charger."
    parser.epilog = _EXAMPLES
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", required=True)
    checking = _verb(verbs, "check", check, "say what is wrong in a file, and what is doubtful")
    checking.add_argument("file", metavar="FILE", help="a TOML file, or the name of an example")
    checking.add_argument("--json", action="store_true", help="print JSON")
    add_set(checking)
    ruling = _verb(verbs, "rules", rules, "what a configuration is held to, and why")
    ruling.add_argument("rule", metavar="ID", nargs="?", default="", help="as in RULE-27 (default: all)")
    ruling.add_argument("--json", action="store_true", help="print JSON")
    ruling.add_argument("--markdown", action="store_true", help="print the reference of all rules, in Markdown")
    explaining = _verb(verbs, "explain", explain, "what a key means, its unit and range, and what a change of it takes")
    explaining.add_argument("key", metavar="KEY", nargs="?", default="", help="as in site.limit_w (default: all)")
    explaining.add_argument("--json", action="store_true", help="print JSON")
    live.add_verbs(verbs, _verb)
    provisioning.add_verbs(verbs, _verb)
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
    added: argparse.ArgumentParser = verbs.add_parser(
        name,
        help=about,
        description=about[:1].upper() + about[1:],
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    added.epilog = epilog(added.prog.removeprefix("jp config "))
    added.set_defaults(run=run)
    return added


# --- what they do --------------------------------------------------------------------------------------------------


def check(args: argparse.Namespace) -> int:
    """Findings go to the standard error, a line each that editors follow; the verdict goes to the standard output."""
    import attrs

    from jp_firmware.cli.terminal import as_json, standard_error, standard_output
    from jp_firmware.config import store
    from jp_firmware.config.examine import Severity, examine, findings_of
    from jp_firmware.config.profiles import read_text
    from jp_firmware.hw.modules import usable

    path = store.find(args.file)
    examined = examine(read_text(path), args.overrides)
    findings = list(examined.findings)
    if examined.cabinet:
        findings += findings_of(list(usable.mistakes(examined.cabinet)), examined.text, examined.data)
    errors = sum(one.severity is Severity.ERROR for one in findings)
    if args.json:
        told = {"path": str(path), "good": not errors, "findings": [attrs.asdict(one) for one in findings]}
        standard_output().print(as_json(told))
    else:
        standard_error().print([one.told_of(path) for one in findings])
        if examined.cabinet and not errors:
            standard_output().print([f"{path}: good: {_parts(examined.cabinet)}"])
    return 1 if errors else 0


def _parts(cabinet: Cabinet) -> str:
    counts = {
        "connector": cabinet.connectors,
        "module": cabinet.modules,
        "meter": cabinet.meters,
        "PLC board": cabinet.plc_boards,
        "reader": cabinet.readers,
        "wire": cabinet.wires,
    }
    told = ", ".join(f"{len(items)} {word}{'s' if len(items) != 1 else ''}" for word, items in counts.items())
    return f"{told}; site limit {cabinet.site.limit_w / 1000:g} kW"


def rules(args: argparse.Namespace) -> int:
    from jp_firmware.cli.acting import CommandError
    from jp_firmware.cli.terminal import as_json, standard_output, table, wrapped
    from jp_firmware.config.lint.reference import reference as text
    from jp_firmware.config.lint.table import EXPLAINED

    if args.markdown:
        print(text(), end="")
        return 0
    asked = f"RULE-{args.rule:0>2}" if args.rule.isdigit() else args.rule.upper()
    wanted = [one for one in EXPLAINED.values() if asked in ("", one.id)]
    if not wanted:
        raise CommandError(f"there is no rule {args.rule}; see jp config rules")
    terminal = standard_output()
    if args.json:
        keys = ("id", "severity", "title", "reason", "fix")
        terminal.print(as_json([{key: getattr(one, key) for key in keys} for one in wanted]))
    elif args.rule:
        (rule,) = wanted
        terminal.print([f"{rule.id}  {rule.severity}", *wrapped(f"{rule.title}.", "  "), ""])
        terminal.print([*wrapped(rule.reason, "  "), "", *wrapped(f"What to do: {rule.fix}", "  ")])
    else:
        terminal.print(
            table([["rule", "", "what is wrong"], *([one.id, one.severity, one.title] for one in wanted)], "<<<")
        )
    return 0


def explain(args: argparse.Namespace) -> int:
    from jp_firmware.cli.acting import CommandError
    from jp_firmware.cli.terminal import as_json, standard_output, table, wrapped
    from jp_firmware.config.told.explain import UnknownKey, below, facts, meant, type_text
    from jp_firmware.config.told.explain import as_json as key_json

    renamed: tuple[str, ...] = ()
    try:
        keys = below(args.key)
    except UnknownKey as error:
        one = meant(args.key)
        if one is None:
            raise CommandError(error.args[0]) from None
        keys, renamed = below(one.name), (f"{args.key} is {one.name} here.", "")
    terminal = standard_output()
    if args.json:
        terminal.print(as_json([key_json(one) for one in keys]))
    elif len(keys) == 1:
        rows = [[f"  {what}", text] for what, text in facts(keys[0])]
        text = wrapped(keys[0].key.text, "  ")
        terminal.print([*renamed, keys[0].name, *text, "", *table(rows, "<<")])
    else:
        rows = [[one.name, type_text(one), one.key.unit, one.key.reload.value] for one in keys if not one.is_table]
        terminal.print(table([["key", "type", "unit", "a change"], *rows], "<<<<"))
    return 0


def reference(_args: argparse.Namespace) -> int:
    from jp_firmware.config.told.reference import reference as text

    print(text(), end="")
    return 0


def schema(_args: argparse.Namespace) -> int:
    import json

    from jp_firmware.config.told.json_schema import json_schema

    print(json.dumps(json_schema(), indent=2))
    return 0
