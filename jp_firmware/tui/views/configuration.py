"""The configuration's workspace: the tree of keys, the text, what is known of the chosen key, and the draft's state."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import attrs

from jp_firmware.tui import formatters as fmt
from jp_firmware.tui.configuration.desk import Desk, Only
from jp_firmware.tui.configuration.draft import MISSING, value_at
from jp_firmware.tui.configuration.entry import shown
from jp_firmware.tui.configuration.keys import Declared, Parts, key_text, parts_of
from jp_firmware.tui.configuration.told import ChangeView, FindingView
from jp_firmware.tui.configuration.toml_text import Piece, pieces
from jp_firmware.tui.configuration.tree import Row
from jp_firmware.tui.text import Line, Span, cell, clean, cut, ends, line, plain, span, to_height, width_of, wrap
from jp_firmware.tui.views.scene import Scene

RELOAD_TEXT: Final = {
    "live": "in force at once; no session notices",
    "next session": "in force for each connector's next session",
    "reconnect": "the connection is made anew; sessions go on",
    "restart child": "the part that uses it is made safe and starts again",
}
_SOURCE: Final = 13
_CLASS: Final = 14
PIECE_ROLES: Final = {"comment": "off", "table": "head", "key": "text", "value": "note"}


# --- the tree ------------------------------------------------------------------------------------------------------


def tree_header(scene: Scene, width: int) -> list[Line]:
    """Heading: what is shown, and how many changes wait."""
    only = scene.desk.only
    return [scene.heading(_title("KEYS" if only is Only.ALL else only.value.upper(), scene.desk), width)]


def _title(what: str, desk: Desk) -> str:
    """With how many changes wait; the end of a heading is for the place in the list."""
    count = fmt.counted(desk.count, "unsaved change", "unsaved changes")
    return f"{what}, {count if desk.dirty else 'no unsaved changes'}"


def tree_row(scene: Scene, row: Row, width: int) -> Line:
    """Mark, finding, name, value with unit, source, and what a change of it takes."""
    ellipsis = scene.symbols.ellipsis
    mark = cell("*" if row.mark else "", 1, "strong")
    sign = _sign(scene, scene.desk.findings_at(row.parts) if row.shape != "add" else ())
    name_width = max(20, min(36, (width - _SOURCE - _CLASS) // 2))
    name = cell("  " * row.depth + _name(row), name_width, _name_role(row), ellipsis=ellipsis)
    start = (span(" "), mark, sign, name, span(" "))
    if row.shape != "value":
        return cut(line(*start, *_about_group(row)), width, ellipsis)
    room = width - name_width - 4 - _SOURCE - _CLASS
    source = row.mark if row.mark else row.source
    return cut(
        line(
            *start,
            cell(_value_text(row), room - 1, _value_role(row), ellipsis=ellipsis),
            span(" "),
            cell(source, _SOURCE, "strong" if row.mark else "label"),
            span(row.declared.reload, "label"),
        ),
        width,
        ellipsis,
    )


def _name(row: Row) -> str:
    name = clean(row.parts[-1])
    if row.is_group:
        return f"{'-' if row.is_open else '+'} {name}"
    return "  (add one)" if row.shape == "add" else f"  {name}"


def _name_role(row: Row) -> str:
    if row.shape == "add":
        return "label"
    return "strong" if row.mark else "text"


def _value_text(row: Row) -> str:
    if row.value is None and row.source == "default":
        return "must be given" if row.declared.required else "none"
    text = shown(row.value)
    return f"{text} {row.declared.unit}" if row.declared.unit else text


def tree_value(row: Row) -> str:
    """What stands beside a key where all are listed."""
    if row.shape == "value":
        return _value_text(row)
    return row.declared.text if row.shape != "list" else fmt.counted(row.count, "item", "items")


def _value_role(row: Row) -> str:
    if row.value is None and row.declared.required:
        return "warn"
    if row.mark:
        return "strong"
    return "off" if row.source == "default" else "text"


def _about_group(row: Row) -> Line:
    if row.shape == "removed":
        return line(span("removed", "strong"), span("  Del brings it back", "label"))
    if row.shape == "list":
        count = fmt.counted(row.count, "item", "items") if row.count else "none"
        return line(span(f"{count}  ", "text" if row.count else "off"), span(row.declared.text, "label"))
    if row.shape == "item":
        return line(span(row.mark, "strong"))
    return line(span(row.declared.text, "label")) if row.shape == "table" else ()


def _sign(scene: Scene, findings: Sequence[FindingView]) -> Span:
    if any(one.is_error for one in findings):
        return (f"{scene.symbols.bad} ", "high")
    return (f"{scene.symbols.alarm} ", "warn") if findings else ("  ", "text")


def nothing(scene: Scene) -> Line:
    """What stands in an empty list."""
    desk = scene.desk
    if desk.trouble and desk.in_force is None:
        return line(span(f"  not told: {desk.trouble}", "warn"))
    if desk.in_force is None:
        return line(span("  waiting for the charger", "label"))
    return line(span("  no key is changed" if desk.only is Only.DRAFT else "  none", "label"))


# --- the text ------------------------------------------------------------------------------------------------------


@attrs.frozen(kw_only=True)
class TextRow:
    """One line of the text: its number from 1, what it is about, and what was found in it."""

    number: int
    text: str
    key: Parts
    findings: tuple[FindingView, ...]


def text_header(scene: Scene, width: int) -> list[Line]:
    """Heading: whether the text was written here, and how many changes wait."""
    return [scene.heading(_title("TEXT" if scene.desk.by_hand is None else "TEXT, WRITTEN HERE", scene.desk), width)]


def text_row(scene: Scene, row: TextRow, width: int) -> Line:
    """Number, finding, and the line with its comment, key and values told apart."""
    number = cell(f"{row.number} ", 6, "label", right=True)
    sign, role = _sign(scene, row.findings)
    return cut(line(number, (sign[:1], role), span(" "), *coloured(row.text)), width, scene.symbols.ellipsis)


def coloured(text: str) -> Line:
    """A line of TOML in spans."""
    spans: list[Span] = []
    at = 0
    found: list[Piece] = pieces(text)
    for start, end, kind in found:
        if start > at:
            spans.append((clean(text[at:start]), "label"))
        spans.append((clean(text[start:end]), PIECE_ROLES[kind]))
        at = end
    if at < len(text):
        spans.append((clean(text[at:]), "label"))
    return line(*spans)


# --- the chosen key ------------------------------------------------------------------------------------------------


def card(
    scene: Scene,
    parts: Parts,
    declared: Declared | None,
    findings: Sequence[FindingView],
    width: int,
    height: int,
    key: str = "Enter changes it",
) -> list[Line]:
    """What was found at a key, what the draft does to it, what it means and what a change takes."""
    desk, ellipsis = scene.desk, scene.symbols.ellipsis
    if declared is None:
        rows = [scene.heading("KEY", width)]
        rows += _found(findings, width, max(1, height - 1), ellipsis)
        return to_height(rows, height)
    hint = line(span(key, "label")) if width >= 60 else ()
    title = cut(line(key_text(parts)), width - width_of(hint) - 4, ellipsis)
    rows = [scene.heading(plain(title), width, right=hint)]
    rows += _found(findings, width, max(1, (height - 1) // 2), ellipsis)
    drafted = [*_drafted(scene, parts, width), *_waiting(scene, parts)]
    facts = _facts(declared, width)
    told = desk.in_force.values.get(parts) if desk.in_force is not None else None
    if told is not None and told.source == "command line":
        facts.insert(
            0,
            line(
                span("The command line sets it: what the file says is not in force until it is left out there", "warn")
            ),
        )
    room = height - len(rows) - len(drafted)
    words = wrap(declared.text, width, most=max(1, room - len(facts)), ellipsis=ellipsis)
    rows += [*drafted, *words, *facts]
    return to_height([cut(one, width, ellipsis) for one in rows], height)


def _found(findings: Sequence[FindingView], width: int, most: int, ellipsis: str) -> list[Line]:
    rows: list[Line] = []
    for one in findings:
        rule = f" [{one.rule}]" if one.rule else ""
        kind = "" if one.is_error else "warning: "
        left = most - len(rows)
        if left > 0:
            rows += wrap(
                f"{kind}{one.text}{rule}", width, "high" if one.is_error else "warn", most=left, ellipsis=ellipsis
            )
    return rows


def _drafted(scene: Scene, parts: Parts, width: int) -> list[Line]:
    desk = scene.desk
    before, after = value_at(desk.base, parts), value_at(desk.data, parts)
    if isinstance(after, dict) or (before is MISSING and after is MISSING) or repr(before) == repr(after):
        return []
    was, now = ("the default" if one is MISSING else shown(one) for one in (before, after))
    row = line(
        span("unsaved: ", "strong"), span(f"{was} {scene.symbols.arrow} {now}"), span("  Del takes it back", "label")
    )
    return [cut(row, width, scene.symbols.ellipsis)]


def _waiting(scene: Scene, parts: Parts) -> list[Line]:
    """That the change that waits is about this key too."""
    waiting = scene.store.config.waiting if scene.store.config is not None else None
    if waiting is None or all(parts_of(one)[: len(parts)] != parts for one in waiting.keys):
        return []
    return [line(span(f"{waiting.id} changes it, and waits", "warn"), span("  w shows it", "label"))]


def _facts(declared: Declared, width: int) -> list[Line]:
    unit = f" {declared.unit}" if declared.unit else ""
    default = "must be given" if declared.required else f"default {shown(declared.default)}"
    kinds = [declared.type + unit] if not declared.is_group else []
    if not declared.is_group and not declared.secret:
        kinds.append(default)
    if declared.secret:
        kinds.append("secret: never shown")
    change = RELOAD_TEXT.get(declared.reload, "")
    words = [f"{', '.join(kinds)}" if kinds else "", f"{declared.reload}: {change}", f"changed by the {declared.role}"]
    joined = "; ".join(one for one in words if one)
    return wrap(joined, width, "label", most=3)


# --- the state -----------------------------------------------------------------------------------------------------


def state(scene: Scene, width: int) -> list[Line]:
    """The last row: the verdict on the draft, then the version that is in force, or the change under way."""
    desk = scene.desk
    topic = scene.store.config
    waiting = topic.waiting if topic is not None else None
    left: list[Span] = [*_verdict(desk), span("   ")]
    if desk.theirs is not None:
        who = desk.theirs.who or "somebody"
        left.append(span(f"OUTDATED: version {desk.theirs.number} by {who}; Ctrl-O shows it", "warn"))
    elif topic is not None and topic.change is not None:
        left += change_words(topic.change)
    elif desk.trouble:
        left.append(span(desk.trouble, "warn"))
    elif desk.dirty and desk.is_checked and desk.plan is not None:
        left.append(span(takes(desk), "label"))
    if waiting is not None:
        left += waiting_words(waiting, is_short=desk.theirs is not None)
    right: Line = ()
    if desk.in_force is not None:
        version = desk.in_force.version
        from_whom = "" if waiting is not None else f", {version.who or 'nobody'}, {scene.clock(version.at)}"
        right = line(span(f"version {version.number}{from_whom}", "label"))
    is_changing = topic is not None and topic.change is not None
    if is_changing or len(desk.trouble) > 30 or desk.theirs is not None or width < 70:
        right = ()
    return [ends(line(*left), right, width, scene.symbols.ellipsis)]


def _verdict(desk: Desk) -> Line:
    if desk.in_force is None or desk.plan is None:
        return line(span("---", "label"))
    if not desk.is_checked:
        return line(span("NOT CHECKED", "warn") if desk.trouble else span("CHECKING", "label"))
    errors, warnings = desk.plan.errors, desk.plan.warnings
    if errors:
        return line(span(fmt.counted(errors, "ERROR", "ERRORS"), "high"))
    if warnings:
        return line(span("VALID ", "strong"), span(fmt.counted(warnings, "warning", "warnings"), "warn"))
    return line(span("VALID", "strong"))


def takes(desk: Desk) -> str:
    """What the draft takes, in a few words: `live, restart child; sessions at 1`."""
    plan = desk.plan
    if plan is None or not plan.steps:
        return ""
    ways = ", ".join(dict.fromkeys(one.how for one in plan.steps))
    words = "everything starts anew" if plan.restarts_all else ways
    waits = f"; waits for {_connectors(plan.waits_for)}" if plan.waits_for else ""
    return f"{words}{waits}"


def change_words(change: ChangeView) -> Line:
    """A change under way in one line."""
    done = sum(one.state == "done" for one in change.steps)
    now = next((one.path for one in change.steps if one.state == "under way"), "")
    return line(span(f"{change.state.upper()} {done} of {len(change.steps)}", "strong"), span(f" {now}"))


def waiting_words(change: ChangeView, *, is_short: bool) -> Line:
    """A change that waits, behind what else there is to say, and the key that shows it."""
    if is_short:
        return line(span("  WAITS", "warn"), span(": w", "label"))
    sessions = f" for {_connectors(change.waits_for)}" if change.waits_for else ""
    return line(span(f"  {change.id} WAITS{sessions}", "warn"), span(": w shows it", "label"))


def _connectors(numbers: Sequence[int]) -> str:
    return ", ".join(map(str, numbers))
