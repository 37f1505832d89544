"""`jp status`: the charger on one page of 80 columns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from jp_firmware.cli.terminal import UNKNOWN, WIDTH, Terminal, clean, duration, kilo, local_time, number, wrapped

Json = dict[str, Any]

_STATE_MEANINGS = {
    "charging": "good",
    "suspended by EV": "attention",
    "suspended by EVSE": "attention",
    "unavailable": "attention",
    "faulted": "bad",
}
_SHORT = 25  # of the loop's line, what is left for its scheduling
_LONGEST_MS = 5.0  # the longest step that the controller's time budget allows
_SEVERITIES = {1: "danger", 2: "stop", 3: "stop session", 4: "degrade", 5: "notice"}


def status_lines(terminal: Terminal, status: Json, faults: Json) -> list[str]:
    """The whole page."""
    return [
        *_head(status),
        _site(status["site"]),
        *_backend(terminal, status["backend"]),
        _tree(terminal, status["tree"]),
        *_loop(terminal, status.get("loop")),
        "",
        *_connectors(terminal, status["connectors"]),
        *_silent_devices(terminal, status),
        "",
        *fault_lines(terminal, faults["active"]),
    ]


def fault_lines(terminal: Terminal, active: Sequence[Json]) -> list[str]:
    """Active faults, worst first, each with its remedy; or one line that there is none."""
    if not active:
        return ["No active faults."]
    lines = []
    for fault in sorted(active, key=lambda one: (_severity_rank(one), str(one.get("raised_at")))):
        lines += _fault(terminal, fault)
    return lines


def _head(status: Json) -> list[str]:
    charger = status["charger"]
    left = f"{clean(charger['name'], 30)}  {clean(charger['identity'], 20)}"
    right = f"version {clean(charger['version'], 10)}  up {duration(charger['uptime_s'])}"
    return [f"{left}{right:>{WIDTH - len(left)}}"]


def _site(site: Json) -> str:
    return (
        f"Site     limit {kilo(site['limit_w'], 'kW')}  measured {kilo(site['measured_w'], 'kW')}  "
        f"assigned {kilo(site['assigned_w'], 'kW')}  wanted {kilo(site['requested_w'], 'kW')}"
    )


def _backend(terminal: Terminal, backend: Json) -> list[str]:
    state = str(backend["state"])
    meaning = {"online": "good", "disabled": ""}.get(state, "attention")
    since = f" for {duration(backend['since_s'])}" if backend.get("since_s") is not None else ""
    queued = f"  {backend['queued']} queued" if backend.get("queued") else ""
    room = WIDTH - 9 - len(state) - len(since) - len(queued) - 2
    url = f"  {clean(backend['url'], room)}" if backend.get("url") else ""
    lines = [f"Backend  {terminal.paint(state, meaning)}{since}{queued}{url}"]
    if backend.get("reason"):
        lines += wrapped(clean(backend["reason"]), " " * 9)
    return lines


def _tree(terminal: Terminal, tree: Json) -> str:
    health, meaning = ("healthy", "good") if tree["healthy"] else (f"{tree['down']} down", "bad")
    counts = f"  {tree['children']} parts  {tree['restarts']} restarts"
    worst = ""
    if tree.get("worst"):
        ratio = f" ({number(tree['worst_ratio'], 0, 0.01)} % of its watchdog)" if tree.get("worst_ratio") else ""
        room = WIDTH - 9 - len(health) - len(counts) - 8 - len(ratio)
        worst = f"  worst {clean(tree['worst'].rpartition('/')[2], room)}{ratio}"
    return f"Tree     {terminal.paint(health, meaning)}{counts}{worst}"


def _loop(terminal: Terminal, loop: Json | None) -> list[str]:
    """How long the loop, or the garbage collector, ever kept all others waiting; nothing of an older controller."""
    if not loop or "scheduling" not in loop:
        return []
    told = [
        terminal.paint(
            f"worst {what} {number(loop[key], 1)} ms", "attention" if (loop[key] or 0.0) > _LONGEST_MS else ""
        )
        for what, key in (("step", "worst_step_ms"), ("pause", "worst_pause_ms"))
    ]
    scheduling = clean(loop["scheduling"])
    if len(scheduling) <= _SHORT:
        return [f"Loop     {', '.join(told)}, {scheduling}"]
    return [f"Loop     {', '.join(told)}", *wrapped(scheduling, " " * 9)]


def _connectors(terminal: Terminal, connectors: Json) -> list[str]:
    lines = [f"{'#':>2}  {'State':<17}{'kW':>7}{'V':>7}{'A':>7}{'kWh':>8}{'SoC':>6}  Note"]
    for key in sorted(connectors, key=int):
        one = connectors[key]
        state = f"{clean(one['state'], 17):<17}"
        soc = f"{number(one['soc_percent'])}%" if one["soc_percent"] is not None else UNKNOWN
        numbers = (
            f"{number(one['power_w'], 1, 1000.0):>7}{number(one['voltage_v'], 1):>7}{number(one['current_a'], 1):>7}"
            f"{number(one['energy_wh'], 2, 1000.0):>8}{soc:>6}"
        )
        note, meaning = _note(one)
        room = WIDTH - 4 - 17 - 35 - 2
        line = f"{key:>2}  {terminal.paint(state, _STATE_MEANINGS.get(one['state'], ''))}{numbers}  "
        lines.append(line + terminal.paint(clean(note, room), meaning) if note else line.rstrip())
    return lines


def _note(connector: Json) -> tuple[str, str]:
    """What a person wants to know next of a connector: its faults, else what limits it, else what it waits for."""
    if connector["faults"]:
        return " ".join(connector["faults"]), "bad"
    if connector["state"] == "charging" and connector["limited_by"] not in (None, "demand"):
        return f"limited by {connector['limited_by']}", "attention"
    if not connector["operative"]:
        return "out of service", "attention"
    return connector.get("stage_text") or "", ""


def _silent_devices(terminal: Terminal, status: Json) -> list[str]:
    """Devices that do not speak or complain; nothing when all is well."""
    bad = [f"{name} {one['state']}" for name, one in status["modules"].items() if one["state"] in ("silent", "fault")]
    for group in ("meters", "plc_boards"):
        bad += [f"{name} {one['quality']}" for name, one in status[group].items() if one["quality"] != "good"]
    if not bad:
        return []
    return [terminal.paint(line, "bad") for line in wrapped("Devices  " + ", ".join(map(clean, bad)), "")]


def _fault(terminal: Terminal, fault: Json) -> list[str]:
    severity = _severity(fault)
    head = f"{clean(fault['code'])} {clean(fault['source'], 20)}"
    what = f"{severity}, since {local_time(fault['raised_at'], '%m-%d %H:%M')}"
    if fault.get("count", 1) > 1:
        what += f", {fault['count']} times"
    if fault.get("acknowledged_at"):
        what += ", acknowledged"
    if fault.get("cause_present") is False:
        what += ", cause gone"
    meaning = "bad" if _severity_rank(fault) <= 3 else "attention"
    release = f"jp fault clear {clean(fault['code'])} {clean(fault['source'])}"
    said = clean(fault["title"]) + (f": {clean(fault['detail'])}" if fault.get("detail") else "")
    return [
        f"{terminal.paint(head, meaning)}  {clean(what, WIDTH - len(head) - 2)}",
        *wrapped(said, "  "),
        *wrapped(f"-> {clean(fault['remedy'])}", "  "),
        *(wrapped(f"-> {release}", "  ") if fault.get("cause_present") is False else []),
    ]


def _severity(fault: Json) -> str:
    value = fault.get("severity")
    return _SEVERITIES.get(value, UNKNOWN) if isinstance(value, int) else clean(value).lower().replace("_", " ")


def _severity_rank(fault: Json) -> int:
    ranks = {name: rank for rank, name in _SEVERITIES.items()}
    return ranks.get(_severity(fault), 9)
