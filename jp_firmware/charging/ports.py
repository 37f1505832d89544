"""What charging needs from the world, and what it offers to it, in its own words.

Hardware, OCPP and the journal fulfil the first part; the composition root joins them. Nothing here knows a wire,
a protocol or a database. Signals are read where they stand; the methods that act are synchronous unless their
docstring says what they wait for, so that a decision reaches the wire without passing another task.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

import attrs

from jp_firmware.model.connector import ConnectorReport, EvCommand, EvStatus
from jp_firmware.model.faults import Fault
from jp_firmware.model.ids import ConnectorId
from jp_firmware.model.power import MeterReading, Plan, SetPoint, StageOutput, StageRating
from jp_firmware.model.session import Authorization, IdToken, Sample, Session
from jp_firmware.model.signals import Source

# --- what charging needs -------------------------------------------------------------------------------------------


class PowerStage(Protocol):
    """The modules that feed one connector, as one supply."""

    @property
    def output(self) -> Source[StageOutput]:
        """Measured output. Degrades when any module that is on goes quiet."""

    @property
    def rating(self) -> StageRating:
        """What the usable modules can do together, now: derated as they are, in the range that the session chose."""

    def prepare(self, max_voltage_v: float | None) -> None:
        """A session begins with a car that bears this: modules take the output range for it, while they are off.

        None: the session is over, and modules may take any range. Does not wait; modules count as usable meanwhile.
        """

    def apply(self, set_point: SetPoint) -> None:
        """Delivers this until it expires. The first frames are on the wire before this returns, where it is up."""

    def off(self) -> None:
        """All modules off, at once: the frames are on the wire before this returns, where it is up. Never raises."""


class EvLink(Protocol):
    """One connector's half of a PLC board: car, contactors, lock and interlocks."""

    @property
    def status(self) -> Source[EvStatus]:
        """What the board reports. STALE as soon as the board's heartbeat stops."""

    def command(self, command: EvCommand) -> None:
        """Takes over `command` as the wanted state; it goes out at once and is repeated in every cycle."""


class Meter(Protocol):
    """The billing meter of one connector."""

    @property
    def reading(self) -> Source[MeterReading]:
        """The last reading. A frozen register while current flows degrades it to BAD."""


class Authorizer(Protocol):
    """Decides on identifications that come from this charger's own readers and terminals."""

    async def authorize(self, token: IdToken, connector_id: ConnectorId) -> Authorization:
        """The verdict. May wait for the central system; bounded by its own time limit, never raises for a dead link."""


class RemoteAuthorizer(Protocol):
    """The central system's say on identifications."""

    @property
    def online(self) -> bool:
        """Whether a question would reach it now."""

    def cached(self, token: IdToken) -> Authorization | None:
        """What it said of this token before, if that may still be used."""

    async def authorize(self, token: IdToken) -> Authorization:
        """Asks it. UNREACHABLE when there is no answer within its time limit; never raises for a dead link."""


class SessionLog(Protocol):
    """Durable memory of sessions. What money depends on is committed before these return."""

    async def started(self, session: Session) -> None:
        """Commits the start, with the message that will tell the central system."""

    async def stopped(self, session: Session) -> None:
        """Commits the stop, with the message that will tell the central system."""

    async def unfinished(self, connector_id: ConnectorId) -> Sequence[Session]:
        """Sessions of a connector that have a committed start and no stop: what a crash left behind."""

    async def checkpoint(self, session: Session) -> None:
        """Commits `meter_last_wh`, so that a crash loses no energy."""

    def sampled(self, session: Session, sample: Sample) -> None:
        """Records one sample and, as configured, the message that carries it. Does not wait."""


class FaultSink(Protocol):
    """Where faults are raised and cleared; only the one that raised a fault clears it."""

    def raise_(self, code: str, source: str, detail: str = "") -> None: ...

    def clear(self, code: str, source: str) -> None: ...


class FaultView(Protocol):
    """Where the faults that concern a connector are read."""

    def active_at(self, sources: frozenset[str]) -> tuple[Fault, ...]:
        """Active faults at any of `sources`, worst first."""

    def subscribe(self, listener: Callable[[], None], sources: frozenset[str] | None = None) -> Callable[[], None]:
        """Calls `listener` after each change at one of `sources`, or anywhere; returns the function that ends it."""


@attrs.define(eq=False, kw_only=True, repr=False)
class Ports:
    """What one connector is joined to. `sources` are the names whose faults concern it."""

    stage: PowerStage
    ev_link: EvLink
    meter: Meter
    authorizer: Authorizer
    log: SessionLog
    fault_sink: FaultSink
    fault_view: FaultView
    plan: Source[Plan]
    sources: frozenset[str]
    demand_changed: Callable[[], None]
    reach: Callable[[], StageRating] | None = None  # what it could have with every module that can come to it
    boot_id: str
    elsewhere: Callable[[], frozenset[str]] = frozenset  # those of `sources` that do not concern it now


# --- what charging offers ------------------------------------------------------------------------------------------


class Operations(Protocol):
    """What an operator, a reader or a central system may ask of the charger. Answers are (accepted, why not)."""

    def start(self, connector_id: ConnectorId | None, token: IdToken, *, authorize: bool) -> tuple[bool, str]:
        """Starts, or arms, a session. With `authorize` the token is checked as a swiped one would be."""

    def stop(self, connector_id: ConnectorId, *, remote: bool) -> tuple[bool, str]:
        """Ends the running session in order."""

    def deauthorize(self, connector_id: ConnectorId) -> tuple[bool, str]:
        """Ends the running session, reason DEAUTHORIZED: its token was refused after it had started."""

    def unlock(self, connector_id: ConnectorId) -> tuple[bool, str]:
        """Ends a running session, then releases the lock."""

    def reset(self, *, hard: bool) -> None:
        """Stops sessions in order and restarts the controller; `hard` does not wait for them."""

    def set_operative(self, connector_id: ConnectorId | None, operative: bool) -> str:
        """Puts a connector, or with None the charger, in or out of service: "accepted" or "scheduled"."""


class ConnectorView(Protocol):
    """Where the connectors and their meters are read and watched."""

    @property
    def reports(self) -> Mapping[ConnectorId, Source[ConnectorReport]]: ...

    @property
    def meters(self) -> Mapping[ConnectorId, Source[MeterReading]]: ...
