"""The words of a move: what modules shall be, over which relays they go, where the move is, what went wrong. Pure."""

from __future__ import annotations

import enum
from collections.abc import Iterable

import attrs

from jp_firmware.model.ids import ConnectorId
from jp_firmware.planner.topology import Relay

NOT_MOVED = "PWR-08"
LOCKED_OUT = "PWR-09"


@attrs.frozen(kw_only=True)
class Order:
    """What each module of a move shall be now. `member_of` None is idle; only an idle module is precharged."""

    member_of: ConnectorId | None = None
    drain: bool = False
    precharge_v: float | None = None


@attrs.frozen
class Problem:
    """What went wrong in a move, and what to do: a code of the fault catalogue, and a sentence."""

    code: str
    text: str


@attrs.frozen
class Path:
    """A way to one connector: the relay that is closed for it, and what it goes over.

    A module's goes over a bridge, perhaps. A segment's goes over the ties between its neighbour and the connector,
    which are closed already, each for the segment behind it.
    """

    connector: ConnectorId
    switch: Relay
    bridge: Relay | None = None
    over: tuple[Relay, ...] = ()

    @property
    def relays(self) -> tuple[Relay, ...]:
        """All that must be closed."""
        return (self.switch, *([self.bridge] if self.bridge else []), *self.over)


class Phase(enum.Enum):
    """Where a move is. The last four are its ends."""

    RESERVE = "reserve"
    DRAIN = "drain"
    OPEN = "open"
    WELD_CHECK = "weld check"
    BRIDGE = "close the bridge"
    MATCH = "match the voltage"
    CLOSE = "close"
    RETREAT = "retreat"
    JOINED = "joined"
    IDLE = "idle"
    KEPT = "kept"
    LOCKED_OUT = "locked out"

    @property
    def is_end(self) -> bool:
        return self in ENDS


ENDS = frozenset({Phase.JOINED, Phase.IDLE, Phase.KEPT, Phase.LOCKED_OUT})
BEFORE_OPENING = frozenset({Phase.RESERVE, Phase.DRAIN})
TOWARDS = frozenset({Phase.BRIDGE, Phase.MATCH, Phase.CLOSE})


def named(relays: Iterable[Relay]) -> str:
    """Relays for a person, as they are painted on the boards."""
    return ", ".join(f"R{relay.number} of {relay.board}" for relay in sorted(relays))
