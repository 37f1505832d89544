"""A charger's words for the tests: snapshots in the shape the console tells them, and a link to be fed by hand."""

from __future__ import annotations

import asyncio
import copy
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from jp_firmware.console.client import LinkState
from jp_firmware.console.protocol import CallFailed, ErrorCode, Snapshot

NOW = datetime(2026, 11, 20, 14, 3, 22, tzinfo=UTC)


def ago(**span: float) -> str:
    return (NOW - timedelta(**span)).isoformat()


def connector(**changes: Any) -> Snapshot:
    """An idle connector."""
    known = {
        "state": "available",
        "since_s": 754,
        "plugged": False,
        "latch": False,
        "authorization": "",
        "evccid": "",
        "protocol": "none",
        "soc_percent": None,
        "session_id": None,
        "token": None,
        "started_at": None,
        "duration_s": None,
        "energy_wh": None,
        "power_w": 0.0,
        "voltage_v": 0.4,
        "current_a": 0.0,
        "requested_w": None,
        "offered_w": 60_000.0,
        "allowed_w": None,
        "assigned_w": None,
        "limited_by": None,
        "target_voltage_v": None,
        "target_current_a": None,
        "operative": True,
        "stage_text": "ready for a car",
        "faults": [],
    }
    assert not set(changes) - set(known)
    return known | changes


def charging(**changes: Any) -> Snapshot:
    """A connector that delivers 49.2 kW, held below the car's wish by the site limit."""
    known = connector(
        state="charging",
        since_s=722,
        plugged=True,
        latch=True,
        authorization="accepted by local list",
        evccid="00:7D:FA:05:1B:2C",
        protocol="ISO 15118-2",
        soc_percent=47.0,
        session_id="0193a1b2c3d4e5f60718",
        token="88C9B3793F68",
        started_at=ago(minutes=12, seconds=31),
        duration_s=751,
        energy_wh=9_420,
        power_w=49_210.0,
        voltage_v=404.1,
        current_a=121.8,
        requested_w=118_400.0,
        offered_w=60_000.0,
        allowed_w=50_000.0,
        assigned_w=50_000.0,
        limited_by="site limit",
        stage_text="delivers energy",
    )
    return known | changes


def status() -> Snapshot:
    """Four connectors: two charge, one waits for a tag, one is faulted."""
    return {
        "charger": {
            "name": "Garage level 3",
            "identity": "JP-0042",
            "version": "0.1.0",
            "uptime_s": 93_784,
            "clock": NOW.isoformat(),
        },
        "site": {
            "limit_w": 150_000.0,
            "grid_limit_w": 150_000.0,
            "requested_w": 236_800.0,
            "offered_w": 240_000.0,
            "allowed_w": 110_000.0,
            "assigned_w": 110_000.0,
            "measured_w": 91_010.0,
            "reserve_w": 0.0,
            "headroom_w": 40_000.0,
            "utilisation": 0.733,
            "short_by_w": 10_000.0,
            "forecast": {"within_s": 900, "p50_w": 118_200.0, "p90_w": 161_300.0, "short_by_w": 11_300.0},
        },
        "chains": {
            "A": {
                "connectors": [1, 2],
                "cap_w": 120_000.0,
                "share_w": 60_000.0,
                "requested_w": 160_500.0,
                "offered_w": 120_000.0,
                "allowed_w": 102_100.0,
                "assigned_w": 102_100.0,
            },
            "B": {
                "connectors": [3, 4],
                "cap_w": 120_000.0,
                "share_w": 60_000.0,
                "requested_w": 0.0,
                "offered_w": 120_000.0,
                "allowed_w": 0.0,
                "assigned_w": 0.0,
            },
        },
        "backend": {
            "state": "online",
            "url": "wss://csms.example.net/ocpp/JP-0042",
            "reason": "",
            "since_s": 7_412,
            "queued": 0,
        },
        "tree": {
            "healthy": True,
            "worst": "rs485-0/meter-2",
            "worst_ratio": 0.31,
            "children": 31,
            "down": 0,
            "restarts": 2,
            "worst_gap_s": 1.55,
        },
        "connectors": {
            "1": charging(),
            "2": charging(
                soc_percent=81.0,
                evccid="F0:7F:0C:01:55:9E",
                protocol="DIN 70121",
                token="04A2B1C3D4E5F6",
                started_at=ago(minutes=31, seconds=9),
                duration_s=1_869,
                energy_wh=24_870,
                power_w=41_800.0,
                voltage_v=389.6,
                current_a=107.3,
                requested_w=42_100.0,
                allowed_w=42_100.0,
                assigned_w=42_100.0,
                limited_by="demand",
                since_s=1_842,
            ),
            "3": connector(
                state="preparing",
                since_s=9,
                plugged=True,
                latch=True,
                stage_text="plugged in, waits for a tag or a remote start",
            ),
            "4": connector(
                state="faulted",
                since_s=184,
                operative=True,
                power_w=None,
                voltage_v=None,
                current_a=None,
                stage_text="the PLC board reports an emergency stop",
                faults=["SAF-01"],
            ),
        },
        "modules": {
            f"module-{number}": {
                "connector": (number + 1) // 2,
                "state": "on" if number <= 4 else "off",
                "voltage_v": 404.0 if number <= 4 else 0.0,
                "current_a": 60.9 if number <= 4 else 0.0,
                "ambient_c": 31.0 + number,
                "alarms": [],
                "age_s": 0.2,
            }
            | (_on_relays(number) if number % 2 == 0 else {})
            for number in range(1, 9)
        },
        "meters": {
            f"meter-{number}": {
                "connector": number,
                "quality": "good",
                "voltage_v": 404.1,
                "current_a": 121.8,
                "power_w": 49_210.0,
                "import_wh": 1_204_310 + number,
                "age_s": 0.4,
            }
            for number in range(1, 5)
        },
        "plc_boards": {
            f"plc-{number}": {
                "connectors": [2 * number - 1, 2 * number],
                "quality": "good",
                "mode": "run",
                "cpu_load_percent": 15.0,
                "last_scan_ms": 10.0,
                "uptime_s": 1_051_200,
                "emergency_stop": number == 2,
                "door_open": False,
                "rcd_tripped": False,
                "spd_tripped": False,
                "over_temperature": False,
                "relays": [False, False, True, False],
                "firmware": "1.4.2",
                "serial": f"PLC{number:05}",
            }
            for number in range(1, 3)
        },
    }


def _on_relays(number: int) -> Snapshot:
    """One that can move: modules 2 and 4 stand, 6 is on its way to connector 2, 8 waits."""
    return {
        "place": None if number == 6 else number // 2,
        "going_to": 2 if number == 6 else None,
        "move": "match the voltage" if number == 6 else None,
        "waits_for": "module-8 has just been moved, and stays for 41 s more" if number == 8 else None,
        "locked_out": None,
    }


def planner() -> Snapshot:
    """Why each connector gets what it gets, and all limits: the operator put one on connector 1, for a while."""
    return {
        "revision": 791,
        "age_s": 0.1,
        "borrowing": True,
        "site": {"sentence": "Of 120 kW 102.1 kW are used and 17.9 kW free; nobody is short."},
        "connectors": {
            "1": {
                "connector": 1,
                "allowed_w": 60_000,
                "assigned_w": 60_000,
                "sentence": "Connector 1 gets 60 kW because its modules can deliver no more than 60 kW; the car asks "
                "for 118.4 kW.",
                "links": [
                    limit("the car", "connector-1", 118_400, "what it asks for"),
                    limit("modules", "connector-1", 60_000, "what can be offered", binds=True),
                    limit("operator", "connector-1", 80_000, "cable works", minutes=26),
                    limit("chain A", "chain-A", 120_000, "configured"),
                    limit("site limit", "site", 120_000, "configured"),
                ],
            },
            "2": {
                "connector": 2,
                "allowed_w": 42_100,
                "assigned_w": 42_100,
                "sentence": "Connector 2 gets 42.1 kW, all the car asks for.",
                "links": [
                    limit("the car", "connector-2", 42_100, "what it asks for", binds=True),
                    limit("modules", "connector-2", 60_000, "what can be offered"),
                    limit("chain A", "chain-A", 120_000, "configured"),
                    limit("site limit", "site", 120_000, "configured"),
                ],
            },
        }
        | {
            str(number): {
                "connector": number,
                "allowed_w": 0,
                "assigned_w": 0,
                "sentence": f"Connector {number} gets no power because no session on it may take any.",
                "links": [
                    limit("the car", f"connector-{number}", 0, "what it asks for", binds=True),
                    limit("modules", f"connector-{number}", 60_000, "what can be offered"),
                    limit("chain B", "chain-B", 120_000, "configured"),
                    limit("site limit", "site", 120_000, "configured"),
                ],
            }
            for number in (3, 4)
        },
        "limits": [
            limit("chain A", "chain-A", 120_000, "configured"),
            limit("chain B", "chain-B", 120_000, "configured"),
            limit("site limit", "site", 120_000, "configured"),
            limit("operator", "connector-1", 80_000, "cable works", minutes=26),
        ],
    }


def limit(
    owner: str, scope: str, value_w: float, reason: str, *, minutes: float | None = None, binds: bool = False
) -> Snapshot:
    return {
        "owner": owner,
        "scope": scope,
        "reason": reason,
        "value_w": value_w,
        "grid_w": None,
        "expires_in_s": None if minutes is None else minutes * 60,
        "expires_at": None if minutes is None else ago(minutes=-minutes),
        "safe_w": None,
        "binds": binds,
    }


def losses() -> list[Snapshot]:
    """What `plan.losses` answers: module 1 is missed, module 3 is made good by another, module 5 is idle."""
    known = {"had_w": 60_000, "keeps_w": 30_000, "regains_w": 60_000, "moves": 1, "covered": True, "sentence": ""}
    return [
        known | {"module": "module-3", "connector": 2},
        known | {"module": "module-1", "connector": 1, "regains_w": 30_000, "moves": 0, "covered": False},
        known | {"module": "module-5", "connector": None, "had_w": 0, "keeps_w": 0, "regains_w": 0, "moves": 0},
    ]


def fault(code: str, source: str, title: str, severity: int, **changes: Any) -> Snapshot:
    known = {
        "code": code,
        "source": source,
        "title": title,
        "severity": severity,
        "detail": "",
        "remedy": "",
        "raised_at": ago(minutes=3, seconds=4),
        "acknowledged_at": None,
        "cause_present": True,
        "count": 1,
    }
    return known | changes


EMERGENCY_STOP = fault(
    "SAF-01",
    "plc-2",
    "Emergency stop pressed",
    1,
    detail="plc-2 reports its emergency stop input as tripped; contactors of connectors 3 and 4 are open",
    remedy="Find out why it was pressed and make the place safe. Release the button by turning it, then clear this "
    "fault. Two presses a day: look at the camera, it may be vandalism.",
)
FROZEN_METER = fault(
    "MTR-02",
    "meter-2",
    "Meter does not count",
    4,
    detail="register unchanged for 12 s while 107 A flow",
    remedy="Check the meter's display and its current inputs; the session goes on and is billed by the register.",
    raised_at=ago(minutes=12),
    acknowledged_at=ago(minutes=9),
)
LOST_BOARD = fault(
    "PLC-01",
    "plc-1",
    "PLC board not communicating",
    1,
    raised_at=ago(hours=3, minutes=14),
) | {"cleared_at": ago(hours=3, minutes=12)}


def faults() -> Snapshot:
    return {"active": [copy.deepcopy(EMERGENCY_STOP)], "recent": [copy.deepcopy(LOST_BOARD)]}


def events() -> Snapshot:
    told = [
        (31 * 60 + 12, "session", "connector-2", "session started, token 04A2B1C3D4E5F6 accepted by central system"),
        (12 * 60 + 40, "plug", "connector-1", "plugged in, ISO 15118-2, vehicle 00:7D:FA:05:1B:2C"),
        (12 * 60 + 31, "session", "connector-1", "session started, token 88C9B3793F68 accepted by local list"),
        (184, "fault", "plc-2", "SAF-01 Emergency stop pressed"),
        (183, "session", "connector-4", "session stopped: emergency stop (S5), 3.12 kWh"),
        (9, "plug", "connector-3", "plugged in"),
    ]
    return {
        "items": [
            {"id": number, "at": ago(seconds=seconds), "kind": kind, "source": source, "text": text}
            for number, (seconds, kind, source, text) in enumerate(told, 1)
        ]
    }


def topics() -> dict[str, Snapshot]:
    return {"status": status(), "faults": faults(), "events": events(), "planner": planner(), "config": config()}


def config(**changes: Any) -> Snapshot:
    """The topic `config`: version 17 is in force, and nothing waits."""
    known = {
        "version": 17,
        "at": ago(minutes=13),
        "who": "anna",
        "why": "commissioning",
        "origin": "cli",
        "unconfirmed": None,
        "change": None,
        "waiting": None,
        "last_change": None,
    }
    assert not set(changes) - set(known)
    return known | changes


class HandFedCharger:
    """A link for `ConsoleApp`: the test says what arrives, and reads what was called."""

    def __init__(self, on_link: Callable[[LinkState], None]) -> None:
        self._on_link = on_link
        self._on_snapshot: Callable[[str, Snapshot], None] | None = None
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.watched: set[str] = set()
        self.answers: dict[str, Any] = {}
        self.refusal = ""

    async def run(self) -> None:
        await asyncio.Event().wait()

    async def call(self, method: str, /, **params: Any) -> Any:
        self.calls.append((method, params))
        if self.refusal:
            raise CallFailed(ErrorCode.REFUSED, self.refusal)
        answer = self.answers.get(method, {})
        return answer(**params) if callable(answer) else answer

    def subscribe(
        self,
        topics: Iterable[str],
        interval_s: float,
        on_snapshot: Callable[[str, Snapshot], None],
        on_unavailable: Callable[[str, str], None] | None = None,
    ) -> HandFedSubscription:
        self._on_snapshot = on_snapshot
        self.watched |= set(topics)
        return HandFedSubscription(self, set(topics))

    def connect(self) -> None:
        self._on_link(LinkState(up=True, since_s=0.0))

    def lose(self, reason: str) -> None:
        self._on_link(LinkState(up=False, since_s=0.0, reason=reason))

    def tell(self, **told: Snapshot) -> None:
        assert self._on_snapshot is not None
        for topic, snapshot in told.items():
            self._on_snapshot(topic, snapshot)


class HandFedSubscription:
    """What a charger that is fed by hand gives for a subscription."""

    def __init__(self, charger: HandFedCharger, topics: set[str]) -> None:
        self._charger, self._topics = charger, topics

    def close(self) -> None:
        self._charger.watched -= self._topics
