"""The configuration's pages: what a change takes, how far it is, versions, and what somebody else changed meanwhile."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from jp_firmware.tui.configuration.desk import Desk
from jp_firmware.tui.configuration.told import ChangeView, DifferenceView, PlanView, StepView, VersionView
from jp_firmware.tui.text import BLANK, Line, cell, cut, line, span, width_of, wrap
from jp_firmware.tui.views.chrome import unconfirmed_words
from jp_firmware.tui.views.scene import Scene

_HOW: Final = 15


def plan(scene: Scene, told: PlanView, secrets: Sequence[str], width: int) -> list[Line]:
    """Which keys, which parts and how, which sessions; who may, and whether it must be confirmed."""
    rows: list[Line] = [scene.heading("KEYS", width)]
    rows += [row for one in told.changes for row in _indented(scene, one, width)]
    rows += [
        line(span(f"  {one}: a new secret")) for one in secrets if not any(one in change for change in told.changes)
    ]
    if not told.changes and not secrets:
        rows.append(line(span("  no value changes, only the text", "label")))
    rows += [BLANK, scene.heading("PARTS", width)]
    rows += [cut(row, width, scene.symbols.ellipsis) for one in told.steps for row in _step(one, width)]
    if not told.steps:
        rows.append(line(span("  none is touched", "label")))
    rows += [BLANK, scene.heading("SESSIONS", width), *_sessions(told, width), BLANK]
    rows += wrap(f"Changed by the {told.role}, or whoever may more.", width)
    if told.confirm_s:
        rows += wrap(
            f"It could lock you out: it is undone after {told.confirm_s:g} s unless somebody confirms it.",
            width,
            "warn",
        )
    if told.restarts_all:
        rows += wrap("All parts start anew, this link with them; the terminal comes back by itself.", width, "warn")
    if told.findings:
        rows += [BLANK, scene.heading("FOUND", width)]
        for one in told.findings:
            place = f"line {one.line}" if one.line else "command line"
            rows += wrap(f"{place}: {one.text}", width, "high" if one.is_error else "warn")
    return rows


def _indented(scene: Scene, text: str, width: int) -> list[Line]:
    text = text.replace("→", scene.symbols.arrow)
    return [line(span("  "), *row) for row in wrap(text, width - 2)]


def _step(step: StepView, width: int) -> list[Line]:
    """A part and how it takes the change; whose sessions that ends or reduces, beside it or below where it is long."""
    how = cell(step.how, _HOW, "text" if step.how in ("live", "next session") else "strong")
    row = line(span("  "), cell(step.path, 30), how)
    ends = f"ends the session at {_numbers(step.ends)}" if step.ends else ""
    reduces = f"takes modules from {_numbers(step.reduces)}" if step.reduces else ""
    words = "; ".join(one for one in (ends, reduces) if one)
    if not words:
        return [row]
    if width_of(row) + 2 + len(words) <= width:
        return [line(*row, span(f"  {words}", "warn"))]
    return [row, *(line(span("    "), *one) for one in wrap(words, width - 4, "warn"))]


def _sessions(told: PlanView, width: int) -> list[Line]:
    if told.beside and told.waits_for:
        words = (
            f"It would wait for the sessions at {_numbers(told.waits_for)}, and {told.beside} waits already: "
            "it is refused unless it is forced, or that one is given up."
        )
        return wrap(words, width, "warn")
    if told.waits_for:
        words = f"Waits until the sessions at {_numbers(told.waits_for)} have ended, unless it is forced."
        return wrap(words, width, "warn")
    if any(one.how == "next session" for one in told.steps):
        return wrap("None is disturbed; one that runs goes on as it began.", width)
    return wrap("None is disturbed.", width)


def progress(scene: Scene, width: int) -> list[Line]:
    """The parts of a change with how far each is, then how it ended."""
    desk = scene.desk
    topic = scene.store.config
    change = (topic.change if topic is not None else None) or desk.progress
    rows: list[Line] = []
    if change is not None:
        rows.append(scene.heading("PARTS", width))
        for one in change.steps:
            role = {"refused": "high", "taken back": "warn", "under way": "strong", "done": "text"}.get(
                one.state, "label"
            )
            row = line(span("  "), cell(one.path, 30), cell(one.how, _HOW, "label"), span(one.state, role))
            rows.append(cut(row, width, scene.symbols.ellipsis))
    text, role = desk.outcome
    rows += [BLANK, *(wrap(text, width, role) if text else [line(span("under way", "label"))])]
    return rows


def waits_for(change: ChangeView) -> str:
    """`waits for sessions at 1, 2`; without any it waits until nothing else is in its way."""
    if change.waits_for:
        return (
            f"waits for {'the session' if len(change.waits_for) == 1 else 'sessions'} at {_numbers(change.waits_for)}"
        )
    return "waits for its turn"


def what_waits(scene: Scene, told: PlanView | str, width: int) -> list[Line]:
    """The version that waits for a word; the change that waits for sessions, and its plan, or why that is not told."""
    topic = scene.store.config
    unconfirmed, waiting = (topic.unconfirmed, topic.waiting) if topic is not None else (None, None)
    rows: list[Line] = []
    if topic is not None and unconfirmed is not None:
        left = unconfirmed_words(scene)
        when = f"is undone in {left}" if left else "is to be confirmed once all parts are up"
        rows += [
            scene.heading("TO BE CONFIRMED", width),
            *wrap(f"Version {unconfirmed.version} {when}.", width, "warn"),
        ]
        rows += wrap(f"It changes {', '.join(unconfirmed.keys) or 'the text only'}.", width)
        rows += [
            line(
                span("Ctrl-Y ", "key"), span("keeps it, ", "label"), span("Ctrl-U ", "key"), span("undoes it", "label")
            )
        ]
    if waiting is not None:
        rows += [BLANK] if rows else []
        why = f": {waiting.why}" if waiting.why else ""
        rows += [
            scene.heading("WAITS", width),
            *wrap(f"{waiting.id} by {waiting.who or 'somebody'}{why}", width, "strong"),
        ]
        rows += wrap(f"It {waits_for(waiting)}, and is then made by itself.", width, "warn")
        rows += wrap("Others are made meanwhile if they touch none of its keys and need not wait.", width, "label")
        rows += [line(span("Ctrl-D ", "key"), span("gives it up", "label")), BLANK]
        if isinstance(told, PlanView):
            rows += plan(scene, told, (), width)
        else:
            rows += wrap(f"It changes {', '.join(waiting.keys) or 'the text only'}.", width)
            rows += wrap(told or "its plan is asked for", width, "warn" if told else "label")
    return rows or [line(span("Nothing waits any more.", "label"))]


def outdated(scene: Scene, desk: Desk, told: DifferenceView | None, width: int) -> list[Line]:
    """Who changed what meanwhile, what of it this draft changes too, and what can be done."""
    theirs = desk.theirs
    if theirs is None:
        return [line(span("the draft is of the version in force", "label"))]
    mine = "" if desk.in_force is None else f" Your draft is of version {desk.in_force.version.number}."
    why = f": {theirs.why}" if theirs.why else ""
    words = f"Version {theirs.number} by {theirs.who or 'somebody'} at {scene.clock(theirs.at)}{why}.{mine}"
    rows = [*wrap(words, width, "strong"), BLANK, scene.heading("CHANGED MEANWHILE", width)]
    if told is None:
        return [*rows, line(span("asked, waits for the charger", "label"))]
    rows += [row for one in told.changes for row in _indented(scene, one, width)] or [
        line(span("  nothing but the text", "label"))
    ]
    keys = [".".join(one.parts) for one in desk.differences]
    both = [key for key in keys if any(one.startswith((f"{key}:", f"{key} ")) for one in told.changes)]
    if both:
        rows += wrap(f"You changed {', '.join(both)} too: yours stands above theirs.", width, "warn")
    rows.append(BLANK)
    if desk.by_hand is not None:
        rows += wrap(
            "A text that was written by hand stands in place of theirs: the plan shows what that undoes.", width, "warn"
        )
    rows += [
        line(span("Enter ", "key"), span("lays your draft over their version; nothing is applied yet", "label")),
        line(span("Ctrl-D ", "key"), span("drops your draft and shows their version", "label")),
        line(span("Esc ", "key"), span("leaves both as they are", "label")),
    ]
    return rows


def history_header(_scene: Scene, _width: int) -> list[Line]:
    return [
        line(
            cell("  VERSION", 10, "label"),
            cell("when", 16, "label"),
            cell("who", 13, "label"),
            span("from, why or what", "label"),
        )
    ]


def history_row(scene: Scene, version: VersionView, width: int) -> Line:
    """A version: number, time, who, from where and why; what it changed where nobody said why."""
    waits = "" if version.confirmed else "NOT CONFIRMED  "
    why = version.why or ", ".join(version.keys)
    row = line(
        cell(f"  {version.number}", 10, "text"),
        cell(scene.clock(version.at), 16, "label"),
        cell(version.who, 12, "text", ellipsis=scene.symbols.ellipsis),
        span(" "),
        span(waits, "warn"),
        span(version.origin, "label"),
        span(f", {why}" if why else "", "text"),
    )
    return cut(row, width, scene.symbols.ellipsis)


def version(scene: Scene, known: VersionView, latest: int, told: DifferenceView | None, width: int) -> list[Line]:
    """One version, and what is different now."""
    why = f": {known.why}" if known.why else ""
    words = f"Version {known.number}, {known.origin}, by {known.who or 'nobody'} at {scene.clock(known.at)}{why}"
    rows = wrap(words, width, "strong")
    if known.number == latest:
        rows += [BLANK, line(span("This is what is in force.", "label"))]
        return rows
    rows += [line(span("Enter ", "key"), span("goes back to it, after showing what that takes", "label")), BLANK]
    rows.append(scene.heading(f"CHANGED SINCE, UP TO VERSION {latest}", width))
    if told is None:
        return [*rows, line(span("asked, waits for the charger", "label"))]
    rows += [row for one in told.changes for row in _indented(scene, one, width)] or [line(span("  no value", "label"))]
    rows += [BLANK, scene.heading("LINES", width), *(_difference(one) for one in told.lines)]
    return rows


def _difference(text: str) -> Line:
    role = {"+": "strong", "-": "text", "@": "head"}.get(text[:1], "label")
    return line(span(text, role)) if text else BLANK


def _numbers(numbers: Sequence[int]) -> str:
    return ", ".join(map(str, numbers))
