"""`jp session list` and `jp session show`: what was charged, and how it ended."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from jp_firmware.cli.terminal import UNKNOWN, clean, duration, kilo, local_time, number, table

Json = dict[str, Any]

_SAMPLES_SHOWN = 20


def session_list_lines(sessions: Sequence[Json]) -> list[str]:
    """A table, newest first; the beginning of an id is enough for `jp session show`."""
    if not sessions:
        return ["No sessions yet."]
    rows = [["Session", "#", "Started", "Duration", "kWh", "Ended by", "Token"]]
    for one in sessions:
        rows.append(
            [
                clean(one["id"])[:12],
                str(one["connector"]),
                local_time(one["started_at"], "%m-%d %H:%M"),
                duration(one["duration_s"]),
                number(one["energy_wh"], 2, 1000.0),
                clean(one["reason"], 15) if one["stopped_at"] else "(runs)",
                clean(one["token"], 14),
            ]
        )
    return table(rows, "<><>><<")


def session_lines(session: Json) -> list[str]:
    """One session: its facts, and its samples thinned to a page."""
    ended = local_time(session["stopped_at"], "%Y-%m-%d %H:%M:%S") if session["stopped_at"] else "runs"
    reason = f", {clean(session['reason'])} ({clean(session['reason_code'])})" if session["reason"] else ""
    facts = [
        ("Session", clean(session["id"])),
        ("Connector", str(session["connector"])),
        ("Token", f"{clean(session['token'])} ({clean(session['source'])})"),
        ("EVCCID", clean(session["evccid"])),
        ("Started", local_time(session["started_at"], "%Y-%m-%d %H:%M:%S")),
        ("Ended", ended + reason),
        ("Duration", duration(session["duration_s"])),
        ("Meter", f"{number(session['meter_start_wh'])} Wh to {number(session['meter_stop_wh'])} Wh"),
        ("Energy", f"{_kwh(session['energy_wh'])} (modules say {_kwh(session['modules_wh'])})"),
    ]
    if session["detail"]:
        facts.append(("Detail", clean(session["detail"])))
    return [*(f"{name:<11}{value}" for name, value in facts), *_samples(session.get("samples") or [])]


def _kwh(energy_wh: object) -> str:
    return f"{number(energy_wh, 3, 1000.0)} kWh"


def _samples(samples: Sequence[Json]) -> list[str]:
    if not samples:
        return ["", "No samples."]
    step = max(1, -(-len(samples) // _SAMPLES_SHOWN))
    rows = [["Time", "Wh", "kW", "V", "A", "SoC", "Offered"]]
    for one in samples[::step]:
        rows.append(
            [
                local_time(one["at"], "%H:%M:%S"),
                number(one["import_wh"]),
                number(one["power_w"], 1, 1000.0),
                number(one["voltage_v"], 1),
                number(one["current_a"], 1),
                f"{number(one['soc_percent'])}%" if one["soc_percent"] is not None else UNKNOWN,
                kilo(one["offered_w"], "kW"),
            ]
        )
    thinned = [f"(one in {step} of {len(samples)} samples; --json has them all)"] if step > 1 else []
    return ["", *table(rows, "<>>>>>>"), *thinned]
