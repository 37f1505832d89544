"""One connector: what flows and how it went, who charges, what the car wants, and why it does not get more."""

from __future__ import annotations

from typing import Final

from jp_firmware.tui import formatters as fmt
from jp_firmware.tui.incidents import FaultView
from jp_firmware.tui.snapshot import ConnectorView, StatusView
from jp_firmware.tui.text import BLANK, Line, Span, cell, cut, ends, line, span, to_height, wrap
from jp_firmware.tui.trend import column_seconds, draw
from jp_firmware.tui.views.scene import SEVERITY_ROLES, SEVERITY_WORDS, Scene, state_span

TREND_SPAN_S: Final = 300
_WAITING: Final = line(span("waiting for the charger", "label"))


def tabs(scene: Scene, width: int) -> list[Line]:
    """The connectors as a row of tabs, and the state of the chosen one in words: two rows."""
    status = scene.store.status
    if status is None:
        return [_WAITING, BLANK]
    row: list[Span] = [("CONNECTOR ", "head")]
    for number, one in status.connectors.items():
        bad = bool(one.fault_codes)
        sign = scene.symbols.alarm if bad else scene.symbols.on if one.in_session else scene.symbols.off
        role = "chip" if number == scene.connector else "high" if bad else "label"
        row += [(f" {number} {sign} ", role), (" ", "text")]
    hint = line(span("Left/Right ", "key"), span("change", "label"))
    one_chosen = scene.chosen
    if one_chosen is None:
        return [ends(tuple(row), hint, width), line(span(f"connector {scene.connector} does not exist", "warn"))]
    return [ends(tuple(row), hint, width), cut(_headline(scene, one_chosen), width, scene.symbols.ellipsis)]


def _headline(scene: Scene, connector: ConnectorView) -> Line:
    sign, state = state_span(scene, connector, len(connector.state) + 3)
    words = (state[0].strip().upper(), "strong" if not scene.stale and sign[1] == "text" else sign[1])
    parts: list[Span] = [sign, words]
    if connector.since_s is not None:
        parts.append((f"  for {fmt.duration(connector.since_s)}", "label"))
    if connector.operative is False:
        parts.append(("  out of service", "warn"))
    if connector.stage_text and connector.stage_text != connector.state:
        parts.append((f"  {connector.stage_text}", "text"))
    return tuple(parts)


# --- live values ---------------------------------------------------------------------------------------------------


def live(scene: Scene, width: int, height: int) -> list[Line]:
    """Power, voltage and current with their course. Rows beyond four go to the course of power."""
    connector = scene.chosen
    trend_width = max(10, width - 21 - 18)
    step = column_seconds(trend_width, TREND_SPAN_S)
    span_s = step * trend_width
    right = line(span(f"last {fmt.duration(span_s)}, low to high", "label"))
    rows = [scene.heading("LIVE", width, right=right)]
    if connector is None:
        return to_height([*rows, _WAITING], height)
    tall = max(1, height - 3)
    for label, unit, text, name, top, least in (
        ("Power", "kW", fmt.power_kw(connector.power_w), "power_w", tall, 1000.0),
        ("Voltage", "V", fmt.voltage(connector.voltage_v), "voltage_v", 1, 10.0),
        ("Current", "A", fmt.current(connector.current_a), "current_a", 1, 2.0),
    ):
        rows += _course(scene, label, unit, text, name, trend_width, step, top, least)
    return to_height([cut(row, width, scene.symbols.ellipsis) for row in rows], height)


def _course(
    scene: Scene, label: str, unit: str, text: str, name: str, width: int, step: int, rows: int, least: float
) -> list[Line]:
    """`least` is the smallest range that is drawn over the full height, so that noise does not look like a storm."""
    trend = scene.store.trend(scene.connector, name)
    extremes = trend.extremes(scene.now_s, step * width)
    low, high = extremes or (0.0, 0.0)
    floor = low if name == "voltage_v" else min(0.0, low)
    top = max(high, floor + least)
    if name == "voltage_v":
        floor = min(floor, top - least)
    graph = draw(trend.columns(scene.now_s, width, step), scene.symbols.levels, floor, top, rows)
    role = "stale" if scene.stale else "bar"
    if extremes is None:
        ranged = fmt.UNKNOWN
    else:
        show = fmt.power_kw if name == "power_w" else fmt.voltage
        ranged = f"{show(low)} to {show(high)}"
    drawn = [line(span(" " * 21), span(part, role)) for part in graph]
    shown_unit = cell("" if text == fmt.UNKNOWN else unit, 4, "label")
    value = line(cell(label, 9, "label"), scene.field(text, 8, "strong"), shown_unit)
    drawn[-1] = (*value, *drawn[-1][1:], (f"  {ranged}", "label"))
    return drawn


# --- the cards -----------------------------------------------------------------------------------------------------


def session(scene: Scene, width: int, height: int) -> list[Line]:
    """The running session, or the absence of one."""
    connector = scene.chosen
    rows = [scene.heading("SESSION", width)]
    if connector is None:
        return to_height([*rows, _WAITING], height)
    meter = scene.store.status.meter_of(connector.number) if scene.store.status else None
    meter_old = meter is not None and not meter.good
    energy = fmt.with_unit(fmt.energy_kwh(connector.energy_wh), "kWh")
    rows += [
        scene.row("Started", scene.value(scene.clock(connector.started_at))),
        scene.row("Duration", scene.value(fmt.duration(connector.duration_s))),
        scene.row("Energy", scene.value(energy, "strong", old=meter_old)),
        scene.row("Token", scene.value(connector.token)),
        scene.row("Session", *_names(scene, connector)),
    ]
    if meter is not None:
        register = fmt.with_unit(fmt.energy_kwh(meter.import_wh), "kWh")
        rows.append(scene.row("Meter", scene.value(register, old=meter_old), *_quality(meter.quality)))
    return to_height([cut(row, width, scene.symbols.ellipsis) for row in rows], height)


def _names(scene: Scene, connector: ConnectorView) -> Line:
    """Our own name for the session, or what the central system calls it, as soon as it does."""
    if connector.transaction_id:
        return line(span("transaction ", "label"), scene.value(connector.transaction_id))
    return line(scene.value(connector.session_id))


def _quality(quality: str) -> tuple[Span, ...]:
    return () if quality in ("good", "") else ((f" {quality}", "warn"),)


_CHAIN: Final = (
    ("requested", "requested_w"),  # what the car asks for
    ("offered", "offered_w"),  # what this connector can deliver
    ("allowed", "allowed_w"),  # its share under all limits
    ("assigned", "assigned_w"),  # what may be drawn now
    ("measured", "power_w"),  # what flows
)


def power(scene: Scene, width: int, height: int) -> list[Line]:
    """From the car's wish to what flows, as bars on one scale, and the reason for the step that binds."""
    connector = scene.chosen
    if connector is None:
        return to_height([scene.heading("POWER", width), _WAITING], height)
    limited = connector.in_session and connector.limited_by not in ("", "demand")
    right = line(span("limited by ", "label"), scene.value(connector.limited_by, "strong")) if limited else ()
    rows = [scene.heading("POWER", width, right=right)]
    values = [(label, getattr(connector, name)) for label, name in _CHAIN]
    whole = max((value for _, value in values if value is not None), default=0.0)
    bar_width = max(6, width - 11 - 11)
    for label, value_w in values:
        text = scene.field(fmt.power_kw(value_w), 8, "strong" if label == "measured" else "text")
        unit = cell("kW" if value_w is not None else "", 3, "label")
        bar: Line = ()
        if value_w is not None and whole >= 1.0:
            role = "stale" if scene.stale else "bar" if label == "measured" else "bar-soft"
            sign = scene.symbols.full if label == "measured" else scene.symbols.soft
            share = max(0, min(bar_width, round(value_w / whole * bar_width)))
            bar = line(span(sign * share, role))
        rows.append(line(cell(label, 10, "label"), text, unit, *bar))
    rows += wrap(why(connector), width, "text", most=max(1, height - len(rows)), ellipsis=scene.symbols.ellipsis)
    return to_height(rows, height)


def why(connector: ConnectorView) -> str:
    """One sentence: why the connector delivers no more than it does."""
    requested, assigned, allowed = connector.requested_w, connector.assigned_w, connector.allowed_w
    if not connector.in_session:
        return "no session"
    if requested is None:
        return "the car has not said what it wants"
    if assigned is not None and allowed is not None and assigned < allowed - 500:
        return "rising as others make room"
    if connector.limited_by in ("demand", ""):
        return "the car gets all it asks for"
    missing_w = requested - (allowed or 0.0)
    if missing_w < 100:
        return "the car gets all it asks for, just"
    return f"the car asks for {fmt.power_kw(missing_w)} kW more"


def vehicle(scene: Scene, width: int, height: int) -> list[Line]:
    """The car."""
    connector = scene.chosen
    if connector is None:
        return to_height([scene.heading("VEHICLE", width), _WAITING], height)
    there = "" if connector.plugged is None else "connected" if connector.plugged else "none"
    rows = [
        scene.heading("VEHICLE", width, right=line(scene.value(there))),
        scene.row("EVCCID", scene.value(connector.evccid)),
        scene.row("Protocol", scene.value("" if connector.protocol == "none" else connector.protocol)),
        scene.row("SoC", *_soc(scene, connector, width - 11)),
        scene.row("Asks for", *_wish(scene, connector)),
    ]
    return to_height([cut(row, width, scene.symbols.ellipsis) for row in rows], height)


def _wish(scene: Scene, connector: ConnectorView) -> Line:
    if connector.target_voltage_v is None and connector.target_current_a is None:
        return line(scene.value(""))
    volts = fmt.with_unit(fmt.number(connector.target_voltage_v), "V")
    amperes = fmt.with_unit(fmt.number(connector.target_current_a), "A")
    return line(scene.value(volts), ", ", scene.value(amperes))


def _soc(scene: Scene, connector: ConnectorView, width: int) -> Line:
    soc = connector.soc_percent
    text = scene.field(fmt.percent(soc), 6, "strong", right=False)
    if soc is None:
        return (text,)
    bar = scene.bar(
        max(4, min(24, width - 6)), (soc, scene.symbols.full, "stale" if scene.stale else "bar"), whole=100.0
    )
    return (text, *bar)


def plug(scene: Scene, width: int, height: int) -> list[Line]:
    """Plug, latch and authorization, and the devices behind the connector; the PLC board in the heading."""
    connector, status = scene.chosen, scene.store.status
    if connector is None or status is None:
        return to_height([scene.heading("PLUG", width), _WAITING], height)
    plugged = "" if connector.plugged is None else "plugged" if connector.plugged else "not plugged"
    latch = "" if connector.latched is None else f"latch {'engaged' if connector.latched else 'open'}"
    tick = line(span(f" {scene.symbols.good}")) if connector.latched and not scene.stale else ()
    rows = [
        scene.heading("PLUG", width, right=_board(scene, status, connector.number)),
        scene.row("Plug", scene.value(plugged), ", ", scene.value(latch), *tick),
        scene.row("Authorized", scene.value(connector.authorization or ("no" if connector.plugged is False else ""))),
        scene.row("Modules", *_modules(scene, status, connector.number)),
    ]
    return to_height([cut(row, width, scene.symbols.ellipsis) for row in rows], height)


def _modules(scene: Scene, status: StatusView, number: int) -> Line:
    modules = status.modules_of(number)
    if not modules:
        return line(scene.value(""))
    on = sum(one.state == "on" for one in modules)
    parts = [scene.value(f"{on} of {len(modules)} on")]
    bad = [one for one in modules if one.state in ("silent", "fault")]
    if bad:
        parts.append((f", {bad[0].name} {bad[0].state}", "warn"))
    warmest = max((one.ambient_c for one in modules if one.ambient_c is not None), default=None)
    if warmest is not None and not bad:
        parts.append((f", {fmt.number(warmest)} °C", "label"))
    return tuple(parts)


def _board(scene: Scene, status: StatusView, number: int) -> Line:
    board = status.board_of(number)
    if board is None:
        return ()
    name = span(f"{board.name} ", "label")
    if board.tripped:
        return line(name, scene.value(", ".join(board.tripped), "fail"))
    if board.quality != "good":
        return line(name, scene.value(board.quality, "warn"))
    return line(name, scene.value(board.mode, "text" if board.good else "warn"))


# --- faults of this connector --------------------------------------------------------------------------------------


def faults_of(scene: Scene) -> list[FaultView]:
    """The active faults that concern the chosen connector: at it, at its devices, or named by the charger."""
    connector, status = scene.chosen, scene.store.status
    if connector is None or status is None:
        return []
    sources = {f"connector-{connector.number}"} | {one.name for one in status.modules_of(connector.number)}
    meter, board = status.meter_of(connector.number), status.board_of(connector.number)
    sources |= {one.name for one in (meter, board) if one is not None}
    return [
        one
        for one in scene.store.faults.active
        if one.place in sources or (one.code in connector.fault_codes and not _elsewhere(one.place))
    ]


def _elsewhere(place: str) -> bool:
    """Whether a place belongs to some connector or its devices, so that a code alone does not say whose."""
    return place.startswith(("connector-", "module-", "meter-", "plc-"))


def faults(scene: Scene, width: int, height: int) -> list[Line]:
    """The faults with their remedies, as many as fit into `height` rows with the heading."""
    found = faults_of(scene)
    if scene.chosen is None:
        return to_height([scene.heading("FAULTS", width)], height)
    if not found:
        return to_height([scene.heading("FAULTS", width), line(scene.value("none", "label"))], height)
    rows: list[Line] = []
    shown = 0
    for index, fault in enumerate(found):
        room = height - 1 - len(rows)
        if room < 2:
            break
        last = index == len(found) - 1
        rows += _fault(scene, fault, width, room if last else max(2, room // (len(found) - index)))
        shown += 1
    more = span(f"{len(found) - shown} more: ", "strong") if shown < len(found) else span("")
    right = line(more, span("F5", "key"), span(" fault centre", "label"))
    return to_height([scene.heading("FAULTS", width, right=right), *rows], height)


def _fault(scene: Scene, fault: FaultView, width: int, height: int) -> list[Line]:
    """One fault in two rows, what it is and what to do; with its detail and a longer remedy where there is room."""
    head = line(
        span(f"{scene.symbols.alarm} {SEVERITY_WORDS[fault.severity]} {fault.code}", SEVERITY_ROLES[fault.severity]),
        span(f" {fault.title}", "strong"),
        span(f"  {fault.source}, {scene.age_of(fault.raised_at)}", "label"),
    )
    ellipsis = scene.symbols.ellipsis
    rows = [cut(head, width, ellipsis)]
    if height > 2 and fault.detail:
        rows += wrap(f"  {fault.detail}", width, "label", most=1, ellipsis=ellipsis)
    remedy = f"{scene.symbols.arrow} {fault.remedy or 'no remedy is known'}"
    return rows + wrap(remedy, width, "text", most=max(1, height - len(rows)), ellipsis=ellipsis)
