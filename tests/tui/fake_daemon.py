"""A charger's console socket for the terminal's tests: an asyncio server that speaks `console.protocol`.

Run as a module it serves a believable charger on the socket that is named: `python -m tests.tui.fake_daemon SOCKET`.
"""

from __future__ import annotations

import asyncio
import copy
import math
import sys
from collections.abc import Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from jp_firmware.console.protocol import (
    HEARTBEAT_S,
    MAX_REQUEST_BYTES,
    Error,
    ErrorCode,
    LineDecoder,
    Request,
    Result,
    Snapshot,
    diff,
    encode,
)
from tests.tui import cabinet
from tests.tui.engine import Engine


class FakeDaemon:
    """Tells `topics` to whoever subscribes; keeps the other calls in `calls`, and refuses them with `refusal`."""

    def __init__(self, topics: dict[str, Snapshot]) -> None:
        self.topics = topics
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.refusal = ""
        self._answers = Engine().calls()
        self._consoles: set[_Console] = set()

    @asynccontextmanager
    async def serving(self, path: Path) -> Any:
        """Serves while the block runs; at its end every console is cut off."""
        server = await asyncio.start_unix_server(self._serve, path)
        try:
            yield self
        finally:
            server.close()
            for console in tuple(self._consoles):
                console.writer.close()
            await server.wait_closed()
            path.unlink(missing_ok=True)

    def tell(self, topic: str, snapshot: Snapshot) -> None:
        """Changes a topic, for all consoles."""
        self.topics[topic] = snapshot
        for console in self._consoles:
            if topic in console.sent:
                console.tell(topic, snapshot)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        console = _Console(writer)
        self._consoles.add(console)
        decoder = LineDecoder(MAX_REQUEST_BYTES)
        heartbeat = asyncio.create_task(self._confirm(console))
        try:
            while data := await reader.read(4096):
                for message in decoder.receive(data):
                    if isinstance(message, Request):
                        self._answer(console, message)
        except ConnectionError:
            pass
        finally:
            heartbeat.cancel()
            self._consoles.discard(console)
            writer.close()

    async def _confirm(self, console: _Console) -> None:
        while True:
            await asyncio.sleep(HEARTBEAT_S)
            for topic in tuple(console.sent):
                console.tell(topic, self.topics[topic])

    def _answer(self, console: _Console, request: Request) -> None:
        assert request.id is not None
        if request.method == "subscribe":
            console.write(Result(id=request.id, result={**request.params}))
            for topic in request.params["topics"]:
                console.tell(topic, self.topics[topic])
        elif request.method == "unsubscribe":
            for topic in request.params["topics"]:
                console.sent.pop(topic, None)
            console.write(Result(id=request.id, result={**request.params}))
        elif request.method == "console.describe":
            console.write(Result(id=request.id, result={"topics": sorted(self.topics)}))
        elif self.refusal:
            self.calls.append((request.method, request.params))
            console.write(Error(id=request.id, code=ErrorCode.REFUSED, message=self.refusal))
        else:
            self.calls.append((request.method, request.params))
            answer = self._answers.get(request.method)
            console.write(Result(id=request.id, result=answer(**request.params) if answer else {}))


class _Console:
    """One connection: what it was told last."""

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self.writer = writer
        self.sent: dict[str, tuple[int, Snapshot]] = {}

    def write(self, message: Request | Result | Error) -> None:
        if not self.writer.is_closing():
            self.writer.write(encode(message))

    def tell(self, topic: str, snapshot: Snapshot) -> None:
        revision, old = self.sent.get(topic, (0, None))
        revision += 1
        self.sent[topic] = revision, copy.deepcopy(snapshot)
        params: Snapshot = {"topic": topic, "revision": revision}
        if old is None:
            self.write(Request(method="snapshot", params=params | {"snapshot": snapshot}))
        else:
            self.write(Request(method="delta", params=params | {"delta": diff(old, snapshot).to_json()}))


def believable_day() -> Iterator[Snapshot]:
    """The `status` topic, second by second: two cars on their curves."""
    known = cabinet.status()
    first, second = known["connectors"]["1"], known["connectors"]["2"]
    energies = [float(first["energy_wh"]), float(second["energy_wh"])]
    for tick in range(sys.maxsize):
        at_s = tick / 2
        powers = [
            48_000 * min(1.0, at_s / 20) * (1 - 0.04 * math.sin(at_s / 7)),
            41_800 * max(0.05, 1 - at_s / 900) * (1 + 0.01 * math.sin(at_s)),
        ]
        for one, power_w, volts, index in ((first, powers[0], 392.0, 0), (second, powers[1], 388.0, 1)):
            energies[index] += power_w / 7200
            volts += min(20.0, at_s / 60)
            one |= {
                "power_w": power_w,
                "voltage_v": volts,
                "current_a": power_w / volts,
                "energy_wh": int(energies[index]),
                "duration_s": 751 + int(at_s),
                "since_s": 722 + int(at_s),
                "soc_percent": round(47.0 + 34 * index + at_s / 40, 1),
            }
        known["site"]["measured_w"] = sum(powers)
        known["charger"]["clock"] = datetime.now(UTC).isoformat()
        yield copy.deepcopy(known)


def believable_sharing() -> Iterator[dict[str, Snapshot]]:
    """The topics `status` and `planner`, second by second: the site's limit moves, and everything with it."""
    steps = ("drain", "weld check", "match the voltage", "close")
    for tick, status in enumerate(believable_day()):
        known = cabinet.planner()
        limit_w = 90_000 + 20_000 * math.sin(tick / 9)
        status["site"] |= {"limit_w": limit_w, "headroom_w": limit_w / 50, "utilisation": 0.98}
        status["modules"]["module-6"]["move"] = steps[tick // 2 % len(steps)]
        for number, share in (("1", 0.6), ("2", 0.4)):
            one, why = status["connectors"][number], known["connectors"][number]
            asked_w = 118_400 - 83 * tick * int(number)
            one |= {"requested_w": asked_w, "allowed_w": limit_w * share, "assigned_w": limit_w * share}
            why["links"][0]["value_w"] = asked_w
            why["links"][-1]["value_w"] = limit_w
            why["sentence"] = (
                f"Connector {number} gets {limit_w * share / 1000:.1f} kW because the site limit (set by an operator) "
                f"limits it and others to {limit_w / 1000:.1f} kW; the car asks for {asked_w / 1000:.1f} kW."
            )
        yield {"status": status, "planner": known}


async def _serve_for_ever(path: Path) -> None:
    cabinet.NOW = datetime.now(UTC)
    async with FakeDaemon(cabinet.topics()).serving(path) as daemon:
        for status in believable_day():
            daemon.tell("status", status)
            await asyncio.sleep(0.5)


if __name__ == "__main__":
    asyncio.run(_serve_for_ever(Path(sys.argv[1])))
