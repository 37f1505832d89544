"""The reference of all rules, in Markdown: docs/configuration-rules.md is made by it."""

from __future__ import annotations

from jp_firmware.config.lint.rule import Explained
from jp_firmware.config.lint.table import EXPLAINED


def reference() -> str:
    """A row for each rule."""
    rows = ["| " + " | ".join(cell.replace("|", "\\|") for cell in _cells(one)) + " |" for one in EXPLAINED.values()]
    return "\n".join([_HEAD, *rows]) + "\n"


def _cells(one: Explained) -> tuple[str, ...]:
    return (one.id, one.severity.value, one.title, one.reason, one.fix)


_HEAD = """# Configuration: the rules

Made from the program's own rules (`jp config rules --markdown`); `jp config rules RULE-27` says the same of one.

`jp config check FILE` holds a file to all of them, and tells each finding with its line and the rule's id. An error:
the configuration is not taken. A warning: it is taken, and whoever wrote it should look again. Rules from RULE-80 on
compare it with the hardware that was found, on a charger that runs. An id is never given to another rule.

| rule | | what is wrong | why it matters | what to do |
|---|---|---|---|---|"""
