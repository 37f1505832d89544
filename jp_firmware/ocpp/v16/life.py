"""One link to the central system, from the moment it is open until it goes.

Registers if that is still to be done, tells all statuses, lets the outbox speak, keeps the heartbeat and watches
whether the far end is alive. Everything that outlives a link belongs to `client`.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from typing import Final, Protocol

import attrs
import trio

from jp_firmware.config import schema
from jp_firmware.model.ids import ConnectorId
from jp_firmware.nursery.bell import Bell
from jp_firmware.ocpp.conversation import Conversation, TextLink
from jp_firmware.ocpp.envelope import Payload
from jp_firmware.ocpp.outbox import Outbox
from jp_firmware.ocpp.rpc import Answered, Lost, Outcome, Refused, RpcCore, TimedOut
from jp_firmware.ocpp.transport import LinkFailure
from jp_firmware.ocpp.v16.boot import Boot, Registration, boot_notification
from jp_firmware.ocpp.v16.commands import ACTIONS, Commands
from jp_firmware.ocpp.v16.keys import Keys
from jp_firmware.ocpp.v16.metering import TriggeredMeter
from jp_firmware.ocpp.v16.reporter import Reporter

log = logging.getLogger(__name__)

UNWATCHED_S: Final = 60.0  # ours: how often a link counts as well while nobody has asked it for a sign of life


class PingableLink(TextLink, Protocol):
    """A link whose far end can be asked for a sign of life."""

    async def probe(self) -> None:
        """Returns when the far end has answered; raises `LinkFailure` when it has not in time."""


class Observer(Protocol):
    """Who wants to know how the link fares: `client.Backend16`."""

    def registering(self, registration: Registration, text: str) -> None:
        """A BootNotification has come to its end, or is still to be repeated."""

    def accepted(self) -> None:
        """The central system may be asked from now on."""

    def told_time(self, answer: Payload) -> None:
        """An answer with `currentTime` has come."""

    def alive(self) -> None:
        """There is no sign of death that anybody has asked for."""


@attrs.define(eq=False, kw_only=True)
class Life:
    """A link's life. Fulfils `commands.Triggers`."""

    link: PingableLink
    charger: schema.Charger
    call_timeout_s: float
    boot: Boot
    keys: Keys
    reporter: Reporter
    outbox: Outbox
    meter: TriggeredMeter
    observer: Observer
    commands: Callable[[Life], Commands]

    _conversation: Conversation = attrs.field(init=False)
    _errands: trio.Nursery | None = attrs.field(default=None, init=False)  # what a TriggerMessage has set off
    _boot_bell: Bell = attrs.field(factory=Bell, init=False)
    _heartbeat_bell: Bell = attrs.field(factory=Bell, init=False)
    _doubt: Bell = attrs.field(factory=Bell, init=False)  # is the far end still there?

    def __attrs_post_init__(self) -> None:
        self._conversation = Conversation(self.link, RpcCore(ACTIONS), self.commands(self).handle, _trace)
        self._obey_registration()

    async def run(self) -> LinkFailure:
        """Lives until the link goes, and returns why it went."""
        forget_keys = self.keys.subscribe(self._key_changed)
        try:
            async with trio.open_nursery() as nursery:
                self._errands = nursery
                nursery.start_soon(self._watch_over)
                nursery.start_soon(self._speak)
                failure = await self._conversation.run()
                nursery.cancel_scope.cancel(reason="the link is gone")
        finally:
            self._errands = None
            self.outbox.close()
            forget_keys()
        return failure

    async def ask(self, action: str, payload: Payload) -> Outcome:
        """One CALL. Silence of the central system raises the question whether it is there at all."""
        outcome = await self._conversation.call(action, payload, self.call_timeout_s)
        if isinstance(outcome, TimedOut):
            log.warning("%s was not answered within %g s", action, self.call_timeout_s)
            self._doubt.ring()
        return outcome

    # --- tasks -------------------------------------------------------------------------------------------------------

    async def _watch_over(self) -> None:
        """Pings every WebSocketPingInterval, and whenever a CALL was not answered in time.

        Between pings, and with pings switched off, a link may be quiet: that is no sign of death.
        """
        pinged_at_s = trio.current_time()
        try:
            while True:
                due_at_s = pinged_at_s + (self.keys.number("WebSocketPingInterval") or math.inf)
                with trio.move_on_at(min(due_at_s, trio.current_time() + UNWATCHED_S)) as rest:
                    await self._doubt.wait()
                if rest.cancelled_caught and trio.current_time() < due_at_s:
                    self.observer.alive()
                else:
                    await self.link.probe()
                    pinged_at_s = trio.current_time()
        except LinkFailure as failure:
            log.info("%s", failure.text)  # the conversation ends with the same

    async def _speak(self) -> None:
        if not await self._register():
            return
        self.observer.accepted()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self.reporter.run, self.ask, lambda: self.outbox.open(self.ask))
            nursery.start_soon(self._heartbeat)

    async def _register(self) -> bool:
        """Sends BootNotifications until one is accepted; none if one was on an earlier link. False if the link goes."""
        while not self.boot.accepted:
            while trio.current_time() < self.boot.due_at_s:
                with trio.move_on_at(self.boot.due_at_s):
                    await self._boot_bell.wait()
            outcome = await self.ask("BootNotification", boot_notification(self.charger))
            self.boot.answered(outcome, trio.current_time())
            if isinstance(outcome, Lost):
                return False
            self._obey_registration()
            if isinstance(outcome, Answered):
                self.observer.told_time(outcome.payload)
            if self.boot.heartbeat_s:
                self.keys.tell("HeartbeatInterval", str(min(86_400, self.boot.heartbeat_s)))
            if not self.boot.accepted:
                self.observer.registering(self.boot.registration, f"BootNotification: {_told(outcome)}")
        return True

    def _obey_registration(self) -> None:
        """A charger that was rejected shall not even answer."""
        self._conversation.core.silent = self.boot.registration is Registration.REJECTED

    async def _heartbeat(self) -> None:
        """A Heartbeat whenever nothing else was sent for HeartbeatInterval."""
        while True:
            due_at_s = self._conversation.last_sent_at_s + self.keys.number("HeartbeatInterval")
            if trio.current_time() < due_at_s:
                with trio.move_on_at(due_at_s):
                    await self._heartbeat_bell.wait()
            elif isinstance(await self._send_heartbeat(), Lost):
                return

    async def _send_heartbeat(self) -> Outcome:
        outcome = await self.ask("Heartbeat", {})
        if isinstance(outcome, Answered):
            self.observer.told_time(outcome.payload)
        return outcome

    def _key_changed(self, name: str) -> None:
        """A changed key counts at once."""
        bells = {
            "HeartbeatInterval": self._heartbeat_bell,
            "WebSocketPingInterval": self._doubt,
            "MinimumStatusDuration": self.reporter.bell,
        }
        if name in bells:
            bells[name].ring()

    # --- what a TriggerMessage sets off ------------------------------------------------------------------------------

    def send_boot(self) -> None:
        if self.boot.trigger():
            self._boot_bell.ring()

    def send_heartbeat(self) -> None:
        if self._errands:
            self._errands.start_soon(self._send_heartbeat)

    def send_status(self, connector_id: int | None) -> None:
        for status in self.reporter.present_of(connector_id):
            if self._errands:
                self._errands.start_soon(self.ask, "StatusNotification", status.payload())

    def send_meter_values(self, connector_ids: tuple[ConnectorId, ...]) -> None:
        if self._errands:
            self._errands.start_soon(self.meter.send, self.ask, connector_ids)


def _told(outcome: Outcome) -> str:
    if isinstance(outcome, Answered):
        return str(outcome.payload["status"])
    return f"{outcome.code} {outcome.text}".strip() if isinstance(outcome, Refused) else "no answer"


def _trace(direction: str, text: str) -> None:
    """Every frame, for whoever sets this logger to DEBUG."""
    if log.isEnabledFor(logging.DEBUG):
        log.debug("%s %r", direction, text)
