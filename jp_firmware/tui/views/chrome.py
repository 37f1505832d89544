"""The rows every screen has: the status line, the alarm banner or title, the last result, and the keys."""

from __future__ import annotations

from collections.abc import Sequence

from jp_firmware.tui import formatters as fmt
from jp_firmware.tui.action import ROUTE_KEY
from jp_firmware.tui.actions import ACTIONS
from jp_firmware.tui.incidents import FaultView
from jp_firmware.tui.store import Link
from jp_firmware.tui.text import Line, Span, cut, ends, line, span, width_of
from jp_firmware.tui.views.scene import BANNER_ROLES, SEVERITY_WORDS, Scene


def status_line(scene: Scene, width: int) -> Line:
    """Row 1. Never wraps: parts are dropped from the right, the clock stays; the name gets what room is left."""
    clock = scene.now.astimezone(scene.zone).strftime("%H:%M:%S")
    waits = unconfirmed_words(scene)
    if waits:
        waits = f" UNCONFIRMED {waits} " if scene.stale else f" UNCONFIRMED {waits}: Ctrl-Y "
    room = width - len(clock) - 4 - len(waits)
    kept: list[str] = []
    for part in _status_parts(scene):
        if sum(map(len, kept)) + 3 * len(kept) + len(part) > room:
            break
        kept.append(part)
    left = room - sum(map(len, kept)) - 3 * (len(kept) - 1)
    name = "" if scene.store.status is None else scene.store.status.charger.name
    if kept and len(name) > left - 1:
        name = name[: left - 2] + scene.symbols.ellipsis if left > 8 else ""
    if kept and name:
        kept[0] = f"{kept[0]} {name}"
    text = f" {scene.symbols.bar} ".join(kept)
    row = f" {text}".ljust(width - len(clock) - 2 - len(waits))
    return line(span(row, "status"), span(waits, "banner-warn"), span(f" {clock} ", "status"))


def unconfirmed_words(scene: Scene) -> str:
    """How long a version waits for its confirmation: `42 s`; empty if none waits."""
    topic = scene.store.config
    if topic is None or topic.unconfirmed is None:
        return ""
    ends_at_s = topic.unconfirmed.ends_at_s
    return "" if ends_at_s is None else fmt.marked(f"{max(0, int(ends_at_s - scene.now_s))} s", scene.stale)


def _status_parts(scene: Scene) -> list[str]:
    status = scene.store.status
    if status is None:
        return ["JP charger"]
    charger, site, symbols = status.charger, status.site, scene.symbols
    parts = [charger.identity or "JP charger"]
    online = status.backend.state == "online"
    if status.backend.state != "disabled":
        sign = symbols.on if online else symbols.off
        parts.append(fmt.marked(f"OCPP {sign} {status.backend.state or fmt.UNKNOWN}", scene.stale))
    limit = fmt.with_unit(fmt.number(None if site.limit_w is None else site.limit_w / 1000), "kW")
    parts.append(fmt.marked(fmt.power_kw(site.measured_w), scene.stale) + f" of {limit}")
    parts.append(fmt.marked(f"{status.charging}/{len(status.connectors)} charging", scene.stale))
    active = len(scene.store.faults.active)
    if active:
        parts.append(f"{symbols.alarm} {fmt.counted(active, 'fault', 'faults')}")
    return parts


def banner(scene: Scene, title: str, width: int) -> Line:
    """Row 2: the lost link, else the worst fault nobody has acknowledged, else the title of the workspace."""
    lost = _link_words(scene)
    if lost:
        return _whole(span(f" {lost}", "banner-lost"), width, scene)
    waiting = scene.store.faults.unacknowledged
    if waiting:
        return _alarm(scene, waiting[0], len(waiting) - 1, width)
    topic = scene.store.config
    if topic is not None and topic.unconfirmed is not None:
        words = f" Configuration {topic.unconfirmed.version} is undone in {unconfirmed_words(scene) or 'a while'}"
        keys = "  Ctrl-Y keeps it  Ctrl-U undoes it now "
        if len(words) + len(keys) > width:
            keys = "  Ctrl-U undoes it now "  # row 1 names the other key
        return _whole(span(words.ljust(width - len(keys)) + keys, "banner-warn"), width, scene)
    active, status = scene.store.faults.active, scene.store.status
    right: Line = ()
    if not active and status is not None:
        charger = status.charger
        words = f"{charger.brand} {charger.version}, up {fmt.duration(charger.uptime_s)} ".lstrip()
        right = line(span(words, "label"))
    elif active:
        words = fmt.counted(len(active), "active fault", "active faults")
        right = line(span(f"{scene.symbols.alarm} {words}, acknowledged ", "warn"))
    return ends(line(span(f" {title}", "strong")), right, width, scene.symbols.ellipsis)


def _link_words(scene: Scene) -> str:
    store = scene.store
    since = fmt.duration(scene.now_s - store.link_since_s)
    if store.link is Link.LOST:
        return f"LINK LOST {since}  values are old, controls are off, reconnecting by itself"
    if store.link is Link.CONNECTING:
        return f"CONNECTING {since}  nothing is known yet"
    if scene.stale:
        silent = fmt.duration(store.silent_for_s(scene.now_s))
        why = store.silent_reason or "the charger holds the link but says nothing"
        return f"NO DATA {silent}  values are old; {why}"
    return ""


def _alarm(scene: Scene, fault: FaultView, others: int, width: int) -> Line:
    role = BANNER_ROLES[fault.severity]
    more = f"+{others}  " if others else ""
    right = f"{scene.age_of(fault.raised_at)}  {more}F8 "
    sign = scene.symbols.alarm if fault.cause_present else scene.symbols.gone
    left = f" {sign} {SEVERITY_WORDS[fault.severity]} UNACK  {fault.code} {fault.source}  {fault.title}"
    room = max(0, width - len(right) - 1)
    if len(left) > room:
        left = left[: max(0, room - 1)] + scene.symbols.ellipsis
    return line(span(left.ljust(width - len(right)) + right, role))


def _whole(part: Span, width: int, scene: Scene) -> Line:
    """`part` over the whole row, so that its background is too."""
    text, role = part
    if len(text) > width:
        text = text[: width - 1] + scene.symbols.ellipsis
    return line(span(text.ljust(width), role))


def routes_line(width: int, ellipsis: str) -> Line:
    """Row 23 after `g`: the letters that may follow, workspaces first; where not all fit, whole ones are left out."""
    row: list[Span] = [(f" {ROUTE_KEY} ", "chip"), ("  ", "text"), ("1-9", "key"), (" connector", "label")]
    routed = sorted((one for one in ACTIONS if one.route), key=lambda one: not one.id.startswith("go."))
    parts = [line(span(f" {one.route}", "key"), span(f" {one.short or one.title}", "label")) for one in routed]
    while len(parts) > 1 and width_of(tuple(row)) + sum(map(width_of, parts)) > width:
        del parts[-2]
    return cut((*row, *(one for part in parts for one in part)), width, ellipsis)


def keys_line(keys: Sequence[tuple[str, str, bool]], width: int) -> Line:
    """The last row: `F1 Help  F2 Menu ...`; what does nothing now is dim.

    Where they do not all fit, whole keys are left out from the right, but never the last one: the way out.
    """
    parts = [
        line(span(key, "key" if enabled else "off"), span(f" {title}  ", "text" if enabled else "off"))
        for key, title, enabled in keys
    ]
    while len(parts) > 1 and sum(map(width_of, parts)) - 1 > width:
        del parts[-2]
    *spans, (last, role) = (one for part in parts for one in part)
    return cut(line(span(" "), *spans, span(last.rstrip(), role)), width)
