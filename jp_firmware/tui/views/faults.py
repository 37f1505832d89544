"""The fault centre: what is wrong, how bad, since when, why, and what to do about it."""

from __future__ import annotations

from jp_firmware.tui import formatters as fmt
from jp_firmware.tui.incidents import FaultView
from jp_firmware.tui.text import Line, Span, cell, cut, ends, line, span, to_height, wrap
from jp_firmware.tui.views.scene import SEVERITY_ROLES, SEVERITY_WORDS, Scene, worst_role


def counters(scene: Scene, width: int) -> list[Line]:
    """One row: active, not acknowledged, at connectors, recent."""
    store = scene.store
    if store.status is None:
        return [line(span("waiting for the charger", "label"))]
    active = store.faults.active
    at_connectors = sum(one.place.startswith("connector-") for one in active)
    row: list[Span] = []
    for name, count, role in (
        ("active", len(active), worst_role([one.severity for one in active])),
        ("not acknowledged", len(store.faults.unacknowledged), "strong"),
        ("at connectors", at_connectors, "text"),
        ("recent", len(store.faults.recent), "text"),
    ):
        row += [(f"{name} ", "label"), scene.value(str(count), role if count else "label"), ("    ", "text")]
    return [cut(tuple(row), width, scene.symbols.ellipsis)]


def active_header(scene: Scene, width: int) -> list[Line]:
    return [scene.heading("ACTIVE", width)]


def active_row(scene: Scene, fault: FaultView, width: int) -> Line:
    """Sign, severity, acknowledged or not, code, source, age and title."""
    role = "stale" if scene.stale else SEVERITY_ROLES[fault.severity]
    sign = scene.symbols.alarm if fault.cause_present else scene.symbols.gone
    row = (
        span("  "),
        span(f"{sign} {fault.severity.value} {SEVERITY_WORDS[fault.severity]}", role),
        span(" " * (8 - len(SEVERITY_WORDS[fault.severity]))),
        cell("ack" if fault.acknowledged else "UNACK", 6, "label" if fault.acknowledged else "strong"),
        cell(fault.code, 8, "text", ellipsis=scene.symbols.ellipsis),
        cell(fault.place, 13, "text", ellipsis=scene.symbols.ellipsis),
        cell(scene.age_of(fault.raised_at), 6, "label", right=True),
        span("  "),
        span(fault.title),
    )
    return cut(line(*row), width, scene.symbols.ellipsis)


def recent_header(scene: Scene, width: int) -> list[Line]:
    return [scene.heading("RECENT", width, right=line(span("Tab ", "key"), span("to go there", "label")))]


def recent_row(scene: Scene, fault: FaultView, width: int) -> Line:
    """When it came, how long it lasted, code, source and title."""
    lasted = None
    if fault.raised_at is not None and fault.cleared_at is not None:
        lasted = (fault.cleared_at - fault.raised_at).total_seconds()
    row = (
        span("  "),
        cell(scene.clock(fault.raised_at), 12, "label"),
        cell(fmt.duration(lasted), 11, "label"),
        cell(fault.code, 8, "text", ellipsis=scene.symbols.ellipsis),
        cell(fault.place, 13, "text", ellipsis=scene.symbols.ellipsis),
        span(" "),
        span(fault.title, "text"),
    )
    return cut(line(*row), width, scene.symbols.ellipsis)


def detail(scene: Scene, fault: FaultView | None, width: int, height: int) -> list[Line]:
    """The chosen fault: what it is, what happened, and what to do."""
    ellipsis = scene.symbols.ellipsis
    if fault is None:
        words = "choose a fault above" if scene.store.faults.active or scene.store.faults.recent else "no faults"
        return to_height([scene.heading("DETAIL", width), line(span(words, "label"))], height)
    role = SEVERITY_ROLES[fault.severity]
    times = f", {fault.count} times" if fault.count > 1 else ""
    title = ends(
        line(span(fault.code, role), span(f" {fault.title}", "strong")),
        line(span(f"{SEVERITY_WORDS[fault.severity]} at {fault.source}{times}", "label")),
        width,
        ellipsis,
    )
    rows = [scene.heading("DETAIL", width), title, cut(_course(scene, fault), width, ellipsis)]
    room = height - len(rows)
    what = _labelled("cause", fault.detail or "no more is known", width, max(1, room // 2), ellipsis)
    rows += what
    rows += _labelled("remedy", fault.remedy or "no remedy is known", width, max(1, height - len(rows)), ellipsis)
    return to_height(rows, height)


def _course(scene: Scene, fault: FaultView) -> Line:
    parts: list[Span] = [("since ", "label"), (scene.clock(fault.raised_at), "text")]
    parts.append((f" ({scene.age_of(fault.raised_at)})", "label"))
    if fault.cleared_at is not None:
        parts += [("  cleared ", "label"), (scene.clock(fault.cleared_at), "text")]
    elif fault.cause_present:
        parts.append(("  cause present", "text"))
    else:
        parts.append(("  cause gone, waits to be cleared", "warn"))
    if fault.acknowledged_at is not None:
        parts += [("  acknowledged ", "label"), (scene.clock(fault.acknowledged_at), "text")]
    return tuple(parts)


def _labelled(label: str, text: str, width: int, most: int, ellipsis: str) -> list[Line]:
    """`cause  text over several rows`, indented below its label."""
    wrapped = wrap(text, width - 8, "text", most=most, ellipsis=ellipsis)
    first, *others = wrapped
    return [line(cell(label, 8, "label"), *first), *(line(span(" " * 8), *one) for one in others)]


def nothing(scene: Scene) -> Line:
    """What stands in an empty list."""
    if scene.store.status is None:
        return line(span("  waiting for the charger", "label"))
    return line(span("  none", "label"))
