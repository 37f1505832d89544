"""What the tests of the command line share: a charger on a socket that says and does what a test wants."""

from __future__ import annotations

import contextlib
import copy
import io
import os
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO

import attrs
import pytest
import trio

from jp_firmware.cli import command as cli
from jp_firmware.console import topics
from jp_firmware.console.calls import CallRefused, parameter
from jp_firmware.console.server import ConsoleServer
from jp_firmware.nursery.supervisor import Child, Lifeline

from .configured import Configured, Jp

Json = dict[str, Any]

PATIENCE_S = 60.0  # for what another thread or process is to do: only something that never comes takes as long

IDLE: Json = {
    "state": "available", "since_s": 60, "stage_text": "ready", "operative": True, "plugged": False, "latch": False,
    "authorization": None, "token": None, "evccid": None, "protocol": None, "soc_percent": None, "session_id": None,
    "started_at": None, "duration_s": None, "energy_wh": None, "voltage_v": None, "current_a": None, "power_w": None,
    "requested_w": None, "offered_w": None, "allowed_w": None, "assigned_w": None, "limited_by": None, "faults": [],
}  # fmt: skip
CHARGING: Json = IDLE | {
    "state": "charging", "plugged": True, "token": "04A1B2C3D4E5F6", "soc_percent": 45.4, "session_id": "019a1",
    "energy_wh": 3214, "voltage_v": 402.3, "current_a": 148.9, "power_w": 59902, "limited_by": "site limit",
    "requested_w": 80_000, "assigned_w": 60_000,
}  # fmt: skip
STATUS: Json = {
    "charger": {"name": "Demo charger", "identity": "JP-DEMO-1", "version": "0.1.0", "uptime_s": 11521, "clock": ""},
    "site": {
        "limit_w": 150_000, "requested_w": 180_000, "offered_w": 200_000, "allowed_w": 150_000, "assigned_w": 150_000,
        "measured_w": 87_312,
    },
    "backend": {"state": "online", "url": "ws://127.0.0.1:9016/ocpp", "reason": None, "since_s": 721, "queued": 0},
    "loop": {
        "worst_step_ms": 1.42, "worst_task": "controller/journal", "stalls": 0, "worst_pause_ms": 0.93,
        "collections": [9, 1, 0], "scheduling": "normal scheduling",
    },
    "tree": {
        "healthy": True, "worst": "wires/can0/module-1", "worst_ratio": 0.34, "children": 32, "down": 0, "restarts": 1,
        "worst_gap_s": 0.68,
    },
    "connectors": {
        "1": CHARGING,
        "2": IDLE,
        "3": IDLE | {"state": "faulted", "faults": ["SAF-01", "PLC-02"]},
        "10": IDLE | {"state": "suspended by EVSE", "operative": False},
    },
    "modules": {"module-1": {"connector": 1, "state": "on"}, "module-2": {"connector": 1, "state": "silent"}},
    "meters": {"meter-1": {"connector": 1, "quality": "good"}},
    "plc_boards": {"plc-1": {"connectors": [1, 2], "quality": "stale"}},
}  # fmt: skip
FAULTS: Json = {
    "active": [
        {
            "code": "NET-03", "source": "backend", "title": "Central system unreachable", "severity": 4,
            "detail": "connection refused", "remedy": "Check the network cable and the URL.",
            "raised_at": "2026-11-20T04:00:00+00:00", "acknowledged_at": None, "cause_present": True, "count": 3,
        },
        {
            "code": "SAF-01", "source": "plc-2", "title": "Emergency stop pressed", "severity": 1, "detail": "",
            "remedy": "Release the emergency stop once the reason is gone; then clear this fault. " * 2,
            "raised_at": "2026-11-20T04:10:00+00:00", "acknowledged_at": "2026-11-20T04:11:00+00:00",
            "cause_present": False, "count": 1,
        },
    ],
    "recent": [],
}  # fmt: skip


def part(name: str, **fields: Any) -> Json:
    return {
        "name": name, "kind": "child", "state": "up", "up_for_s": 61.5, "restarts": 0, "last_end": None, "error": None,
        "watchdog_s": 2.0, "gap_s": 0.1, "worst_gap_s": 0.5, "backoff_s": None,
    } | fields  # fmt: skip


TREE: Json = part("controller", kind="supervisor", watchdog_s=None, worst_gap_s=None) | {
    "children": [
        part("journal", watchdog_s=None, worst_gap_s=None),
        part("wires", kind="supervisor", watchdog_s=None, worst_gap_s=None)
        | {
            "children": [
                part("can0", restarts=3, last_end="crash", error="CanDown: " + "the adapter was unplugged " * 6),
                part("module-with-a-rather-long-name", worst_gap_s=1.7),
                part(
                    "meter-1",
                    state="backoff",
                    up_for_s=None,
                    gap_s=None,
                    worst_gap_s=5.5,
                    watchdog_s=5.0,
                    last_end="watchdog",
                    backoff_s=3.2,
                ),
            ]
        },
        part("consoles", last_end="stopped"),
    ]
}
RESTART: Json = {
    "result": "accepted", "restarts": ["wires/can0/link", "wires/can0/module-1"], "ends": [1], "reduces": [],
    "text": "ends the session on connector 1",
}  # fmt: skip


def moment(age_s: float, path: str, what: str, end: str | None = None, why: str | None = None) -> Json:
    return {"age_s": age_s, "path": f"controller/{path}", "what": what, "end": end, "why": why}


HISTORY: list[Json] = [
    moment(90_061.0, "journal", "started"),
    moment(3601.5, "journal", "ready"),
    moment(59.94, "wires/can0/module-with-a-rather-long-name", "ended", "crash", "CanDown: " + "it was unplugged " * 9),
    moment(12.0, "wires/can0/module-1", "restart asked", None, "new firmware"),
    moment(11.9, "wires/can0/module-1", "ended", "stopped", "new firmware"),
]
SESSION: Json = {
    "id": "019aa1b2c3d4e5f6789a", "connector": 1, "token": "04A1B2C3D4E5F6", "source": "rfid", "evccid": None,
    "started_at": "2026-11-20T04:00:00+00:00", "stopped_at": "2026-11-20T04:20:00+00:00", "duration_s": 1200,
    "meter_start_wh": 100, "meter_stop_wh": 20_100, "energy_wh": 20_000, "modules_wh": 20_010.3,
    "reason": "EV disconnected", "reason_code": "S3", "detail": None,
}  # fmt: skip
SAMPLE: Json = {
    "at": "2026-11-20T04:00:10+00:00", "import_wh": 150, "voltage_v": 400.0, "current_a": 150.0, "power_w": 60_000.0,
    "soc_percent": None, "offered_w": 60_000.0,
}  # fmt: skip


MODULE: Json = {
    "wire": "can0", "address": 0, "driver": "infypower", "profile": "InfyPower REG1K0100G", "connector": 1,
    "state": "on", "on": True, "voltage_v": 402.3, "current_a": 74.5, "serial": "V2026000000001000", "firmware": None,
    "accepted_serial": "V2026000000001000", "rating": None, "finding": "as configured", "as_configured": True,
    "detail": "",
}  # fmt: skip
GONE: Json = MODULE | {
    "address": 2, "state": "silent", "on": None, "voltage_v": None, "current_a": None, "serial": None,
    "finding": "missing", "as_configured": False, "detail": "no answer at address 2",
}  # fmt: skip
STRANGER: Json = {
    "family": "Increase", "driver": "dbc", "profile": "increase-v1", "address": 9, "serial": None, "firmware": None,
    "rating": None, "module": None,
}  # fmt: skip
FOUND: Json = STRANGER | {
    "family": "InfyPower V1.13", "driver": "infypower", "profile": None, "address": 0, "module": "module-1",
    "serial": "V2026000000001000", "firmware": "1.2",
    "rating": {"max_voltage_v": 1000, "min_voltage_v": 150, "max_current_a": 100.0, "max_power_w": 30_000},
}  # fmt: skip
IDLE_WIRE: Json = {
    "searching": False, "doing": None, "progress": None, "found_so_far": None,
    "searched_at": "2026-11-20T04:00:00+00:00", "unexpected": [STRANGER],
}  # fmt: skip
MODULES: Json = {
    "modules": {
        "module-1": MODULE,
        "module-2": MODULE
        | {
            "address": 1, "state": "off", "on": False, "voltage_v": 0.0, "current_a": 0.0, "firmware": "1.2",
            "serial": "V2026000000771077", "finding": "replaced", "as_configured": False,
            "detail": "serial number V2026000000771077, was V2026000000011001",
        },
        "module-3": GONE,
    },
    "wires": {"can0": IDLE_WIRE, "can1": IDLE_WIRE | {"unexpected": [], "searched_at": None}},
}  # fmt: skip
SEARCH: Json = {
    "wire": "can0", "at": "2026-11-20T04:00:00+00:00", "found": [FOUND, STRANGER], "missing": ["module-3"],
    "infypower_talk": False,
}  # fmt: skip


@attrs.define
class Charger:
    """What the socket's far end says; every call of an operator is remembered."""

    path: Path
    status: Json = attrs.field(factory=lambda: copy.deepcopy(STATUS))
    faults: Json = attrs.field(factory=lambda: copy.deepcopy(FAULTS))
    tree: Json = attrs.field(factory=lambda: copy.deepcopy(TREE))
    sessions: list[Json] = attrs.field(factory=lambda: [dict(SESSION)])
    modules: Json = attrs.field(factory=lambda: copy.deepcopy(MODULES))
    doing: list[str] = attrs.field(factory=list)  # what a search still has to tell, one word each time it is told
    _searched: trio.Event | None = None
    called: list[tuple[str, Json]] = attrs.field(factory=list)

    def server(self) -> ConsoleServer:
        topics = {
            "status": lambda: self.status,
            "faults": lambda: self.faults,
            "tree": lambda: self.tree,
            "modules": self._tell_modules,
        }
        acts = (
            "connector.start",
            "connector.stop",
            "connector.unlock",
            "limit.set",
            "limit.put",
            "limit.lift",
            "fault.acknowledge",
            "fault.clear",
        )
        calls = {name: self._acting(name) for name in acts}
        own = {
            "session.list": self._list,
            "session.show": self._show,
            "tree.restart": self._restart,
            "tree.release": self._acting("tree.release"),
            "tree.history": self._history,
            "modules.identify": self._identify,
            "modules.accept": self._accept,
        }
        return ConsoleServer(self.path, topics, calls | own)

    def _acting(self, name: str) -> Any:
        async def act(params: Json) -> Json:
            self.called.append((name, params))
            if params.get("connector") == 9:
                raise CallRefused("there is no connector 9")
            is_kept = params.get("site_w", 0) > 150_000
            return {"result": "accepted"} | ({"kept_at": "150 kW by site limit"} if is_kept else {})

        return act

    async def _restart(self, params: Json) -> Json:
        self.called.append(("tree.restart", params))
        if params["path"].startswith("wires/can0") and not params["yes"]:
            return RESTART | {"result": "unconfirmed"}
        if params["path"] == "jornal":
            raise CallRefused("there is no 'jornal' in the tree; did you mean journal?")
        return RESTART if params["path"].startswith("wires/can0") else RESTART | {"restarts": ["journal"], "text": ""}

    def _tell_modules(self) -> Json:
        told = copy.deepcopy(self.modules)
        if self._searched is not None and self.doing:
            doing = {"searching": True, "doing": self.doing.pop(0), "progress": 0.5, "found_so_far": 1}
            told["wires"]["can0"] |= doing
            if not self.doing:
                self._searched.set()
        return told

    async def _identify(self, params: Json) -> Json:
        self.called.append(("modules.identify", params))
        if params["wire"] != "can0":
            raise CallRefused(f"there is no CAN wire {params['wire']!r}; there are: can0")
        self._searched = trio.Event()
        if self.doing:
            await self._searched.wait()
        return SEARCH

    async def _accept(self, params: Json) -> Json:
        self.called.append(("modules.accept", params))
        if params["module"] != "module-2":
            raise CallRefused(f"{params['module']} has not been replaced")
        return {"result": "accepted", "detail": "serial number V2026000000771077, was V2026000000011001"}

    async def _history(self, params: Json) -> list[Json]:
        wanted = f"controller/{params['path']}" if params["path"] else "controller"
        return [one for one in HISTORY if one["path"].startswith(wanted)][-params["limit"] :]

    async def _list(self, params: Json) -> list[Json]:
        return self.sessions[: parameter(params, "limit", int)]

    async def _show(self, params: Json) -> Json:
        found = [one for one in self.sessions if one["id"].startswith(parameter(params, "id", str))]
        if len(found) != 1:
            raise CallRefused(f"{len(found)} sessions begin with {params['id']!r}")
        return found[0] | {"samples": [SAMPLE] * 45}


async def _never(lifeline: Lifeline) -> None:
    raise AssertionError("not run")


@pytest.fixture(autouse=True)
def surroundings(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The same for every test, whoever runs it and wherever: on UTC, on a terminal of its own size, with no wishes."""
    for name in ("COLUMNS", "LINES", "NO_COLOR", "JP_SOCKET", "JP_PROFILES", "VISUAL", "EDITOR", "SUDO_USER"):
        monkeypatch.delenv(name, raising=False)
    with monkeypatch.context() as zone:
        zone.setenv("TZ", "UTC")
        time.tzset()
        yield
    time.tzset()


@pytest.fixture
def charger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Charger]:
    """Serves in a thread of its own, as the charger would in a process of its own; JP_SOCKET leads there."""
    made = Charger(tmp_path / "console.sock")
    monkeypatch.setenv("JP_SOCKET", str(made.path))
    with served(made.server()):
        yield made


@contextlib.contextmanager
def served(server: ConsoleServer) -> Iterator[None]:
    """Runs a server in a thread meanwhile."""
    serving, scope = threading.Event(), trio.CancelScope()
    tokens: list[trio.lowlevel.TrioToken] = []

    async def serve() -> None:
        tokens.append(trio.lowlevel.current_trio_token())
        with scope:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(server.run, Lifeline(child=Child(name="consoles", run=_never)))
                await trio.testing.wait_all_tasks_blocked()
                serving.set()

    thread = threading.Thread(target=trio.run, args=[serve])
    thread.start()
    assert serving.wait(PATIENCE_S)
    try:
        yield
    finally:
        tokens[0].run_sync_soon(scope.cancel)
        thread.join(PATIENCE_S)
        assert not thread.is_alive()


# --- a configuration that can be changed ------------------------------------------------------------------------------


@pytest.fixture
def configured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Configured]:
    """Its charger is where JP_SOCKET leads; nobody sits at the terminal."""
    made = Configured(tmp_path / "console.sock")
    monkeypatch.setenv("JP_SOCKET", str(made.path))
    monkeypatch.setenv("SUDO_USER", "anna")
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    monkeypatch.setattr(topics, "SHARED_FOR_S", 0.0)  # nobody types that fast
    with served(made.server()):
        yield made


@pytest.fixture
def jp(capsys: pytest.CaptureFixture[str]) -> Jp:
    """`jp config`; its pages are held to eighty columns."""

    def run(*arguments: str) -> tuple[int, str, str]:
        status = cli.main(["config", *arguments])
        out, err = capsys.readouterr()
        assert "Traceback" not in err
        if "--json" not in arguments and "--text" not in arguments:  # a line with a path is one that programs follow
            assert all(len(line) <= 80 for line in out.split("\n") if "/" not in line)
        return status, out, err

    return run


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Iterator[TextIO]:
    """What a person types: written here, read from the standard input, which is a terminal."""
    ours, theirs = os.openpty()
    with os.fdopen(ours, "w") as typed, os.fdopen(theirs, "r") as stdin:
        monkeypatch.setattr(sys, "stdin", stdin)
        yield typed
