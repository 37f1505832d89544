"""What a view may look at when it draws: the store, the two clocks, the signs, and what the operator has chosen."""

from __future__ import annotations

from datetime import datetime, tzinfo
from typing import Final

import attrs

from jp_firmware.model.faults import Severity
from jp_firmware.tui import formatters as fmt
from jp_firmware.tui.configuration.desk import Desk
from jp_firmware.tui.snapshot import ConnectorView
from jp_firmware.tui.store import Store
from jp_firmware.tui.symbols import Symbols
from jp_firmware.tui.text import Line, Span, cell, heading, line, span

SEVERITY_WORDS: Final = {
    Severity.DANGER: "DANGER",
    Severity.STOP: "STOP",
    Severity.STOP_SESSION: "SESSION",
    Severity.DEGRADE: "DEGRADE",
    Severity.NOTICE: "NOTICE",
}
SEVERITY_ROLES: Final = {
    Severity.DANGER: "fail",
    Severity.STOP: "high",
    Severity.STOP_SESSION: "warn",
    Severity.DEGRADE: "warn",
    Severity.NOTICE: "note",
}
BANNER_ROLES: Final = {
    Severity.DANGER: "banner-fail",
    Severity.STOP: "banner-high",
    Severity.STOP_SESSION: "banner-warn",
    Severity.DEGRADE: "banner-warn",
    Severity.NOTICE: "banner-note",
}


@attrs.frozen(kw_only=True)
class Scene:
    """One moment. `now_s` is monotonic, `now` is wall time; `zone` None is the terminal's own time zone."""

    store: Store
    symbols: Symbols
    now_s: float
    now: datetime
    zone: tzinfo | None = None
    connector: int = 1  # the chosen one
    desk: Desk = attrs.field(factory=Desk)  # the configuration's editor

    @property
    def stale(self) -> bool:
        return self.store.stale(self.now_s)

    @property
    def plan_stale(self) -> bool:
        """Whether what the planner said of its limits is old."""
        return self.store.plan_stale(self.now_s)

    @property
    def chosen(self) -> ConnectorView | None:
        """The chosen connector, once the charger has told of it."""
        return None if self.store.status is None else self.store.status.connectors.get(self.connector)

    def value(self, text: str, role: str = "text", *, old: bool = False) -> Span:
        """A value as a span: marked and dimmed when it, or everything, is old; `---` when it is unknown."""
        if not text:
            text = fmt.UNKNOWN
        if text == fmt.UNKNOWN:
            return span(text, "label")
        if self.stale or old:
            return span(fmt.marked(text, True), "stale")
        return span(text, role)

    def field(self, text: str, width: int, role: str = "text", *, right: bool = True, old: bool = False) -> Span:
        """A value in a column of `width` cells. Numbers keep one cell free for the mark of age."""
        marked, role = self.value(text, role, old=old)
        if right and not marked.endswith(fmt.STALE_MARK):
            marked += " "
        return cell(marked, width, role, right=right, ellipsis=self.symbols.ellipsis)

    def too_much(self, over_by_w: float) -> Line:
        """How much more flows than the limit lets, in words; empty where it does not."""
        return line(span(f"OVER THE LIMIT by {fmt.power_kw(over_by_w)} kW  ", "high")) if over_by_w else ()

    def row(self, label: str, *parts: Span | str, label_width: int = 11) -> Line:
        """`Label      value`, one line of a card."""
        return line(cell(label, label_width, "label"), *parts)

    def heading(self, title: str, width: int, *, right: Line = ()) -> Line:
        return heading(title, width, self.symbols.rule, right=right)

    def clock(self, at: datetime | None) -> str:
        return fmt.time_of_day(at, self.now, self.zone)

    def age_of(self, at: datetime | None) -> str:
        return fmt.age(fmt.seconds_since(at, self.now))

    def bar(self, width: int, *parts: tuple[float, str, str], whole: float) -> Line:
        """A horizontal bar of `width` cells for `whole`.

        `parts` are (reach, sign, role), each from where the one before ended to its own reach; the rest is empty.
        What borders on the empty rest ends in an eighth of a cell where the signs allow it.
        """
        spans: list[Span] = []
        at = 0
        for reach, sign, role in parts:
            share = 0.0 if whole <= 0 else min(1.0, max(0.0, reach / whole))
            exact = share * width
            if sign == self.symbols.full and self.symbols.eighths and reach >= max(one[0] for one in parts):
                end = int(exact)
                eighth = int((exact - end) * 8)
                tail = self.symbols.eighths[eighth - 1] if eighth and end < width else ""
            else:
                end, tail = round(exact), ""
            if end + len(tail) > at:
                spans.append((sign * max(0, end - at) + tail, role))
                at = max(at, end) + len(tail)
        if at < width:
            spans.append((self.symbols.empty * (width - at), "track"))
        return tuple(spans)


def state_span(scene: Scene, connector: ConnectorView, width: int) -> Line:
    """The sign and the word of a connector's state, in `width` cells."""
    symbols = scene.symbols
    sign, role = {
        "charging": (symbols.on, "active"),
        "faulted": (symbols.bad, "high"),
        "unavailable": (symbols.bad, "label"),
        "available": (symbols.off, "text"),
        "reserved": (symbols.off, "text"),
    }.get(connector.state, (symbols.on, "text"))
    text = connector.state or fmt.UNKNOWN
    if scene.stale:
        return line(span(f"{sign} ", "stale"), scene.field(text, width - 2, right=False))
    return line(span(f"{sign} ", role), cell(text, width - 2, role, ellipsis=symbols.ellipsis))


def worst_role(severities: list[Severity]) -> str:
    """The role of the worst of some faults, ordinary text if there are none."""
    return SEVERITY_ROLES[min(severities)] if severities else "text"
