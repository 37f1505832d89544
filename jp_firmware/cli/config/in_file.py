"""`jp config set`, `plan` and `apply` with `--file`: a configuration changed in its file, without a charger."""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterable
from pathlib import Path

import attrs

from jp_firmware.cli.acting import CommandError
from jp_firmware.cli.config.applying import APPLIED, REFUSED, marked
from jp_firmware.cli.config.edits import as_edits
from jp_firmware.cli.config.live import read
from jp_firmware.cli.config.plan_lines import plan_lines
from jp_firmware.cli.terminal import Json, as_json, standard_output
from jp_firmware.config.draft import effective, is_secret
from jp_firmware.config.examine import Examined, Severity, examine, findings_of
from jp_firmware.config.kept.commit import Write, commit
from jp_firmware.config.profiles import read_toml
from jp_firmware.config.text.difference import changes
from jp_firmware.config.text.document import edited
from jp_firmware.hw.modules import usable


def change(
    args: argparse.Namespace, file: str, *, edits: Iterable[Json] = (), text: str | None = None, name: str = ""
) -> int:
    """Changes `file` by edits, or to `text`, which stands in `name`; the exit status. A wrong text is not written.

    Raises CommandError or ConfigError for a file that cannot be read, edited or written.
    """
    given = {"--why": args.why is not None, "--confirm": args.confirm is not None, "--force": args.force}
    if unfit := [name for name, is_given in given.items() if is_given]:
        raise CommandError(f"{', '.join(unfit)}: only for a charger that runs, not for a file")
    if file == "-":
        raise CommandError("--file wants the name of a file, which is changed in its place; - is the standard input")
    before = read(file) if text is not None else read_toml(Path(file))[0]
    after = edited(before, as_edits(edits)) if text is None else text
    plan = _plan(examine(before), examine(after))
    written = not (plan["errors"] or args.dry_run or after == before)
    if written:
        with tempfile.TemporaryDirectory(prefix="jp-config-") as scratch:
            commit(Path(scratch), [Write(Path(file), after.encode())])
    result = "refused" if plan["errors"] else "written" if written else "planned" if args.dry_run else "unchanged"
    if args.json:
        standard_output().print(as_json(plan | {"path": file, "result": result}))
    else:
        _tell(file, plan, result, name if name != "-" else "")
    return REFUSED if plan["errors"] else APPLIED


def _plan(before: Examined, after: Examined) -> Json:
    """As the charger makes them, without what only a charger that runs can say."""
    if before.cabinet and after.cabinet:
        told = changes(effective(before.cabinet), effective(after.cabinet), is_secret)
    else:
        told = changes(dict(before.data), dict(after.data), is_secret)
    findings = _findings(after)
    return {
        "errors": sum(one["severity"] == Severity.ERROR for one in findings),
        "findings": marked(findings, _findings(before)),
        "changes": [{"key": one.key, "before": one.before, "after": one.after, "what": one.what} for one in told],
        "steps": [],
        "waits_for": [],
        "confirm_s": 0,
        "text": after.text,
    }


def _findings(one: Examined) -> list[Json]:
    found = [*one.findings]
    if one.cabinet:
        found += findings_of(list(usable.mistakes(one.cabinet)), one.text, one.data)
    return [attrs.asdict(finding) | {"severity": finding.severity.value} for finding in found]


def _tell(file: str, plan: Json, result: str, name: str) -> None:
    terminal = standard_output()
    lines = plan_lines(terminal, plan, file=name)
    match result:
        case "written":
            lines.append(f"{file} is written; a charger that runs with it takes it over at its next start.")
        case "unchanged":
            lines.append("Nothing changes.")
    terminal.print(lines)
