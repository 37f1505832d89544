"""The table of connectors on the overview: one row each, more columns where there is room."""

from __future__ import annotations

from typing import Final

import attrs

from jp_firmware.tui import formatters as fmt
from jp_firmware.tui.snapshot import ConnectorView
from jp_firmware.tui.text import Line, Span, cell, cut, line, span
from jp_firmware.tui.trend import column_seconds, draw
from jp_firmware.tui.views.scene import Scene, state_span, worst_role


@attrs.frozen
class _Column:
    """One column of the table; it is shown from a table width of `needs` on."""

    title: str
    width: int
    needs: int = 0
    right: bool = True


_STATE_WIDTH: Final = 21
_LIVE: Final = (_Column("kW", 7), _Column("V", 6), _Column("A", 6))
_SESSION: Final = (
    _Column("kWh", 8),
    _Column("SoC", 5),
    _Column("TIME", 7),
    _Column("asked", 8, needs=96),
    _Column("given", 8, needs=96),
    _Column("VEHICLE", 19, needs=158, right=False),
    _Column("TOKEN", 16, needs=130, right=False),
    _Column("POWER, 5 MIN", 22, needs=114, right=False),
)


def connectors_header(scene: Scene, width: int) -> list[Line]:
    titles = [cell("   CONNECTOR", _STATE_WIDTH + 4, "label")]
    for one in (*_LIVE, *_shown(width)):
        titles.append(cell(f"{one.title} " if one.right else f" {one.title}", one.width, "label", right=one.right))
    row = cut((*titles, ("  limited by", "label")), width, scene.symbols.ellipsis)
    return [scene.heading("CONNECTORS", width), row]


def connector_row(scene: Scene, connector: ConnectorView, width: int) -> Line:
    """One connector. Without a session its columns make room for the sentence that says why not."""
    row: list[Span] = [cell(f"{connector.number}", 3, "strong", right=True), (" ", "text")]
    row += state_span(scene, connector, _STATE_WIDTH)
    row += [_field(scene, connector, column) for column in _LIVE]
    if connector.in_session:
        row += [_field(scene, connector, column) for column in _shown(width)]
    row.append(("  ", "text"))
    row += note(scene, connector)
    return cut(tuple(row), width, scene.symbols.ellipsis)


def note(scene: Scene, connector: ConnectorView) -> Line:
    """What is wrong with a connector, else what limits it, else its own sentence."""
    if connector.fault_codes:
        return _faults_note(scene, connector)
    if connector.operative is False:
        return line(span("out of service", "warn"), span(f"  {connector.stage_text}", "label"))
    if connector.charging and connector.limited_by:
        return line(scene.value("the car" if connector.limited_by == "demand" else connector.limited_by))
    return line(span(connector.stage_text, "label"))


def _faults_note(scene: Scene, connector: ConnectorView) -> Line:
    code, *others = connector.fault_codes
    found = [one for one in scene.store.faults.active if one.code == code]
    role = worst_role([one.severity for one in found]) if found else "high"
    more = f" +{len(others)}" if others else ""
    title = f"  {found[0].title}" if found else f"  {connector.stage_text}"
    return line(span(f"{code}{more}", role), span(title))


def _shown(width: int) -> list[_Column]:
    return [one for one in _SESSION if width >= one.needs]


def _field(scene: Scene, connector: ConnectorView, column: _Column) -> Span:
    live = connector.state not in ("available", "unavailable", "reserved", "faulted") or bool(connector.power_w)
    if column.title == "POWER, 5 MIN":
        return (" " + _spark(scene, connector.number, column.width - 2) + " ", "stale" if scene.stale else "bar")
    text = {
        "kW": fmt.power_kw(connector.power_w),
        "V": fmt.number(connector.voltage_v),
        "A": fmt.number(connector.current_a),
        "kWh": fmt.energy_kwh(connector.energy_wh),
        "SoC": fmt.percent(connector.soc_percent),
        "TIME": fmt.stopwatch(connector.duration_s),
        "asked": fmt.power_kw(connector.requested_w),
        "given": fmt.power_kw(connector.assigned_w),
        "VEHICLE": connector.evccid,
        "TOKEN": connector.token,
    }[column.title]
    role = "strong" if column.title == "kW" and connector.charging else "text" if live else "label"
    if column.right:
        return scene.field(text, column.width, role)
    shown, role = scene.value(text, role)
    return cell(f" {shown}", column.width, role, ellipsis=scene.symbols.ellipsis)


def _spark(scene: Scene, number: int, width: int) -> str:
    trend = scene.store.trend(number, "power_w")
    step = column_seconds(width, 300)
    columns = trend.columns(scene.now_s, width, step)
    high = max((one for one in columns if one is not None), default=0.0)
    return draw(columns, scene.symbols.levels, 0.0, max(high, 1000.0))[0]
