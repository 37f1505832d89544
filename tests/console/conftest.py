"""What the tests of the console link share: a served charger that is made of counters."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import attrs
import pytest
import trio

from jp_firmware.console.calls import CallRefused, only, parameter
from jp_firmware.nursery.supervisor import Child, Lifeline

PATIENCE_S = 60.0  # for what another thread or process is to do: only something that never comes takes as long


@attrs.define
class Charger:
    """Providers and calls that say how often they were asked."""

    asked: int = 0
    power_w: float = 0.0
    broken: bool = False
    started: list[int] = attrs.field(factory=list)
    release: trio.Event = attrs.field(factory=trio.Event)

    def status(self) -> dict[str, Any]:
        self.asked += 1
        if self.broken:
            raise KeyError("measured_w")
        return {"site": {"measured_w": self.power_w, "limit_w": 150_000}, "connectors": {"1": {"state": "available"}}}

    def faults(self) -> dict[str, Any]:
        return {"active": [], "recent": []}

    @property
    def topics(self) -> dict[str, Callable[[], dict[str, Any]]]:
        return {"status": self.status, "faults": self.faults}

    @property
    def calls(self) -> dict[str, Callable[[dict[str, Any]], Awaitable[object]]]:
        return {"connector.start": self._start, "defect": self._defect, "slow": self._slow}

    async def _start(self, params: dict[str, Any]) -> object:
        only(params, "connector", "token")
        connector = parameter(params, "connector", int)
        if connector > 4:
            raise CallRefused(f"there is no connector {connector}")
        self.started.append(connector)
        return {"accepted": True}

    async def _defect(self, params: dict[str, Any]) -> object:
        raise ZeroDivisionError("by design")

    async def _slow(self, params: dict[str, Any]) -> object:
        await self.release.wait()
        return "done"


@pytest.fixture
def charger() -> Charger:
    return Charger()


@pytest.fixture
def socket_path(tmp_path: Path) -> Path:
    return tmp_path / "jp" / "console.sock"


async def _never(lifeline: Lifeline) -> None:
    raise AssertionError("not run")


@pytest.fixture
def lifeline() -> Lifeline:
    return Lifeline(child=Child(name="consoles", run=_never))
