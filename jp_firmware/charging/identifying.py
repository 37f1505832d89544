"""Identifications on their way to a connector: presented, asked about, accepted for the car they were meant for.

An identification counts for the car that waited when it was presented, or else for the next one: never for one that
came after that car had gone, and not once it was taken back.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

import attrs
import trio

from jp_firmware.charging.connector import ConnectorMachine
from jp_firmware.charging.ports import Authorizer
from jp_firmware.model.connector import ConnectorState
from jp_firmware.model.session import IdToken

logger = logging.getLogger(__name__)


@attrs.define(eq=False)
class Identifying:
    """One connector's."""

    verdict: str = ""  # on the last one, for people
    _presented: list[tuple[IdToken, bool]] = attrs.field(factory=list)
    _asking: list[IdToken] = attrs.field(factory=list)

    @property
    def waiting(self) -> Sequence[IdToken]:
        """Those that have no answer yet."""
        return [*(token for token, _ in self._presented), *self._asking]

    def present(self, token: IdToken, *, authorize: bool) -> None:
        """An identification; without `authorize` it counts as accepted already."""
        self._presented.append((token, authorize))

    def take(self) -> Sequence[tuple[IdToken, bool]]:
        """Those presented since, each to be handed to `decide`."""
        taken, self._presented = self._presented, []
        self._asking += [token for token, _ in taken]
        return taken

    def take_back(self) -> bool:
        """Forgets all that have no answer yet; whether there were any."""
        any_waiting = bool(self.waiting)
        self._presented.clear()
        self._asking.clear()
        return any_waiting

    async def decide(self, token: IdToken, authorizer: Authorizer | None, machine: ConnectorMachine) -> None:
        """Asks `authorizer`, where there is one to be asked, and tells the machine what it has accepted."""
        stay, accepted, text = _stay(machine), True, f"accepted ({token.source.value})"
        if authorizer:
            if not machine.in_session:
                self.verdict = "pending"
            answer = await authorizer.authorize(token, machine.connector.id)
            accepted, text = answer.accepted, f"{answer.status.value} by {answer.by}"
        meant = token in self._asking and stay in (None, _stay(machine))
        if not accepted:
            logger.info("connector %s: %s refused: %s", machine.connector.id, token.uid, text)
        elif not meant or not machine.authorize(token, trio.current_time()):
            text += ", too late"
        if token in self._asking:
            self._asking.remove(token)
        if not machine.in_session:
            self.verdict = text


def _stay(machine: ConnectorMachine) -> float | None:
    """Since when the present car has been waiting for an identification; None if there is none."""
    return machine.since_s if machine.state is ConnectorState.PREPARING else None
