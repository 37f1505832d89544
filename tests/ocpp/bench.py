"""A charger's backend between a central system in memory and a charger that does as it is told, under a mock clock."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import attrs
import trio

from jp_firmware.config import schema
from jp_firmware.config.draft import effective
from jp_firmware.config.structure import structure
from jp_firmware.config.text.edits import Edit, laid_over
from jp_firmware.csms.central import CentralSystem
from jp_firmware.faults import catalogue
from jp_firmware.journal import outbox
from jp_firmware.journal.database import MIGRATIONS
from jp_firmware.model.connector import ConnectorReport, ConnectorState
from jp_firmware.model.faults import Fault, FaultKind, Severity
from jp_firmware.model.ids import ConnectorId, SessionId
from jp_firmware.model.power import MeterReading
from jp_firmware.model.session import IdToken, Sample, Session, StopReason, TokenSource
from jp_firmware.model.signals import Source
from jp_firmware.ocpp.schema import ACTIONS_16, check_call, check_result
from jp_firmware.ocpp.transport import Kind, LinkFailure
from jp_firmware.ocpp.v16.client import Backend16
from jp_firmware.ocpp.v16.configuration import Undecided
from jp_firmware.ocpp.v16.profile_book import ProfileBook
from jp_firmware.ocpp.v16.session_log import JournalledSessions
from tests.ocpp.pipes import PipeEnd, pipe

START = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
CATALOGUE = catalogue.load()
TAG = IdToken("04A1B2C3", TokenSource.RFID)


def wall() -> datetime:
    """Wall time that goes as the mock clock does."""
    return START + timedelta(seconds=trio.current_time())


class MemoryJournal:
    """The journal's schema and records on a database in memory: no thread, so that a mock clock can be used."""

    def __init__(self) -> None:
        self.db = sqlite3.connect(":memory:", isolation_level=None)
        self.db.row_factory = sqlite3.Row
        for migration in MIGRATIONS:
            for statement in migration:
                self.db.execute(statement)
        self.before_commit: Callable[[tuple[Any, ...]], None] = lambda _: None

    def close(self) -> None:
        self.db.close()

    def post(self, *records: Any) -> None:
        self.db.execute("BEGIN")
        for record in records:
            record.apply(self.db)
        self.db.execute("COMMIT")

    async def commit(self, *records: Any) -> None:
        await trio.lowlevel.checkpoint()
        self.before_commit(records)
        self.db.execute("BEGIN")
        try:
            for record in records:
                record.apply(self.db)
        except BaseException:
            self.db.execute("ROLLBACK")
            raise
        self.db.execute("COMMIT")

    async def read(self, query: Callable[[sqlite3.Connection], Any]) -> Any:
        await trio.lowlevel.checkpoint()
        return query(self.db)

    def waiting(self) -> list[str]:
        """The actions in the outbox, oldest first."""
        return [row["action"] for row in self.db.execute("SELECT action FROM outbox ORDER BY seq")]

    def given_up(self) -> list[str]:
        return [message.action for message, _ in outbox.discarded(self.db)]


class Faults:
    """What faults there are, by source."""

    def __init__(self) -> None:
        self.active: dict[str, tuple[Fault, ...]] = {}
        self.listeners: list[Callable[[], None]] = []

    def active_at(self, sources: frozenset[str]) -> tuple[Fault, ...]:
        return tuple(fault for source in sources for fault in self.active.get(source, ()))

    def subscribe(self, listener: Callable[[], None], sources: frozenset[str] | None = None) -> Callable[[], None]:
        self.listeners.append(listener)
        return lambda: self.listeners.remove(listener)

    def set(self, source: str, *faults: Fault) -> None:
        self.active[source] = faults
        for listener in self.listeners:
            listener()


def fault(code: str = "CBL-02", severity: Severity = Severity.STOP, ocpp_code: str = "HighTemperature", mrec: str = ""):
    kind = FaultKind(code=code, title="plug too hot", severity=severity, remedy="cool", ocpp_code=ocpp_code, mrec=mrec)
    return Fault(kind=kind, source="connector-1", detail="", raised_at=START)


class Charger:
    """Operations and view of a charger with two connectors. `answers` are what it says to an operation."""

    def __init__(self) -> None:
        self.reports = {
            ConnectorId(n): Source(
                f"connector-{n}",
            )
            for n in (1, 2)
        }
        self.meters = {ConnectorId(n): Source(f"meter-{n}") for n in (1, 2)}
        self.asked: list[tuple[Any, ...]] = []
        self.answer: tuple[bool, str] = (True, "")
        self.availability = "accepted"
        for n in self.reports:
            self.show(n, ConnectorState.AVAILABLE)

    def show(self, n: int, state: ConnectorState, **more: Any) -> None:
        """Connector `n` is in `state` now."""
        report = ConnectorReport(connector_id=ConnectorId(n), state=state, since=wall(), **more)
        self.reports[ConnectorId(n)].publish(report, trio.current_time())

    def read_meter(self, n: int, import_wh: int) -> None:
        reading = MeterReading(voltage_v=400.0, current_a=100.0, power_w=40_000.0, import_wh=import_wh)
        self.meters[ConnectorId(n)].publish(reading, trio.current_time())

    def start(self, connector_id, token, *, authorize):
        self.asked.append(("start", connector_id, token, authorize))
        return self.answer

    def stop(self, connector_id, *, remote):
        self.asked.append(("stop", connector_id, remote))
        return self.answer

    def deauthorize(self, connector_id):
        self.asked.append(("deauthorize", connector_id))
        return self.answer

    def unlock(self, connector_id):
        self.asked.append(("unlock", connector_id))
        return self.answer

    def reset(self, *, hard):
        self.asked.append(("reset", hard))

    def set_operative(self, connector_id, operative):
        self.asked.append(("set_operative", connector_id, operative))
        return self.availability


def cabinet(**tables: Any) -> schema.Cabinet:
    """One with two connectors; `tables` are its own, and keys of its backend."""
    backend = {"url": "ws://csms/ocpp", "retry_first_s": 2.0, "call_timeout_s": 30.0, "ping_interval_s": 20.0}
    names = {field.name for field in attrs.fields(schema.Cabinet)}
    own = {key: tables.pop(key) for key in list(tables) if key in names}
    plain = {
        "charger": schema.Charger(identity="CP1", serial="S1"),
        "site": schema.Site(limit_w=100_000.0),
        "connectors": (schema.Connector(id=ConnectorId(1)), schema.Connector(id=ConnectorId(2))),
        "backend": schema.Backend(**{**backend, **tables}),
    }
    return schema.Cabinet(**{**plain, **own})


class Settings:
    """The configuration of a charger that has no disk: a change is in force at once, or refused with `refusal`."""

    def __init__(self, cabinet: schema.Cabinet, site: Site) -> None:
        self.cabinet = cabinet
        self.site = site
        self.fixed: set[str] = set()
        self.changes: list[tuple[Edit, str]] = []
        self.passwords: list[tuple[str, int]] = []  # each with the number of frames sent before it was begun
        self.refusal = ""
        self.undecided = False

    def is_fixed(self, key: str) -> bool:
        return key in self.fixed

    async def change(self, edit: Edit, why: str) -> str:
        await trio.lowlevel.checkpoint()
        if self.undecided:
            raise Undecided("the disk is slow")
        if self.refusal:
            return self.refusal
        self.changes.append((edit, why))
        self.put_in_force(structure(laid_over(effective(self.cabinet), [edit]), schema.Cabinet))
        return ""

    async def password(self, password: str) -> str | Callable[[], None]:
        await trio.lowlevel.checkpoint()
        if self.undecided:
            raise Undecided("the disk is slow")
        return self.refusal or (lambda: self.passwords.append((password, len(self.site.near.sent))))

    def put_in_force(self, cabinet: schema.Cabinet) -> None:
        self.cabinet = cabinet
        self.site.backend.configure(cabinet)


class Lifeline:
    def __init__(self) -> None:
        self.is_ready = False
        self.fed_at_s: list[float] = []

    def ready(self) -> None:
        self.is_ready = True

    def feed(self) -> None:
        self.fed_at_s.append(trio.current_time())


@attrs.define(eq=False)
class Heard:
    """One frame that came to the central system, and when."""

    at_s: float
    frame: list[Any]
    link: int

    @property
    def action(self) -> str:
        return self.frame[2] if self.frame[0] == 2 else ""

    @property
    def payload(self) -> dict[str, Any]:
        return self.frame[3] if self.frame[0] == 2 else self.frame[2]


Rule = Callable[[list[Any]], Any]


class Site:
    """The backend, its charger and its central system. Every frame of the charger is held against the schemas."""

    def __init__(self, nursery: trio.Nursery, *, central: CentralSystem | None = None, **config: Any) -> None:
        self.nursery = nursery
        self.central = central or CentralSystem()
        self.away: LinkFailure | None = None
        self.link: PipeEnd | None = None  # the central system's end of the present link
        self.near: PipeEnd | None = None  # the charger's end
        self.links = 0
        self.attempts_at_s: list[float] = []
        self.heard: list[Heard] = []
        self.rules: dict[str, list[Rule]] = {}
        self.on_link: Callable[[PipeEnd, PipeEnd], None] = lambda near, far: None
        self.journal = MemoryJournal()
        self.charger = Charger()
        self.faults = Faults()
        self.lifeline = Lifeline()
        self.trouble: dict[str, str] = {}  # the backend's own faults, by code
        self.settings = Settings(cabinet(**config), self)
        self.scope = trio.CancelScope()
        self.backend = self.new_backend()
        self.sessions = JournalledSessions(self.journal, enabled=True, courier=self.backend)
        self._answers: dict[str, trio.MemorySendChannel[list[Any]]] = {}

    # --- the charger ---

    def new_backend(self) -> Backend16:
        return Backend16(
            self.settings.cabinet,
            self.journal,
            self.charger,
            self.charger,
            self.faults,
            settings=self.settings,
            profiles=ProfileBook((ConnectorId(1), ConnectorId(2)), self.charger, self.journal, wall),
            local_w=lambda connector: 150_000.0 if connector == 0 else 100_000.0,
            fault_sink=self,
            open_link=self.open_link,
            wall=wall,
            random=lambda: 0.0,
        )

    async def start(self) -> None:
        self.nursery.start_soon(self._run)
        await trio.testing.wait_all_tasks_blocked()

    async def _run(self) -> None:
        self.scope = trio.CancelScope()
        with self.scope:
            await self.backend.run(self.lifeline)

    async def restart(self) -> None:
        """The backend dies and comes back on the same journal."""
        self.scope.cancel()
        await trio.testing.wait_all_tasks_blocked()
        self.backend = self.sessions.courier = self.new_backend()
        await self.start()

    async def begin(self, n: int = 1, meter_wh: int = 1000, tag: IdToken = TAG) -> Session:
        """A session on connector `n`, committed and shown as a runner does it."""
        session = Session(
            id=SessionId(f"s{trio.current_time():09.3f}-{n}"),
            connector_id=ConnectorId(n),
            token=tag,
            started_at=wall(),
            meter_start_wh=meter_wh,
            boot_id="boot",
        )
        await self.sessions.started(session)
        self.charger.show(n, ConnectorState.CHARGING, session=session)
        return session

    async def end(
        self, session: Session, meter_wh: int = 1500, reason: StopReason = StopReason.REMOTE, **more: Any
    ) -> Session:
        """The session ends."""
        stopped = attrs.evolve(session, stopped_at=wall(), meter_stop_wh=meter_wh, stop_reason=reason, **more)
        await self.sessions.stopped(stopped)
        self.charger.show(int(session.connector_id), ConnectorState.FINISHING, session=stopped)
        return stopped

    def sample(self, session: Session, import_wh: int = 1200, **more: Any) -> None:
        values = {"voltage_v": 400.04, "current_a": 100.0, "power_w": 40_000.0, "soc_percent": 55.0, **more}
        one = Sample(session_id=session.id, connector_id=session.connector_id, at=wall(), import_wh=import_wh, **values)
        self.sessions.sampled(session, one)

    def raise_(self, code: str, source: str, detail: str = "") -> None:
        assert source == "backend"
        assert code in CATALOGUE
        self.trouble[code] = detail

    def clear(self, code: str, source: str) -> None:
        self.trouble.pop(code, None)

    # --- the central system ---

    def rule(self, action: str, *rules: Rule) -> None:
        """How the next requests of `action` are dealt with, one each; see `silent`, `error` and `says`."""
        self.rules.setdefault(action, []).extend(rules)

    @asynccontextmanager
    async def open_link(self, endpoint, *, timeout_s, on_bytes, tls):
        await trio.lowlevel.checkpoint()
        self.attempts_at_s.append(trio.current_time())
        if self.away:
            raise self.away
        near, far = pipe()
        self.links += 1
        self.near, self.link = near, far
        self.on_link(near, far)
        self.nursery.start_soon(self._serve, far, self.links)
        on_bytes()
        try:
            yield near
        finally:
            near.cut()

    def leave(self) -> None:
        """The central system goes away."""
        self.away = LinkFailure(Kind.REFUSED, "nobody there")
        if self.link:
            self.link.cut()

    def come_back(self) -> None:
        self.away = None

    async def _serve(self, far: PipeEnd, number: int) -> None:
        self.central.connect("CP1", wall())
        try:
            while True:
                frame = json.loads(await far.receive())
                self.heard.append(Heard(trio.current_time(), frame, number))
                if frame[0] == 2:
                    await self._answer(far, frame)
                elif frame[1] in self._answers:
                    self._answers.pop(frame[1]).send_nowait(frame)
        except LinkFailure:
            return

    async def _answer(self, far: PipeEnd, frame: list[Any]) -> None:
        _, id_, action, payload = frame
        assert len(id_) == 36
        assert check_call(action, payload) is None, f"our {action} breaks its schema: {payload}"
        rules = self.rules.get(action)
        answer = rules.pop(0)(frame) if rules else None
        if answer is None:
            answer = [3, id_, self.central.answer("CP1", action, payload, wall())]
        if answer:
            await far.send(json.dumps(answer))

    async def ask(self, action: str, payload: dict[str, Any] | None = None, within_s: float = 5.0) -> Any:
        """A request of the central system: the payload of the answer, a code if it was refused, None for silence."""
        assert self.link is not None
        id_ = f"csms-{len(self.heard)}-{trio.current_time()}"
        send, receive = trio.open_memory_channel[list[Any]](1)
        self._answers[id_] = send
        await self.link.send(json.dumps([2, id_, action, payload or {}]))
        with trio.move_on_after(within_s):
            answer = await receive.receive()
            if answer[0] == 4:
                assert answer[4] == {}
                return answer[2]
            assert action not in ACTIONS_16 or check_result(action, answer[2]) is None
            return answer[2]
        return None

    def calls(self, *actions: str) -> list[Heard]:
        """What the charger has asked, of some actions or of all."""
        return [one for one in self.heard if one.frame[0] == 2 and (not actions or one.action in actions)]

    def actions(self) -> list[str]:
        return [one.action for one in self.calls()]


def silent(frame: list[Any]) -> Any:
    """No answer."""
    return False


def error(frame: list[Any]) -> Any:
    return [4, frame[1], "InternalError", "told to", {}]


def says(**payload: Any) -> Rule:
    return lambda frame: [3, frame[1], payload]


async def settle(seconds: float = 0.0) -> None:
    """Lets everything happen that happens within `seconds`."""
    await trio.sleep(seconds)
    await trio.testing.wait_all_tasks_blocked()
