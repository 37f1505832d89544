"""A configuration's text, examined: the cabinet it describes, and everything that is wrong or doubtful in it.

It never guesses and never repairs. What it finds is told with its line, what is allowed, and what to do; all of it at
once, in the order of the text. Pure but for the profiles that it looks up.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import attrs

from jp_firmware.config.lint.rule import Severity, Subject
from jp_firmware.config.lint.table import broken, severity_of
from jp_firmware.config.overrides import override
from jp_firmware.config.schema import Cabinet
from jp_firmware.config.structure import Mistake, Mistakes, one_line, structure
from jp_firmware.config.text import toml
from jp_firmware.config.text.keys import key_text
from jp_firmware.config.text.lines import KeyPath, line_of, lines_of

__all__ = ["Examined", "Finding", "Severity", "examine", "findings_of"]


@attrs.frozen(kw_only=True)
class Finding:
    """One thing to say about a configuration."""

    severity: Severity = Severity.ERROR
    line: int  # of the text, from 1; 0 for an override of the command line
    column: int | None = None  # from 1, where it is known
    key: str  # dotted, with the names of items; "" for the syntax
    text: str  # what is wrong and what to do, in one line
    rule: str = ""  # its id, where it has one
    override: str = ""  # the one that it stands in

    def told_of(self, path: object) -> str:
        """As one line that editors can follow."""
        column = f":{self.column}" if self.column else ""
        place = f"--set {self.override}" if self.override else f"{path}:{self.line}{column}"
        rule = f" [{self.rule}]" if self.rule else ""
        warning = "warning: " if self.severity is Severity.WARNING else ""
        return one_line(f"{place}: {warning}{self.key + ': ' if self.key else ''}{self.text}{rule}")


@attrs.frozen(kw_only=True)
class Examined:
    """What a text is worth. Without errors there is a cabinet."""

    text: str
    data: Mapping[str, Any]  # of the text itself, without overrides and secrets
    cabinet: Cabinet | None
    findings: tuple[Finding, ...]

    @property
    def errors(self) -> tuple[Finding, ...]:
        return tuple(one for one in self.findings if one.severity is Severity.ERROR)

    @property
    def warnings(self) -> tuple[Finding, ...]:
        return tuple(one for one in self.findings if one.severity is Severity.WARNING)


def examine(text: str, overrides: Sequence[str] = (), secrets: Mapping[str, str] | None = None) -> Examined:
    """Examines a text, with the overrides of a command line and the secrets, by key, laid over it.

    Raises ConfigError for an override that is none; everything wrong in the text is a finding.
    """
    try:
        data = toml.loads(text)
    except toml.TomlError as error:
        finding = Finding(line=error.line, column=error.column, key="", text=error.what)
        return Examined(text=text, data={}, cabinet=None, findings=(finding,))
    laid = copy.deepcopy(data)
    for key, value in (secrets or {}).items():
        _lay(laid, key.split("."), value)
    set_by: dict[KeyPath, str] = {}
    for one in overrides:
        set_by[override(laid, one, Cabinet)] = one
    cabinet: Cabinet | None = None
    try:
        cabinet = structure(laid, Cabinet)
        mistakes = broken(Subject(cabinet=cabinet, written=data))
    except Mistakes as raised:
        mistakes = raised.mistakes
    findings = findings_of(mistakes, text, laid, set_by)
    good = all(one.severity is not Severity.ERROR for one in findings)
    return Examined(text=text, data=data, cabinet=cabinet if good else None, findings=findings)


def _lay(data: dict[str, Any], words: list[str], value: str) -> None:
    """A secret over a table. What is no table is a mistake that is told elsewhere."""
    for word in words[:-1]:
        inner = data.setdefault(word, {})
        if not isinstance(inner, dict):
            return
        data = inner
    data[words[-1]] = value


def findings_of(
    mistakes: Sequence[Mistake], text: str, data: Mapping[str, Any], set_by: Mapping[KeyPath, str] | None = None
) -> tuple[Finding, ...]:
    """Mistakes in a text that holds `data`, each with its line and its rule's severity.

    In the order of the text, those that stand in an override (`set_by`) last; the same of the same place is told once.
    """
    lines, set_by = lines_of(text) if mistakes else {}, set_by or {}
    found: dict[Finding, int] = {}
    for mistake in mistakes:
        by = next((set_by[at] for at in _upwards(mistake.path) if at in set_by), "")
        line = 0 if by else line_of(mistake.path, lines)
        key = key_text(mistake.path, data) or "cabinet"
        severity = severity_of(mistake)
        finding = Finding(severity=severity, line=line, key=key, text=mistake.text, rule=mistake.rule, override=by)
        found[finding] = line or max(lines.values(), default=0) + 1
    return tuple(sorted(found, key=lambda one: found[one]))


def _upwards(path: KeyPath) -> Iterable[KeyPath]:
    return (path[:length] for length in range(len(path), 0, -1))
