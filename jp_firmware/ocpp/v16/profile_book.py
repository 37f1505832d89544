"""The charging profiles that are installed, and the transactions they are for.

What is asked for is committed before it counts, so that an answer of ours survives the power. A TxProfile is the
exception: it ends with its transaction, and no transaction of this charger outlives its controller; so it is kept in
memory only, through links that come and go. Watches the sessions where they stand: a profile that came with a remote
start is installed, and one whose transaction is over is gone, before the report that says so has reached anybody else.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final

import attrs
import trio

from jp_firmware.charging.ports import ConnectorView
from jp_firmware.journal import state
from jp_firmware.journal.writer import Journal, JournalError
from jp_firmware.model.ids import ConnectorId, SessionId
from jp_firmware.model.session import Session, TokenSource
from jp_firmware.ocpp.v16 import composite
from jp_firmware.ocpp.v16.charging_profile import (
    MAX_INSTALLED,
    ChargingProfile,
    Mains,
    NotAcceptable,
    Purpose,
    from_json,
    milliseconds,
    read,
)
from jp_firmware.ocpp.v16.metering import running_session

log = logging.getLogger(__name__)

PROFILES: Final = "ocpp16.charging-profiles"  # in the journal's state
STATION: Final = 0  # connector 0 is the station
WRITTEN_WITHIN_S: Final = 5.0  # ours: a busy machine with a slow disk takes one


@attrs.frozen
class Running:
    """The session that runs on a connector, and since when by the monotonic clock."""

    id: SessionId
    began_s: float


@attrs.frozen
class Announced:
    """A profile that came with a remote start, until the session begins that it is for."""

    id_tag: str
    profile: ChargingProfile


@attrs.define(eq=False)
class ProfileBook:
    """The installed profiles. One task at a time changes them; listeners are called after each change of what holds.

    It outlives links, and clients that take each other's place. `close` is for when there is no central system left.
    """

    connector_ids: tuple[ConnectorId, ...]
    view: ConnectorView
    journal: Journal
    wall: Callable[[], datetime] = lambda: datetime.now(UTC)
    mains: Mains = attrs.field(factory=Mains, kw_only=True)  # by which amperes are understood: see `configure`

    profiles: tuple[ChargingProfile, ...] = attrs.field(default=(), init=False)
    _running: dict[ConnectorId, Running] = attrs.field(factory=dict, init=False)
    _announced: dict[ConnectorId | None, Announced] = attrs.field(factory=dict, init=False)
    _on_disk: list[dict[str, Any]] | None = attrs.field(default=None, init=False)  # None: not known
    _recalled: bool = attrs.field(default=False, init=False)
    _changing: trio.Lock = attrs.field(factory=trio.Lock, init=False)
    _listeners: list[Callable[[], None]] = attrs.field(factory=list, init=False)
    _ends: list[Callable[[], None]] = attrs.field(factory=list, init=False)  # of what it listens to

    def __attrs_post_init__(self) -> None:
        for connector_id, source in self.view.reports.items():
            look = partial(self._look_at_session, connector_id)
            self._ends.append(source.subscribe(look))
            look()

    def close(self) -> None:
        """Nothing holds any more, and nobody is told of anything. What is on the disk stays there for a later one."""
        for end in self._ends:
            end()
        self.profiles = ()
        self._tell()
        self._ends.clear()
        self._listeners.clear()

    # --- what holds --------------------------------------------------------------------------------------------------

    @property
    def now_ms(self) -> int:
        """The wall clock, as profiles reckon with it."""
        return milliseconds(self.wall())

    def in_force(self, connector: int, now_ms: int, began_ms: int | None = None) -> composite.InForce:
        """What the profiles of a connector, 0 for the station, allow at `now_ms`.

        `began_ms` stands for the start of its transaction, which is needed for a connector only: see `began_ms`.
        """
        if connector == STATION:
            return composite.of_station(self.profiles, now_ms)
        return composite.of_connector(self.profiles, connector, began_ms, now_ms)

    def began_ms(self, connector: int, now_ms: int) -> int | None:
        """When the transaction of a connector began, by the wall clock as it is set now; None without one.

        Reckoned from the monotonic clock: a step of the wall clock moves no relative schedule.
        """
        running = self._running.get(ConnectorId(connector))
        return None if running is None else now_ms - round((trio.current_time() - running.began_s) * 1000)

    def subscribe(self, listener: Callable[[], None]) -> Callable[[], None]:
        """Calls `listener` after each change, synchronously; returns the function that ends it. It must not raise."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    # --- changes -----------------------------------------------------------------------------------------------------

    def configure(self, mains: Mains) -> None:
        """What was told in amperes is understood by `mains` from now on. All that follows is done when this returns."""
        if mains == self.mains:
            return
        self.mains = mains
        self._announced = {
            key: attrs.evolve(one, profile=self._anew(one.profile)) for key, one in self._announced.items()
        }
        self._take_over([self._anew(one) for one in self.profiles])

    def _anew(self, one: ChargingProfile) -> ChargingProfile:
        return read(one.connector, one.told, one.accepted_ms, self.mains)

    async def recall(self) -> None:
        """Takes over what an earlier run kept; once. Raises JournalError."""
        kept = None if self._recalled else await self.journal.read(lambda db: state.get(db, PROFILES))
        if self._recalled:  # meanwhile
            return
        self._recalled = True
        profiles = []
        for one in kept if isinstance(kept, list) else ():
            try:
                profiles.append(from_json(one, self.mains))
            except NotAcceptable as error:
                log.error("a charging profile in the journal is dropped: %s", error)
        self._take_over((*profiles, *self.profiles))

    async def install(self, profile: ChargingProfile, session_id: SessionId | None = None) -> None:
        """In force, and where it has to be on the disk, when this returns. Raises NotAcceptable and JournalError.

        A TxProfile is for the session `session_id`, which must still run when the journal has been waited for.
        """
        async with self._changing:
            self._check(profile, session_id)
            written = await self._keep((*self._others(profile), profile))
            try:
                self._check(profile, session_id)
            except NotAcceptable:
                if written:  # it had the id of one that stays after all
                    await self._write(self.profiles)
                raise
            self._take_over((*self._others(profile), self._anew(profile)))  # the mains may be others by now

    async def clear(self, meant: Callable[[ChargingProfile], bool]) -> int:
        """Takes out all that are `meant`; how many they were. Raises JournalError, and then none is out."""
        async with self._changing:
            out = sum(map(meant, self.profiles))
            if out:
                await self._keep([one for one in self.profiles if not meant(one)])
                self._take_over([one for one in self.profiles if not meant(one)])
            return out

    def announce(self, connector: ConnectorId | None, id_tag: str, profile: ChargingProfile | None) -> None:
        """A remote start was accepted; `profile` is for the session that it leads to, wherever that may be for None.

        Each remote start takes the place of all earlier ones of its tag, so that none is left over for a later one.
        """
        self._announced = {
            key: one for key, one in self._announced.items() if key != connector and one.id_tag != id_tag
        }
        if profile:
            self._announced[connector] = Announced(id_tag, profile)

    def _check(self, profile: ChargingProfile, session_id: SessionId | None) -> None:
        running = self._running.get(ConnectorId(profile.connector))
        if profile.purpose is Purpose.TRANSACTION and (running is None or running.id != session_id):
            raise NotAcceptable(f"its transaction on connector {profile.connector} is over")
        if len(self._others(profile)) >= MAX_INSTALLED:
            raise NotAcceptable(f"{MAX_INSTALLED} profiles are installed; clear one first")

    def _others(self, profile: ChargingProfile) -> list[ChargingProfile]:
        """What stays when `profile` comes. Those that have ended for good stay only while there is room."""
        others = [one for one in self.profiles if not profile.replaces(one)]
        if len(others) < MAX_INSTALLED:
            return others
        now_ms = self.now_ms
        return [one for one in others if not one.is_over(now_ms)]

    async def _keep(self, profiles: Sequence[ChargingProfile]) -> bool:
        """Has `profiles` on the disk, as far as they belong there; whether anything had to be written for that."""
        if _durable(profiles) == self._on_disk:
            return False
        await self._write(profiles)
        return True

    async def _write(self, profiles: Sequence[ChargingProfile]) -> None:
        """Not interrupted by a link that goes: what is written and not in force would be a limit after a restart."""
        kept, self._on_disk = _durable(profiles), None  # until it is there for sure
        try:
            with trio.fail_after(WRITTEN_WITHIN_S, shield=True):
                await self.journal.commit(state.Put(PROFILES, kept))
        except trio.TooSlowError:
            raise JournalError(f"charging profiles were not written in {WRITTEN_WITHIN_S:g} s", storage=True) from None
        self._on_disk = kept

    def _take_over(self, profiles: Sequence[ChargingProfile]) -> None:
        self.profiles = tuple(profiles)
        self._tell()

    def _tell(self) -> None:
        for listener in tuple(self._listeners):
            listener()

    # --- sessions ----------------------------------------------------------------------------------------------------

    def _look_at_session(self, connector_id: ConnectorId) -> None:
        session, known = running_session(self.view, connector_id), self._running.get(connector_id)
        if (session.id if session else None) == (known.id if known else None):
            return
        kept = [one for one in self.profiles if one.purpose is not Purpose.TRANSACTION or one.connector != connector_id]
        if session is None:
            del self._running[connector_id]
        else:
            past_s = (self.wall() - session.started_at).total_seconds()
            self._running[connector_id] = Running(session.id, trio.current_time() - max(0.0, past_s))
            kept += self._announced_for(connector_id, session)
        self._take_over(kept)

    def _announced_for(self, connector_id: ConnectorId, session: Session) -> list[ChargingProfile]:
        """What a remote start has brought for this session."""
        if session.token.source is not TokenSource.REMOTE:
            return []
        for key in (connector_id, None):
            announced = self._announced.get(key)
            if announced and announced.id_tag == session.token.uid:
                del self._announced[key]
                log.info("%s of the remote start is in force on connector %s", announced.profile.text, connector_id)
                return [attrs.evolve(announced.profile, connector=connector_id)]
        return []


def _durable(profiles: Sequence[ChargingProfile]) -> list[dict[str, Any]]:
    return [one.to_json() for one in profiles if one.purpose is not Purpose.TRANSACTION]
