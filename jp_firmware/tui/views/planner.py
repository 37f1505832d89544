"""The planner's figures: what the site may draw and what is asked of it, and one row a connector from wish to power."""

from __future__ import annotations

from typing import Final

import attrs

from jp_firmware.tui import formatters as fmt
from jp_firmware.tui.snapshot import ConnectorView, SiteView
from jp_firmware.tui.text import Line, Span, cell, cut, line, span, to_height
from jp_firmware.tui.views.overview import WAITING
from jp_firmware.tui.views.scene import Scene, state_span

# --- the site ------------------------------------------------------------------------------------------------------

_FOUR_TILES: Final = 76  # cells that four tiles beside each other need


def site(scene: Scene, width: int, height: int) -> list[Line]:
    """Heading, bar, the tiles in two rows, and what is ahead: five rows, the last one only where there is room."""
    status = scene.store.status
    if status is None:
        return to_height([scene.heading("SITE", width), WAITING], height)
    power, symbols = status.site, scene.symbols
    room = 4 if width >= _FOUR_TILES else 3
    column = max(19, min(30, (width + 1) // room))
    rows = [
        scene.heading("SITE", width, right=_use(scene, power)),
        _bar(scene, power, width),
        _tiles(
            scene,
            column,
            ("limit", power.limit_w, "strong"),
            ("requested", power.requested_w, "text"),
            *((("allowed", power.allowed_w, "text"),) if room == 4 else ()),
            ("headroom", power.headroom_w, "high" if (power.headroom_w or 0.0) < -100 else "text"),
        ),
        _tiles(
            scene,
            column,
            ("measured", power.measured_w, "strong"),
            *((("offered", power.offered_w, "text"),) if room == 4 else ()),
            ("assigned", power.assigned_w, "text"),
            ("short by", power.short_by_w, "warn" if (power.short_by_w or 0.0) > 100 else "text"),
        ),
        _ahead(scene, power, column),
    ]
    return to_height([cut(row, width, symbols.ellipsis) for row in rows], height)


def _use(scene: Scene, power: SiteView) -> Line:
    """How much of the limit is used, what is kept back of it, and what it is at the grid if modules lose some."""
    parts: list[Span] = [*scene.too_much(power.over_by_w)]
    lossy = power.grid_limit_w is not None and power.limit_w is not None and power.grid_limit_w - power.limit_w > 100
    for name, value_w in (("at the grid", power.grid_limit_w if lossy else None), ("reserve", power.reserve_w)):
        if value_w:
            text = fmt.with_unit(fmt.power_kw(value_w), "kW")
            parts += [span(f"{name} ", "label"), scene.value(text), span("  ")]
    return (*parts, span("utilisation ", "label"), scene.value(fmt.percent(power.utilisation_percent), "strong"))


def _bar(scene: Scene, power: SiteView, width: int) -> Line:
    """Measured, assigned and allowed power against the limit, or against whatever is more than that."""
    measured, assigned = power.measured_w or 0.0, power.assigned_w or 0.0
    return scene.bar(
        width,
        (measured, scene.symbols.full, "stale" if scene.stale else "high" if power.over_by_w else "bar"),
        (assigned, scene.symbols.soft, "stale" if scene.stale else "bar-soft"),
        whole=max(power.limit_w or 0.0, assigned, measured),
    )


def _tiles(scene: Scene, column: int, *values: tuple[str, float | None, str]) -> Line:
    parts: list[Span] = []
    for name, value_w, role in values:
        text = scene.field(fmt.power_kw(value_w), 7, role)
        parts += [cell(name, 9, "label"), text, cell("" if value_w is None else "kW", max(3, column - 16), "label")]
    return tuple(parts)


def _ahead(scene: Scene, site_power: SiteView, column: int) -> Line:
    """What cars will want in the next quarter of an hour, below the tiles of now."""
    ahead = site_power.forecast
    if ahead is None:
        return line(cell("ahead", 9, "label"), cell(f"  {fmt.UNKNOWN}", max(10, column - 9), "label"))
    minutes = fmt.number(None if ahead.within_s is None else ahead.within_s / 60)
    return (
        cell(f"in {minutes} min", max(19, column), "label"),
        *_tiles(
            scene,
            column,
            ("likely", ahead.p50_w, "text"),
            ("high", ahead.p90_w, "text"),
            ("short by", ahead.short_by_w, "warn" if (ahead.short_by_w or 0.0) > 100 else "text"),
        ),
    )


# --- the connectors ------------------------------------------------------------------------------------------------


@attrs.frozen
class _Column:
    """One of the five powers; it is shown from a table width of `needs` on."""

    title: str
    field: str
    width: int
    needs: int = 0


_POWERS: Final = (
    _Column("request", "requested_w", 8),  # the word is cut, not the number
    _Column("offered", "offered_w", 8, needs=70),
    _Column("allowed", "allowed_w", 8),
    _Column("assigned", "assigned_w", 9),
    _Column("measured", "power_w", 9, needs=66),
)


def connectors_header(scene: Scene, width: int) -> list[Line]:
    titles = [cell("   CONNECTOR", 4 + _state_width(width), "label")]
    titles += [cell(f"{one.title} ", one.width, "label", right=True) for one in _shown(width)]
    row = cut((*titles, (" mod  limited by", "label")), width, scene.symbols.ellipsis)
    return [scene.heading("CONNECTORS", width, right=line(span("kW", "label"))), row]


def connector_row(scene: Scene, connector: ConnectorView, width: int) -> Line:
    """One connector: from the car's wish to what flows, the modules behind it, and what binds."""
    live = connector.in_session or bool(connector.power_w)
    row: list[Span] = [cell(f"{connector.number}", 3, "strong", right=True), (" ", "text")]
    row += state_span(scene, connector, _state_width(width))
    for column in _shown(width):
        value_w: float | None = getattr(connector, column.field)
        if not connector.in_session and column.field in ("requested_w", "allowed_w", "assigned_w") and not value_w:
            row.append(cell("", column.width))
            continue
        role = "strong" if column.field == "power_w" and connector.charging else "text" if live else "label"
        old = connector.stale and column.field == "requested_w"
        row.append(scene.field(fmt.power_kw(value_w), column.width, role, old=old))
    row.append(_modules(scene, connector.number))
    row += _binding(scene, connector, width)
    return cut(tuple(row), width, scene.symbols.ellipsis)


def _shown(width: int) -> list[_Column]:
    return [one for one in _POWERS if width >= one.needs]


def _state_width(width: int) -> int:
    return 14 if width < 84 else 19


def _modules(scene: Scene, number: int) -> Span:
    """How many feed it, and how many come: ` 2+1`. A bad one among them stands out."""
    status = scene.store.status
    if status is None or not status.modules:
        return cell(fmt.UNKNOWN, 5, "label", right=True)
    here = status.modules_of(number)
    coming = sum(one.going_to == number for one in status.modules)
    bad = any(one.state in ("silent", "fault") for one in here)
    text, role = scene.value(f"{len(here)}+{coming}" if coming else str(len(here)), "warn" if bad else "text")
    return cell(text, 4, role, right=True)


def _bad_modules(scene: Scene, number: int) -> Line:
    """`  1 silent, 1 fault,`: those of its modules that do not deliver, in words."""
    status = scene.store.status
    states = [] if status is None else [one.state for one in status.modules_of(number)]
    counts = [(state, states.count(state)) for state in ("silent", "fault")]
    words = "".join(f" {count} {state}," for state, count in counts if count)
    return line(span(f" {words}", "warn")) if words else ()


def _binding(scene: Scene, connector: ConnectorView, width: int) -> Line:
    """The owner of the limit that binds, with its place where there is room; before it bad modules and an old wish."""
    bad = _bad_modules(scene, connector.number)
    if not connector.in_session:
        return (*bad, *line(span(f"  {connector.stage_text}", "label")))
    old = (*bad, *(line(span("  old wish,", "warn")) if connector.stale else ()))
    if connector.limited_by in ("", "demand"):
        return (*old, span("  "), scene.value("the car" if connector.limited_by else ""))
    plan = scene.store.plan
    why = plan.connectors.get(connector.number) if plan is not None else None
    link = why.binding if why is not None else None
    at = f" at {link.scope}" if width >= 100 and link is not None and link.owner == connector.limited_by else ""
    return (*old, span("  "), scene.value(connector.limited_by), span(at, "label"))


def nothing(_scene: Scene) -> Line:
    """What stands for connectors that are not known yet."""
    return WAITING
