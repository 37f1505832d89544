"""Reads udev rules strictly enough to find what `udevd` would only log: see udev(7).

A small reader, not a second udevd: it knows keys, operators, values, labels and long lines, and applies nothing.
"""

from __future__ import annotations

import re

import attrs

MATCHES = {"==", "!="}
ASSIGNMENTS = {"=", "+=", "-=", ":="}

# Key: (takes {attribute}, may be matched, may be assigned)
KEYS: dict[str, tuple[bool, bool, bool]] = {
    "ACTION": (False, True, False),
    "DEVPATH": (False, True, False),
    "KERNEL": (False, True, False),
    "KERNELS": (False, True, False),
    "SUBSYSTEM": (False, True, False),
    "SUBSYSTEMS": (False, True, False),
    "DRIVER": (False, True, False),
    "DRIVERS": (False, True, False),
    "ATTR": (True, True, True),
    "ATTRS": (True, True, False),
    "ENV": (True, True, True),
    "TAG": (False, True, True),
    "TAGS": (False, True, False),
    "NAME": (False, True, True),
    "SYMLINK": (False, True, True),
    "OWNER": (False, False, True),
    "GROUP": (False, False, True),
    "MODE": (False, False, True),
    "IMPORT": (True, True, True),
    "LABEL": (False, False, True),
    "GOTO": (False, False, True),
    "OPTIONS": (False, False, True),
}

_TOKEN = re.compile(r'\s*([A-Z]+)(?:\{([^}"]+)\})?\s*(==|!=|\+=|-=|:=|=)\s*"((?:[^"\\]|\\.)*)"\s*(,|$)')


class RuleError(Exception):
    """A mistake, with its line."""


@attrs.frozen
class Token:
    key: str
    attribute: str | None
    operator: str
    value: str


@attrs.frozen
class Rule:
    line: int
    tokens: tuple[Token, ...]

    def assigned(self, key: str) -> list[str]:
        return [token.value for token in self.tokens if token.key == key and token.operator in ASSIGNMENTS]


def read(text: str) -> list[Rule]:
    """All rules of a file. Raises `RuleError` for what udevd would not understand, or never reach."""
    rules = [Rule(number, _tokens(line, number)) for number, line in _logical_lines(text)]
    labels = {label: rule.line for rule in rules for label in rule.assigned("LABEL")}
    for rule in rules:
        for target in rule.assigned("GOTO"):
            if labels.get(target, 0) <= rule.line:
                raise RuleError(f"line {rule.line}: GOTO {target!r}, but no such label follows")
    return rules


def _logical_lines(text: str) -> list[tuple[int, str]]:
    lines: list[tuple[int, str]] = []
    begun: tuple[int, str] | None = None
    for number, raw in enumerate(text.splitlines(), start=1):
        line = raw.strip()
        if begun is None and (not line or line.startswith("#")):
            continue
        first, before = begun or (number, "")
        if line.endswith("\\"):
            begun = (first, before + line[:-1])
        else:
            lines.append((first, before + line))
            begun = None
    if begun is not None:
        raise RuleError(f"line {begun[0]}: the file ends in the middle of a rule")
    return lines


def _tokens(line: str, number: int) -> tuple[Token, ...]:
    tokens: list[Token] = []
    position = 0
    while position < len(line):
        match = _TOKEN.match(line, position)
        if match is None:
            raise RuleError(f"line {number}: cannot be read from {line[position:]!r} on")
        token = Token(match[1], match[2], match[3], match[4])
        _check(token, number)
        tokens.append(token)
        position = match.end()
        if match[5] == "," and position == len(line):
            raise RuleError(f"line {number}: a comma with nothing after it")
    if all(token.operator in MATCHES for token in tokens):
        raise RuleError(f"line {number}: matches and then does nothing")
    return tuple(tokens)


def _check(token: Token, number: int) -> None:
    if token.key not in KEYS:
        raise RuleError(f"line {number}: no key {token.key}")
    has_attribute, matchable, assignable = KEYS[token.key]
    if has_attribute != (token.attribute is not None):
        raise RuleError(f"line {number}: {token.key} {'needs' if has_attribute else 'takes no'} {{attribute}}")
    if not (matchable if token.operator in MATCHES else assignable):
        raise RuleError(f"line {number}: {token.key}{token.operator} is not possible")
    if token.key == "MODE" and not re.fullmatch(r"0?[0-7]{3}", token.value):
        raise RuleError(f"line {number}: {token.value!r} is no file mode")
