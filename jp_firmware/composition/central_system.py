"""The central system in the composition: its client, and the limits that its charging profiles come to.

Without a configured one both are absent, and their part of the tree is done; one that is configured later starts it.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import attrs
import trio

from jp_firmware.composition.configuration.central_changes import CentralChanges
from jp_firmware.composition.profile_limits import ProfileLimits, local_w
from jp_firmware.config.schema import Cabinet
from jp_firmware.nursery.child import Lifeline
from jp_firmware.ocpp.v16.client import Backend16
from jp_firmware.ocpp.v16.profile_book import ProfileBook

if TYPE_CHECKING:
    from jp_firmware.controller import Controller


@attrs.define(eq=False, repr=False)
class CentralSystem:
    """One charger's. `run` and `follow` are parts of the tree; `configure` is for while they are down."""

    _controller: Controller
    client: Backend16 | None = attrs.field(init=False, default=None)
    profiles: ProfileLimits | None = attrs.field(init=False, default=None)
    changes: CentralChanges = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self.changes = CentralChanges(self._controller)

    @property
    def watchdog_s(self) -> float:
        """The period that the client's timings ask for."""
        return self.client.watchdog_s if self.client else math.inf

    def configure(self, cabinet: Cabinet) -> None:
        """The one that `cabinet` names, from its next start on. Raises ConfigError, and changes nothing then.

        Messages that wait go to the new one: they are the same charger's. Where only the terms of the connection change
        it is not told of a start of the charger: there was none. Profiles of the old one hold until the new
        one clears them, those of running transactions too; without any central system nobody could, so they are lifted.
        """
        controller, former = self._controller, self.client
        self.client = self._client(cabinet) if cabinet.backend.url else None
        if self.client is None:
            self.profiles = None
            if former:
                former.profiles.close()
                former.forget_faults()
        elif former is None:
            self.profiles = ProfileLimits(self.client.profiles, controller.planner.limits)
        elif _introduction(former.cabinet) == _introduction(cabinet):
            self.client.go_on_as(former)
        controller.authorizing.remote = controller.sessions.courier = self.client
        controller.sessions.enabled = self.client is not None

    def take(self, cabinet: Cabinet) -> None:
        """Goes on with `cabinet` while its connection does, as far as that takes no other connection."""
        if self.client:
            self.client.configure(cabinet)

    async def recall(self) -> None:
        """Puts in force what profiles an earlier run kept, before any power flows. Raises JournalError."""
        if self.profiles:
            await self.profiles.recall()

    async def run(self, lifeline: Lifeline) -> None:
        """Keeps the link up until cancelled; returns at once without a central system."""
        if self.client:
            await self.changes.adopt(self.client.keys)
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self.changes.prove, self.client)
                await self.client.run(lifeline)

    async def told(self) -> None:
        """Returns when the central system has heard what became of all sessions, or cannot be told now."""
        if self.client:
            await self.client.outbox.emptied()

    async def follow(self, lifeline: Lifeline) -> None:
        """Follows the profiles' schedules until cancelled, also while it is away."""
        if self.profiles:
            await self.profiles.recall()  # of another one than at the start, perhaps
            await self.profiles.run(lifeline)

    def _client(self, cabinet: Cabinet) -> Backend16:
        controller = self._controller
        connectors = tuple(connector.id for connector in cabinet.connectors)
        charger, journal = controller.charger, controller.journal
        return Backend16(
            cabinet,
            journal,
            charger,
            charger,
            controller.faults,
            settings=self.changes,
            sources={0: frozenset({"journal"})}
            | {key: controller.plant.sources_of(key) for key in controller.charger.runners},
            profiles=self.client.profiles if self.client else ProfileBook(connectors, charger, journal),
            local_w=lambda connector: local_w(controller.cabinet, controller.planner.limits, connector),
            fault_sink=controller.faults,
        )


def _introduction(cabinet: Cabinet) -> tuple[object, ...]:
    """Who comes to whom, and by what proof: a new password counts once a BootNotification is accepted with it."""
    backend, charger = cabinet.backend, cabinet.charger
    return backend.url, backend.password, charger.identity, charger.vendor, charger.model, charger.serial
