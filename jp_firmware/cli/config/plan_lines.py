"""How `jp config` draws a change of the configuration: what it says, what it takes, and what became of it."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence
from typing import Any

from jp_firmware.cli.terminal import WIDTH, Json, Terminal, clean, cut, local_time, table, wrapped

LIVE, WHOLE = "live", "controller"

_MEANINGS = {"live": "good", "next session": "", "reconnect": "attention", "restart child": "attention"}
_WORDS = {
    "live": "at once",
    "next session": "a session that runs goes on as it began",
    "reconnect": "connects anew, sessions go on",
    "restart child": "stops and starts again",
}
_SEVERITIES = {"error": "bad", "warning": "attention"}
_DIFFERENCES = {"+": "good", "-": "bad", "@": "quiet"}


# --- a plan ----------------------------------------------------------------------------------------------------------


def plan_lines(terminal: Terminal, plan: Json, *, file: str = "", force: bool = False) -> list[str]:
    """What a change says and takes. `file`: the one that its text stands in, for editors to follow.

    Of the findings only those that the configuration in force does not have.
    """
    lines = finding_lines(terminal, [one for one in plan["findings"] if one.get("is_new", True)], file)
    if plan["errors"]:
        return [*lines, terminal.paint(f"{count(plan['errors'], 'mistake')}; nothing was done", "bad")]
    lines += [""] if lines else []
    lines += change_lines(plan["changes"])
    lines += [""] if plan["changes"] and plan["steps"] else []
    lines += [line for step in plan["steps"] for line in _step(terminal, step, force)]
    return [*lines, *_terms(terminal, plan, force)]


def finding_lines(terminal: Terminal, findings: Iterable[Json], file: str = "") -> list[str]:
    """Mistakes and doubts. With a file each is one line that begins with its place, however long it is."""
    lines = []
    for one in findings:
        rule = f" [{one['rule']}]" if one.get("rule") else ""
        text = f"{one['severity']}: {one['key'] + ': ' if one['key'] else ''}{one['text']}{rule}"
        if one.get("override"):
            text = f"--set {one['override']} of the charger's command line: {text}"
        if file and one["line"]:
            column = f":{one['column']}" if one["column"] else ""
            found = [clean(f"{file}:{one['line']}{column}: {text}")]
        else:
            found = textwrap.wrap(clean(text), WIDTH, subsequent_indent="  ")
        lines += [terminal.paint(line, _SEVERITIES.get(one["severity"], "")) for line in found]
    return lines


def change_lines(changes: Iterable[Json]) -> list[str]:
    """A line for each key that changes, or three where it is too long."""
    lines = []
    for one in changes:
        key, unit = clean(one["key"]), _unit(one["key"])
        if one["what"] == "item":
            verb, item = ("added", one["after"]) if one["before"] is None else ("removed", one["before"])
            lines += textwrap.wrap(f"{key}  {verb} {value_text(item)}", WIDTH - 2, subsequent_indent="    ")
            continue
        before, after = (value_text(one[when]) for when in ("before", "after"))
        if before == after:
            lines.append(f"{key}  changed {before}")
        elif len(line := f"{key}  {before} -> {after}{unit}") <= WIDTH - 2:
            lines.append(line)
        else:
            lines += [key, *_long("- ", before), *_long("+ ", after)]
    return [f"  {line}" for line in lines]


def _long(mark: str, text: str) -> list[str]:
    return textwrap.wrap(text, WIDTH - 2, initial_indent=f"  {mark}", subsequent_indent="    ")


def _step(terminal: Terminal, step: Json, force: bool) -> list[str]:
    path, how = clean(step["path"]), step["how"]
    words = _WORDS.get(how, "")
    if path == WHOLE:
        path, words = ("watchdogs", words) if how == LIVE else ("all parts", "the controller starts anew")
    line = f"  {path:<26}  {terminal.paint(how, _MEANINGS.get(how, ''))}: {words}"
    ends, takes = ("ends", "takes modules from") if force else ("would end", "would take modules from")
    notes = [
        terminal.paint(f"    {ends} the session on {connectors(step['ends'])}", "bad") if step["ends"] else "",
        terminal.paint(f"    {takes} {connectors(step['reduces'])}", "attention") if step["reduces"] else "",
    ]
    return [line, *filter(None, notes)]


def _terms(terminal: Terminal, plan: Json, force: bool) -> list[str]:
    lines = []
    if plan["waits_for"] and not force:
        text = f"Waits for the session on {connectors(plan['waits_for'])}; with --force it does not."
        lines += [terminal.paint(line, "attention") for line in wrapped(text, "")]
    if plan["confirm_s"]:
        text = f"To be confirmed within {plan['confirm_s']:g} s, or it is undone."
        lines += wrapped(text, "")
    return ["", *lines] if lines else []


# --- what became of it ---------------------------------------------------------------------------------------------


def outdated_lines(terminal: Terminal, told: Json) -> list[str]:
    """Somebody else was faster: who, when and what, and what to do."""
    why = f" ({clean(told['why'])})" if told.get("why") else ""
    text = (
        f"Not done: {clean(told['who'])} changed the configuration meanwhile, at "
        f"{local_time(told['at'], '%H:%M:%S')}{why}. This change was made to version {told['base']}, in force is "
        f"version {told['version']}:"
    )
    painted = [terminal.paint(line, "bad") for line in wrapped(text, "")]
    return [*painted, *difference_lines(terminal, told["difference"])]


def difference_lines(terminal: Terminal, difference: str) -> list[str]:
    """The lines that differ, as `diff -u` writes them."""
    lines = difference.split("\n")[:-1]
    return [terminal.paint(clean(line) if line else "", _DIFFERENCES.get(line[:1], "")) for line in lines]


# --- what is and what was --------------------------------------------------------------------------------------------


def value_lines(terminal: Terminal, values: Sequence[Json]) -> list[str]:
    """Keys with their values and from where those are: "" for what the file says."""
    rows, meanings = [], []
    for one in values:
        if one.get("secret"):
            value, source = ("set" if one["set"] else "not set"), "secret"
        else:
            value, source = value_text(one["value"]) + _unit(one["key"]), one["source"]
        rows.append([clean(one["key"]), clean(value), "" if source == "file" else source])
        meanings.append({"command line": "attention", "default": "quiet"}.get(source, ""))
    keys = min(max((len(row[0]) for row in rows), default=0), 40)
    lines = []
    for (key, value, source), meaning in zip(rows, meanings, strict=True):
        room = WIDTH - max(keys, len(key)) - 4 - len(source)
        first, *more = textwrap.wrap(value, max(room, 20)) or [""]
        line = f"{key:<{keys}}  {first:<{max(room, 20)}}  {source}" if source else f"{key:<{keys}}  {first}"
        lines += [terminal.paint(one.rstrip(), meaning) for one in (line, *(f"{'':<{keys}}  {rest}" for rest in more))]
    return lines


def version_lines(told: Json) -> list[str]:
    """The head of what is in force: which version, from whom, and where it is kept."""
    why = f": {clean(told['why'])}" if told["why"] else ""
    text = f"Version {told['version']} of {local_time(told['at'])} by {clean(told['who'])}{why}"
    return [*wrapped(text, ""), f"{clean(told['path'])}"]


def history_lines(terminal: Terminal, versions: Sequence[Json]) -> list[str]:
    """A table of versions, newest first; the newest is in force."""
    rows = [["Version", "Since", "By", "From", "Why, or what"]]
    for one in versions:
        who, origin = clean(one["who"], 12), clean(one["origin"], 15)
        rows.append([str(one["version"]), local_time(one["at"]), who, origin, clean(_why(one) or " ")])
    lines = [cut(line, WIDTH) for line in table(rows, "><<<<")]
    for number, one in enumerate(versions, 1):
        if not one["confirmed"]:
            lines[number] = terminal.paint(lines[number], "attention")
    return lines


def _why(version: Json) -> str:
    """Why it was made, or what it changed where nobody said so; empty if neither is known."""
    if version.get("readable") is False:
        return "damaged on the disk"
    if version["why"]:
        return str(version["why"])
    keys: list[str] = version.get("keys") or []
    return f"{keys[0]} and {len(keys) - 1} more" if len(keys) > 1 else "".join(keys)


def connectors(numbers: Sequence[Any]) -> str:
    """ "connector 2", "connectors 1, 2 and 4"."""
    told = [str(one) for one in numbers]
    return f"connector{'s' if len(told) > 1 else ''} {' and '.join(filter(None, [', '.join(told[:-1]), told[-1]]))}"


def count(many: int, what: str) -> str:
    return f"{many} {what}{'' if many == 1 else 's'}"


def value_text(value: Any) -> str:
    """A value as TOML may write it."""
    from jp_firmware.config.text.written import inline

    if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e15 and value == round(value):
        return f"{round(value):_}" if abs(value) >= 10_000 else f"{round(value)}"
    return "(none)" if value is None else clean(inline(value))


def _unit(key: str) -> str:
    from jp_firmware.config.effects import declared
    from jp_firmware.config.told.explain import UnknownKey

    try:
        unit = declared(key).key.unit
    except UnknownKey:  # of a charger with a newer program
        return ""
    return f" {unit}" if unit else ""
