"""The charger at its central system, OCPP 1.6-J: a child of the tree that keeps a link up, whatever becomes of it.

    connect ──▶ `life` on the link: registration, statuses, outbox, Heartbeat ──▶ the link goes ──▶ wait, doubling
       ▲                                                                                             │
       └─────────────────────────────────────────────────────────────────────────────────────────────┘

A central system that is away for days is no failure of this task. What outlives a link is kept here: registration,
configuration keys, authorization cache, outbox, and sessions whose start was refused.
"""

from __future__ import annotations

import enum
import logging
import random
import ssl
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime
from typing import Any, Final, Protocol

import attrs
import trio

from jp_firmware.charging.ports import ConnectorView, FaultSink, FaultView, Operations
from jp_firmware.config import schema
from jp_firmware.journal.outbox import Message
from jp_firmware.journal.writer import Journal
from jp_firmware.model.ids import ConnectorId, SessionId
from jp_firmware.model.session import Authorization, IdToken, Session
from jp_firmware.nursery.child import Lifeline
from jp_firmware.ocpp.endpoint import Endpoint, endpoint
from jp_firmware.ocpp.envelope import Payload
from jp_firmware.ocpp.outbox import NEVER_NAMED, Outbox
from jp_firmware.ocpp.transport import PONG_WITHIN_S, LinkFailure, default_tls, open_link
from jp_firmware.ocpp.v16 import tags
from jp_firmware.ocpp.v16.boot import Boot, Registration
from jp_firmware.ocpp.v16.charging_profile import Mains
from jp_firmware.ocpp.v16.commands import Commands
from jp_firmware.ocpp.v16.configuration import Configuration, Settings
from jp_firmware.ocpp.v16.keys import Keys
from jp_firmware.ocpp.v16.life import UNWATCHED_S, Life, PingableLink
from jp_firmware.ocpp.v16.metering import ClockAligned, TriggeredMeter, running_session
from jp_firmware.ocpp.v16.profile_book import ProfileBook
from jp_firmware.ocpp.v16.refused_starts import RefusedStarts
from jp_firmware.ocpp.v16.reporter import Reporter
from jp_firmware.ocpp.v16.smart_charging import SmartCharging
from jp_firmware.ocpp.v16.tags import Tags
from jp_firmware.ocpp.v16.translate import parse_timestamp

log = logging.getLogger(__name__)

SOURCE: Final = "backend"  # of the faults below, as the tree names this child
UNREACHABLE, NOT_ACCEPTED, MESSAGE_REFUSED = "NET-01", "OCP-06", "OCP-19"
STEADY_S: Final = 60.0  # ours: a link that lasted this long ends the doubling of the back-off


class LinkState(enum.Enum):
    """Where the backend is, as the console's topic `status.backend` names it."""

    CONNECTING = "connecting"
    WAITING = "waiting"  # for its next attempt
    PENDING = "pending"
    REJECTED = "rejected"
    ONLINE = "online"


_STATES: Final = {
    Registration.UNKNOWN: LinkState.WAITING,
    Registration.PENDING: LinkState.PENDING,
    Registration.REJECTED: LinkState.REJECTED,
    Registration.ACCEPTED: LinkState.ONLINE,
}


class OpenLink(Protocol):
    """`transport.open_link`."""

    def __call__(
        self, endpoint: Endpoint, *, timeout_s: float, on_bytes: Callable[[], None], tls: ssl.SSLContext | None
    ) -> AbstractAsyncContextManager[PingableLink]: ...


def _utc_now() -> datetime:
    return datetime.now(UTC)


@attrs.define(eq=False)
class Backend16:
    """The central system, as the rest of the charger sees it. Fulfils `charging.ports.RemoteAuthorizer`.

    Raises `ConfigError` when made with an URL or an identity that cannot be used. `settings` is where a central system
    looks at the configuration and changes it. `sources` name whose faults concern a connector, under 0 the charger
    itself; `local_w` what a connector can draw at most, under 0 all.
    """

    cabinet: schema.Cabinet
    journal: Journal
    operations: Operations
    view: ConnectorView
    faults: FaultView
    settings: Settings = attrs.field(kw_only=True)
    sources: Mapping[int, frozenset[str]] = attrs.field(factory=dict, kw_only=True)
    profiles: ProfileBook = attrs.field(kw_only=True)
    local_w: Callable[[int], float] = attrs.field(kw_only=True)
    fault_sink: FaultSink | None = attrs.field(default=None, kw_only=True)
    open_link: OpenLink = attrs.field(default=open_link, kw_only=True)
    wall: Callable[[], datetime] = attrs.field(default=_utc_now, kw_only=True)
    random: Callable[[], float] = attrs.field(default=random.random, kw_only=True)

    config: schema.Backend = attrs.field(init=False)
    connector_ids: tuple[ConnectorId, ...] = attrs.field(init=False)
    keys: Keys = attrs.field(init=False)
    tags: Tags = attrs.field(init=False)
    boot: Boot = attrs.field(factory=Boot, init=False)
    outbox: Outbox = attrs.field(init=False)
    reporter: Reporter = attrs.field(init=False)
    clock_offset_s: float | None = attrs.field(default=None, init=False)  # central system's clock minus ours

    _endpoint: Endpoint = attrs.field(init=False)
    _tls: ssl.SSLContext | None = attrs.field(init=False)
    _life: Life | None = attrs.field(default=None, init=False)
    _feed: Callable[[], None] = attrs.field(default=lambda: None, init=False)
    _state: LinkState = attrs.field(default=LinkState.CONNECTING, init=False)
    _reason: str = attrs.field(default="", init=False)
    _since_s: float | None = attrs.field(default=None, init=False)
    _running: dict[ConnectorId, SessionId | None] = attrs.field(factory=dict, init=False)
    _refused: RefusedStarts = attrs.field(init=False)
    _listeners: list[Callable[[], None]] = attrs.field(factory=list, init=False)

    def __attrs_post_init__(self) -> None:
        self.config = self.cabinet.backend
        self.connector_ids = tuple(one.id for one in self.cabinet.connectors)
        self._endpoint = endpoint(self.config.url, self.cabinet.charger.identity, self.config.password)
        self._tls = default_tls() if self._endpoint.secure else None
        self.profiles.configure(Mains.of(self.cabinet.site))
        self.keys = Keys(self.cabinet)
        self.tags = Tags(self.journal, self.keys, self.wall, self.cabinet.authorize.local_list)
        self._refused = RefusedStarts(self.connector_ids, self.view, self.operations)
        self.outbox = Outbox(self.journal, self)
        self.reporter = Reporter(
            connector_ids=self.connector_ids,
            view=self.view,
            faults=self.faults,
            keys=self.keys,
            vendor=self.cabinet.charger.vendor,
            sources=self.sources,
            wall=self.wall,
        )

    # --- for the rest of the charger ---------------------------------------------------------------------------------

    @property
    def online(self) -> bool:
        """Whether a question would reach the central system now: it has accepted us, and there is a link."""
        return self._life is not None and self._state is LinkState.ONLINE

    @property
    def watchdog_s(self) -> float:
        """The longest gap between feeds while all is well, and room for as much again."""
        away_s = self.config.retry_cap_s + self.config.retry_first_s + 2 * self.config.connect_timeout_s
        return 2 * max(away_s, UNWATCHED_S, self.keys.number("WebSocketPingInterval") + PONG_WITHIN_S)

    def configure(self, cabinet: schema.Cabinet) -> None:
        """Goes on with what `cabinet` says of intervals, of what is told and of who may charge, on the same link.

        What the link is made with takes another client.
        """
        self.keys.configure(cabinet)
        self.tags.configure(cabinet.authorize.local_list)
        self.profiles.configure(Mains.of(cabinet.site))

    def go_on_as(self, former: Backend16) -> None:
        """In place of `former`, whose charger the same central system has accepted: it need not be told of it again.

        Only for one that has not run yet. Some central systems close all transactions at a BootNotification.
        """
        self.boot = former.boot
        self.keys.go_on_as(former.keys)

    def cached(self, token: IdToken) -> Authorization | None:
        """What the central system said of a token before; None without the cache, or if it never spoke of it."""
        return self.tags.cached(token)

    async def authorize(self, token: IdToken) -> Authorization:
        """Asks the central system, for at most `call_timeout_s`. A refusal of the question refuses the token."""
        life = self._life
        if life is None or self._state is not LinkState.ONLINE:
            return tags.UNREACHABLE
        return await self.tags.ask(life.ask, token, self.config.call_timeout_s)

    def wake(self) -> None:
        """There is a new message in the outbox."""
        self.outbox.wake()

    def subscribe(self, listener: Callable[[], None]) -> Callable[[], None]:
        """Calls `listener` after each change of `snapshot`; returns the function that ends it."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def snapshot(self) -> dict[str, Any]:
        """The console's topic `status.backend`."""
        since_s = 0.0 if self._since_s is None else trio.current_time() - self._since_s
        return {
            "state": self._state.value,
            "url": self._endpoint.url,
            "reason": self._reason,
            "since_s": round(since_s),
            "queued": self.outbox.queued,
            "clock_offset_s": self.clock_offset_s,
        }

    # --- the child ---------------------------------------------------------------------------------------------------

    async def run(self, lifeline: Lifeline) -> None:
        """Keeps a link up for ever; fed by whatever comes in, and by the end of each attempt to connect.

        Cancellation closes the link, within `transport.CLOSE_WITHIN_S`; what was not answered stays in the journal.
        """
        self._feed = lifeline.feed
        await self._recall()
        lifeline.ready()
        ends = [self.reporter.watch()]
        ends += [source.subscribe(self._report_changed) for source in self.view.reports.values()]
        aligned = ClockAligned(self.journal, self.view, self.connector_ids, self.keys, self.wall, self.wake)
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self.outbox.run)
                nursery.start_soon(aligned.run)
                nursery.start_soon(self._refused.run)
                await self._keep_connected()
        finally:
            for end in ends:
                end()
            self._enter(LinkState.WAITING, "stopped")

    async def _recall(self) -> None:
        await self.tags.recall()
        await self.profiles.recall()

    async def _keep_connected(self) -> None:
        failures, reported = 0, ""
        while True:
            started_at_s = trio.current_time()
            failure = await self._connect_and_live()
            self._feed()
            self._fault(UNREACHABLE, failure.text)
            failures = 1 if trio.current_time() - started_at_s >= STEADY_S else failures + 1
            if failure.text != reported:  # said once, however often it is tried again
                log.warning("no central system: %s", failure.text)
                reported = failure.text
            self._enter(LinkState.WAITING, failure.text)
            await trio.sleep(self._back_off_s(failures))

    async def _connect_and_live(self) -> LinkFailure:
        """One attempt and, if it comes to that, the life on its link; why it ended."""
        self._enter(LinkState.CONNECTING, self._reason)
        try:
            async with self.open_link(
                self._endpoint, timeout_s=self.config.connect_timeout_s, on_bytes=self._feed, tls=self._tls
            ) as link:
                self._fault_gone(UNREACHABLE)
                self._life = self._new_life(link)
                return await self._life.run()
        except LinkFailure as failure:
            return failure
        finally:
            self._life = None

    def _new_life(self, link: PingableLink) -> Life:
        return Life(
            link=link,
            charger=self.cabinet.charger,
            call_timeout_s=self.config.call_timeout_s,
            boot=self.boot,
            keys=self.keys,
            reporter=self.reporter,
            outbox=self.outbox,
            meter=TriggeredMeter(self.view, self.keys, self.outbox.transaction_id, self.wall),
            observer=self,
            commands=lambda life: Commands(
                connector_ids=self.connector_ids,
                boot=self.boot,
                keys=self.keys,
                configuration=Configuration(self.keys, self.settings),
                tags=self.tags,
                operations=self.operations,
                view=self.view,
                memory=self,
                smart_charging=SmartCharging(self.profiles, self.local_w, self.transaction_of),
                triggers=life,
            ),
        )

    def _back_off_s(self, failures: int) -> float:
        """Doubling, plus something at random, so that a site does not come back as one (2.0.1 part 4 §5.3)."""
        first_s, cap_s = self.config.retry_first_s, self.config.retry_cap_s
        return min(cap_s, first_s * 2.0 ** min(failures - 1, 32)) + self.random() * first_s

    def _enter(self, link_state: LinkState, reason: str) -> None:
        if link_state is not self._state or self._since_s is None:
            self._since_s = trio.current_time()
        self._state, self._reason = link_state, reason
        self.queue_changed()

    def forget_faults(self) -> None:
        """Of a link that nobody wants any more."""
        for code in (UNREACHABLE, NOT_ACCEPTED, MESSAGE_REFUSED):
            self._fault_gone(code)

    def _fault(self, code: str, detail: str) -> None:
        if self.fault_sink:
            self.fault_sink.raise_(code, SOURCE, detail)

    def _fault_gone(self, code: str) -> None:
        if self.fault_sink:
            self.fault_sink.clear(code, SOURCE)

    # --- what a life tells: life.Observer ----------------------------------------------------------------------------

    def registering(self, registration: Registration, text: str) -> None:
        self._enter(_STATES[registration], text)
        self._fault(NOT_ACCEPTED, text)

    def accepted(self) -> None:
        self._enter(LinkState.ONLINE, "")
        self._fault_gone(NOT_ACCEPTED)

    def told_time(self, answer: Payload) -> None:
        """The central system's time is noted and shown; setting the clock is the machine's own business."""
        theirs = parse_timestamp(answer.get("currentTime"))
        self.clock_offset_s = round((theirs - self.wall()).total_seconds(), 1) if theirs else None

    def alive(self) -> None:
        self._feed()

    # --- what the outbox asks and tells: outbox.Postman --------------------------------------------------------------

    def attempts(self) -> int:
        return self.keys.number("TransactionMessageAttempts")

    def retry_interval_s(self) -> float:
        return float(self.keys.number("TransactionMessageRetryInterval"))

    def answered(self, message: Message, answer: Payload) -> None:
        """A transaction message has arrived. A start whose tag is refused ends its session."""
        self._fault_gone(MESSAGE_REFUSED)
        if "idTagInfo" in answer and "idTag" in message.payload:
            self.tags.learn(message.payload["idTag"], answer)
        if message.session_id is None:
            return
        if message.action == "StopTransaction":
            self._refused.discard(message.session_id)
        elif message.action == "StartTransaction" and answer["idTagInfo"]["status"] != "Accepted":
            log.warning("the start of session %s was refused: %s", message.session_id, answer["idTagInfo"]["status"])
            self._refused.add(message.session_id)

    def given_up(self, message: Message, why: str) -> None:
        """A transaction message will never arrive."""
        self._fault(MESSAGE_REFUSED, f"{message.action} was given up: {why}")

    def queue_changed(self) -> None:
        """Something that `snapshot` shows has changed."""
        for listener in tuple(self._listeners):
            listener()

    # --- what the commands look up: commands.Memory ------------------------------------------------------------------

    async def transaction_of(self, session: Session) -> int | None:
        number = await self.outbox.transaction_id(session.id)
        return None if number == NEVER_NAMED else number

    # --- sessions ----------------------------------------------------------------------------------------------------

    def _report_changed(self) -> None:
        """A session that has begun or ended has put its message into the outbox."""
        running = {connector_id: running_session(self.view, connector_id) for connector_id in self.connector_ids}
        ids = {connector_id: session.id if session else None for connector_id, session in running.items()}
        if ids != self._running:
            self._running = ids
            self.outbox.wake()
        self._refused.report_changed()
