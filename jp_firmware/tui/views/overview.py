"""The overview's cards: what flows, whether the central system listens, how the charger itself feels."""

from __future__ import annotations

from typing import Final

from jp_firmware.tui import formatters as fmt
from jp_firmware.tui.snapshot import BackendView, StatusView
from jp_firmware.tui.text import BLANK, Line, Span, cut, line, span, wrap
from jp_firmware.tui.views.scene import Scene

WAITING: Final = line(span("waiting for the charger", "label"))


# --- site power ----------------------------------------------------------------------------------------------------


def site(scene: Scene, width: int) -> list[Line]:
    """Four rows: heading, bar of measured, assigned and limit, and the numbers behind it."""
    status = scene.store.status
    if status is None:
        return [scene.heading("SITE POWER", width), WAITING, BLANK, BLANK]
    power, symbols = status.site, scene.symbols
    share = scene.value(fmt.percent(power.utilisation_percent), "strong")
    right = line(*scene.too_much(power.over_by_w), span("utilisation ", "label"), share)
    measured = power.measured_w or 0.0
    whole = max(power.limit_w or 0.0, power.assigned_w or 0.0, measured)
    bar = scene.bar(
        width,
        (measured, symbols.full, "stale" if scene.stale else "high" if power.over_by_w else "bar"),
        (power.assigned_w or 0.0, symbols.soft, "stale" if scene.stale else "bar-soft"),
        whole=whole,
    )
    column = max(19, min(28, (width + 1) // 4))
    rows = [scene.heading("SITE POWER", width, right=right), bar]
    rows.append(
        _named_values(
            scene,
            column,
            ("measured", power.measured_w, "strong"),
            ("assigned", power.assigned_w, "text"),
            ("headroom", power.headroom_w, "text"),
            ("limit", power.limit_w, "text"),
        )
    )
    rows.append(
        line(
            *_count(scene, "charging", f"{status.charging} of {len(status.connectors)}", column),
            *_count(scene, "connected", f"{status.plugged}", column),
            *_count(scene, "requested", fmt.with_unit(fmt.power_kw(power.requested_w), "kW"), column + 1),
            *_count(scene, "modules", _modules_words(status), 0),
        )
    )
    return [cut(row, width, symbols.ellipsis) for row in rows]


def _named_values(scene: Scene, column: int, *values: tuple[str, float | None, str]) -> Line:
    parts: list[Span] = []
    for name, value_w, role in values:
        text, shown = scene.value(fmt.power_kw(value_w), role)
        unit = "" if text == fmt.UNKNOWN else " kW"
        parts += [(f"{name} ", "label"), (text, shown), (unit, "label")]
        room = column + (name == "headroom")
        parts.append((" " * max(1, room - len(name) - 1 - len(text) - len(unit)), "text"))
    return tuple(parts)


def _count(scene: Scene, name: str, words: str, width: int) -> tuple[Span, ...]:
    text, role = scene.value(words)
    pad = " " * max(0, width - len(name) - 1 - len(text))
    return ((f"{name} ", "label"), (text, role), (pad, "text"))


def _modules_words(status: StatusView) -> str:
    if not status.modules:
        return fmt.UNKNOWN
    on = sum(one.state == "on" for one in status.modules)
    bad = sum(one.state in ("silent", "fault") for one in status.modules)
    words = f"{on}/{len(status.modules)} on"
    return f"{words}, {bad} bad" if bad else words


# --- central system and the charger itself -------------------------------------------------------------------------

_BACKEND_WORDS: Final = {
    "online": ("text", "online"),
    "disabled": ("label", "none configured"),
    "connecting": ("warn", "connecting"),
    "waiting": ("warn", "down"),
    "pending": ("warn", "not accepted yet"),
    "rejected": ("high", "rejected"),
}


def backend(scene: Scene, width: int) -> list[Line]:
    """The central system's link, and why it is down if it is: four rows."""
    rows = [scene.heading("CENTRAL SYSTEM", width)]
    status = scene.store.status
    if status is None:
        return [*rows, WAITING]
    link, ellipsis = status.backend, scene.symbols.ellipsis
    role, words = _BACKEND_WORDS.get(link.state, ("text", link.state or fmt.UNKNOWN))
    if link.state == "disabled":
        return [*rows, line(scene.value(words, role))]
    sign = scene.symbols.on if link.state == "online" else scene.symbols.off
    since = "" if link.since_s is None else f" {fmt.duration(link.since_s)}"
    rows.append(line(span(f"{sign} ", role), scene.value(words, role), span(since, "label"), *_queued(scene, link)))
    if link.reason and link.state != "online":
        rows += wrap(link.reason, width, "text", most=2, ellipsis=ellipsis)
    elif link.url:
        rows += wrap(link.url, width, "label", most=2, ellipsis=ellipsis)
    return [cut(row, width, ellipsis) for row in rows]


def _queued(scene: Scene, link: BackendView) -> Line:
    if not link.queued:
        return ()
    return line(span("  "), scene.value(f"{link.queued} queued", "text" if link.state == "online" else "warn"))


def health(scene: Scene, width: int) -> list[Line]:
    """The supervision tree and the devices in three rows: who is down, whose watchdog came closest, what is bad."""
    rows = [scene.heading("HEALTH", width)]
    status = scene.store.status
    if status is None:
        return [*rows, WAITING]
    tree, symbols = status.tree, scene.symbols
    if tree.healthy is None:
        rows.append(line(span("tree ", "label"), span(fmt.UNKNOWN, "label")))
    else:
        sign, role = (symbols.on, "text") if tree.healthy else (symbols.bad, "high")
        words = f"{fmt.number(tree.children)} tasks"
        if tree.down:
            words += f", {tree.down} down"
        if tree.restarts:
            words += f", {fmt.counted(tree.restarts, 'restart', 'restarts')}"
        state = "healthy" if tree.healthy else "not healthy"
        rows.append(line(span(f"{sign} ", role), scene.value(state, role), span(f"  {words}", "label")))
    if tree.down:
        rows.append(line(span("down ", "label"), scene.value(tree.worst, "high")))
    else:
        rows.append(_worst_gap(scene, status))
    rows.append(_devices(scene, status))
    return [cut(row, width, symbols.ellipsis) for row in rows]


def _worst_gap(scene: Scene, status: StatusView) -> Line:
    tree = status.tree
    gap = (span("worst gap ", "label"), scene.value(fmt.short_seconds(tree.worst_gap_s)))
    if not tree.worst:
        return line(*gap)
    share = fmt.percent(None if tree.worst_ratio is None else tree.worst_ratio * 100)
    role = "warn" if tree.worst_ratio is not None and tree.worst_ratio > 0.8 else "text"
    return line(*gap, span("  "), scene.value(share, role), span(" "), scene.value(tree.worst))


def _devices(scene: Scene, status: StatusView) -> Line:
    parts: list[Span] = []
    for name, devices in (
        ("modules", [one.state in ("on", "off") for one in status.modules]),
        ("meters", [one.good for one in status.meters]),
        ("boards", [one.good for one in status.boards]),
    ):
        good = all(devices)
        parts += [
            (f"{name} ", "label"),
            scene.value(f"{sum(devices)}/{len(devices)}" if devices else fmt.UNKNOWN, "text" if good else "warn"),
            ("  ", "text"),
        ]
    return tuple(parts)
