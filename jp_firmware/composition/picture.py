"""The charger as consoles are shown it: plain JSON pictures, taken of the parts where they stand.

Pure reading: nothing here changes anything, waits, or remembers. What is unknown or too old is None, never zero.
The shapes are those of docs/console-api.md.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import trio

from jp_firmware import __version__
from jp_firmware.charging.runner import ConnectorRunner
from jp_firmware.composition.planning import forecast_json
from jp_firmware.config import schema
from jp_firmware.config.brought.brand import brand_of
from jp_firmware.config.schema import Cabinet
from jp_firmware.hw.meters.driver import MeterTask
from jp_firmware.hw.modules.module import ModuleTask
from jp_firmware.hw.plc.driver import BoardTask
from jp_firmware.model.connector import EvStatus, ProximityState
from jp_firmware.model.ids import ModuleId
from jp_firmware.model.power import Allocation, Plan
from jp_firmware.model.signals import Signal
from jp_firmware.planner.headroom import headroom

if TYPE_CHECKING:
    from jp_firmware.controller import Controller

FORECAST_FRESH_S = 60.0  # ours: several times as long as the planner takes to look ahead again
FRESH_S = 5.0  # ours: what a screen may still show as present

Json = dict[str, Any]


def status(controller: Controller) -> Json:
    """The topic `status`."""
    now_s, cabinet = trio.current_time(), controller.cabinet
    plan = controller.planner.plan.signal.value or Plan()
    return {
        "charger": _charger(cabinet, controller.started_s, now_s),
        "site": _site(controller, plan, now_s),
        "chains": {one.name: _chain(one, plan) for one in cabinet.chains},
        "backend": client.snapshot() if (client := controller.central_system.client) else _NO_BACKEND,
        "tree": tree_health(controller.tree.tree()),
        "loop": _loop(controller),
        "connectors": {
            str(key): _connector(runner, plan.allocations.get(key), now_s)
            for key, runner in controller.charger.runners.items()
        },
        "modules": {
            one.id: _module(one, controller.plant.modules[one.id], now_s) | _place(controller, one.id)
            for one in cabinet.modules
        },
        "meters": {one.id: _meter(one, controller.plant.meters[one.id], now_s) for one in cabinet.meters},
        "plc_boards": {one.id: _board(one, controller.plant.boards[one.id], now_s) for one in cabinet.plc_boards},
    }


_NO_BACKEND = {"state": "disabled", "url": None, "reason": None, "since_s": None, "queued": 0}


def tree_health(tree: Json) -> Json:
    """The supervision tree in one line: who is worst, by the share of its watchdog's period that its worst gap took."""
    leaves = list(_leaves(tree, ""))
    watched = [(path, leaf) for path, leaf in leaves if leaf.get("watchdog_s") and leaf.get("worst_gap_s") is not None]
    worst = max(watched, key=lambda item: item[1]["worst_gap_s"] / item[1]["watchdog_s"], default=None)
    down = [path for path, leaf in leaves if leaf["state"] not in ("up", "done")]
    return {
        "healthy": not down,
        "worst": down[0] if down else (worst[0] if worst else None),
        "worst_ratio": worst[1]["worst_gap_s"] / worst[1]["watchdog_s"] if worst else None,
        "worst_gap_s": worst[1]["worst_gap_s"] if worst else None,
        "children": len(leaves),
        "down": len(down),
        "restarts": sum(leaf.get("restarts", 0) for _, leaf in leaves),
    }


def _leaves(node: Json, path: str) -> Iterator[tuple[str, Json]]:
    for child in node.get("children", ()):
        name = f"{path}/{child['name']}" if path else child["name"]
        if "children" in child:
            yield from _leaves(child, name)
        else:
            yield name, child


def _loop(controller: Controller) -> Json:
    stalls, pauses = controller.stalls, controller.pauses
    return {
        "worst_step_ms": round(stalls.worst_step_ms, 2),
        "worst_task": stalls.worst_task or None,
        "stalls": stalls.stalls,
        "worst_pause_ms": round(pauses.worst_pause_ms, 2),
        "collections": list(pauses.collections),
        "scheduling": str(controller.scheduling),
    }


_brand_of = lru_cache(maxsize=1)(brand_of)  # it reads a file, and a picture is taken several times a second


def _charger(cabinet: Cabinet, started_s: float, now_s: float) -> Json:
    brand = _brand_of(cabinet.brand)
    return {
        "name": cabinet.charger.name,
        "identity": cabinet.charger.identity,
        "version": __version__,
        "uptime_s": round(now_s - started_s),
        "clock": datetime.now(UTC).isoformat(timespec="seconds"),
        "brand": {"name": brand.name, "support_phone": brand.support_phone or None},
    }


def _site(controller: Controller, plan: Plan, now_s: float) -> Json:
    measured = [
        output.power_w
        for stage in controller.plant.stages.values()
        if (output := stage.output.fresh(now_s, FRESH_S)) is not None
    ]
    return {
        "limit_w": round(plan.site_limit_w),
        "grid_limit_w": round(plan.site_limit_w / plan.efficiency),
        "requested_w": round(plan.total("requested_w")),
        "offered_w": round(plan.total("offered_w")),
        "allowed_w": round(plan.total("allowed_w")),
        "assigned_w": round(plan.total("assigned_w")),
        "measured_w": round(sum(measured)) if measured else None,
        **_headroom(plan),
        "forecast": _forecast(controller, plan, now_s),
    }


def _headroom(plan: Plan) -> Json:
    left = headroom(plan)
    return {
        "reserve_w": plan.reserve_w,
        "headroom_w": round(left.headroom_w),
        "utilisation": round(left.utilisation, 3),
        "short_by_w": round(left.short_by_w),
    }


def _forecast(controller: Controller, plan: Plan, now_s: float) -> Json | None:
    """The worst of the next quarter of an hour; None until there is one."""
    ahead = controller.planner.forecast.fresh(now_s, FORECAST_FRESH_S)
    return forecast_json(ahead, plan) if ahead else None


def _chain(chain: schema.Chain, plan: Plan) -> Json:
    powers = plan.powers(f"chain-{chain.name}")
    return {
        "connectors": list(chain.connectors),
        "cap_w": chain.cap_w,
        "share_w": chain.share_w,
        "requested_w": round(powers.requested_w),
        "offered_w": round(powers.offered_w),
        "allowed_w": round(powers.allowed_w),
        "assigned_w": round(powers.assigned_w),
    }


def _connector(runner: ConnectorRunner, share: Allocation | None, now_s: float) -> Json:
    report = runner.report.signal.value
    assert report is not None  # published when the runner was made
    ports, session = runner.ports, report.session
    ev = ports.ev_link.status.fresh(now_s, FRESH_S)
    output = ports.stage.output.fresh(now_s, FRESH_S)
    return {
        "state": report.state.value,
        "since_s": round((datetime.now(UTC) - report.since).total_seconds()),
        "stage_text": report.text,
        "operative": report.operative,
        "plugged": report.plugged if ev else None,
        "latch": _latch(ev),
        "authorization": report.authorization or None,
        "token": report.token.uid if report.token else None,
        "evccid": (ev.evccid or None) if ev else None,
        "protocol": ev.protocol.value if ev else None,
        "soc_percent": ev.soc_percent if ev else None,
        "target_voltage_v": ev.target_voltage_v if ev else None,
        "target_current_a": ev.target_current_a if ev else None,
        "plug_temperature_c": ev.hottest_c if ev else None,
        "session_id": session.id if session else None,
        "started_at": session.started_at.isoformat(timespec="seconds") if session else None,
        "duration_s": round((datetime.now(UTC) - session.started_at).total_seconds()) if session else None,
        "energy_wh": session.energy_wh if session else None,
        "voltage_v": round(output.voltage_v, 1) if output else None,
        "current_a": round(output.current_a, 1) if output else None,
        "power_w": round(output.power_w) if output else None,
        "requested_w": round(share.requested_w) if share else None,
        "offered_w": round(share.offered_w) if share else None,
        "allowed_w": round(share.allowed_w) if share else None,
        "assigned_w": round(share.assigned_w) if share else None,
        "limited_by": share.limited_by if share else None,
        "stale": share.stale and share.active if share else None,
        "faults": list(report.fault_codes),
    }


def _latch(ev: EvStatus | None) -> bool | None:
    return None if ev is None else ev.proximity is ProximityState.LATCHED


def _module(config: schema.Module, module: ModuleTask, now_s: float) -> Json:
    signal = module.status.signal
    status = module.status.fresh(now_s, FRESH_S)
    if status is None:
        return {"connector": config.connector, "state": "silent", **_NO_MODULE, "age_s": age_s(signal, now_s)}
    return {
        "connector": config.connector,
        "state": "fault" if status.alarms else "on" if status.on else "off",
        "voltage_v": round(status.voltage_v, 1),
        "current_a": round(status.current_a, 1),
        "ambient_c": status.ambient_c,
        "alarms": list(status.alarms),
        "age_s": age_s(signal, now_s),
    }


def _place(controller: Controller, module: ModuleId) -> Json:
    """Of a module that hangs on relays, where it is and where it goes; of any other nothing."""
    switching = controller.plant.switching
    report = switching.report.signal.value if switching else None
    place = report.places.get(module) if report else None
    if place is None:
        return {}
    return {
        "place": place.at,
        "going_to": place.going_to,
        "move": place.phase or None,
        "waits_for": place.waits_for or None,
        "locked_out": place.locked_out or None,
    }


_NO_MODULE: Json = {"voltage_v": None, "current_a": None, "ambient_c": None, "alarms": []}


def _meter(config: schema.Meter, meter: MeterTask, now_s: float) -> Json:
    signal, reading = meter.reading.signal, meter.reading.fresh(now_s, FRESH_S)
    return {
        "connector": config.connector,
        "quality": signal.quality.value,
        "voltage_v": round(reading.voltage_v, 1) if reading else None,
        "current_a": round(reading.current_a, 2) if reading else None,
        "power_w": round(reading.power_w) if reading else None,
        "import_wh": reading.import_wh if reading else None,
        "age_s": age_s(signal, now_s),
    }


def _board(config: schema.PlcBoard, board: BoardTask, now_s: float) -> Json:
    signal, seen = board.status.signal, board.status.fresh(now_s, FRESH_S)
    identity = board.identity
    known: Mapping[str, Any] = {
        field: getattr(seen, field) if seen else None
        for field in (
            "cpu_load_percent", "last_scan_ms", "uptime_s", "emergency_stop", "door_open", "rcd_tripped",
            "spd_tripped", "over_temperature",
        )
    }  # fmt: skip
    return {
        "connectors": list(config.connectors),
        "quality": signal.quality.value,
        "mode": seen.mode.value if seen else None,
        **known,
        "relays": list(seen.relays) if seen else None,
        "firmware": identity.firmware if identity else None,
        "serial": identity.serial if identity else None,
    }


def age_s(signal: Signal[Any], now_s: float) -> float | None:
    """Age of a signal for a screen: None if there never was one."""
    age = signal.age_s(now_s)
    return round(age, 1) if age != float("inf") else None
