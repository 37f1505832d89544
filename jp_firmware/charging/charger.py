"""All connectors together: what an operator, a reader or a central system asks, and which connector it concerns.

Fulfils `Operations` and `ConnectorView`. Holds the one thing that belongs to no connector: an identification presented
before its car was plugged in.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import attrs
import trio

from jp_firmware.charging.runner import ConnectorRunner
from jp_firmware.charging.view import Ending
from jp_firmware.charging.waiting import until
from jp_firmware.model.connector import ConnectorReport, ConnectorState
from jp_firmware.model.ids import ConnectorId
from jp_firmware.model.power import Demand, MeterReading
from jp_firmware.model.session import IdToken, StopReason, TokenSource
from jp_firmware.model.signals import Source


@attrs.frozen
class Armed:
    """An identification that waits for a car at one of the connectors its reader serves."""

    token: IdToken
    until_s: float
    served: frozenset[ConnectorId]  # empty: all


@attrs.define(eq=False, repr=False)
class Charger:
    """The charger as seen from outside. `restart` is called once sessions have been told to end."""

    runners: Mapping[ConnectorId, ConnectorRunner]
    plug_timeout_s: float
    restart: Callable[[bool], None]
    remember_operative: Callable[[Mapping[ConnectorId, bool]], None] = lambda _: None
    idle_off: Callable[[], None] = lambda: None  # modules that feed no connector
    _armed: Armed | None = None

    def __attrs_post_init__(self) -> None:
        for runner in self.runners.values():
            runner.report.subscribe(self._give_armed_token)

    # --- ConnectorView -----------------------------------------------------------------------------------------------

    @property
    def reports(self) -> Mapping[ConnectorId, Source[ConnectorReport]]:
        return {key: runner.report for key, runner in self.runners.items()}

    @property
    def meters(self) -> Mapping[ConnectorId, Source[MeterReading]]:
        return {key: runner.ports.meter.reading for key, runner in self.runners.items()}

    def demands(self) -> Sequence[Demand]:
        """What all connectors ask of the planner, now."""
        now_s = trio.current_time()
        return [runner.demand(now_s) for runner in self.runners.values()]

    # --- Operations --------------------------------------------------------------------------------------------------

    def start(self, connector_id: ConnectorId | None, token: IdToken, *, authorize: bool) -> tuple[bool, str]:
        """Starts, or arms, a session; without a connector the one that waits for an identification is meant."""
        if connector_id is None:
            runner = self._waiting_connector(self.runners)
            if runner is None:
                return False, "no connector is waiting for a start"
        elif connector_id in self.runners:
            runner = self.runners[connector_id]
        else:
            return False, f"there is no connector {connector_id}"
        if refusal := _why_not(runner, token):
            return False, refusal
        runner.present(token, authorize=authorize)
        return True, ""

    def stop(self, connector_id: ConnectorId, *, remote: bool) -> tuple[bool, str]:
        """Ends the session on a connector in order."""
        return self._end(connector_id, Ending(StopReason.REMOTE if remote else StopReason.LOCAL))

    def deauthorize(self, connector_id: ConnectorId) -> tuple[bool, str]:
        """The central system refused the token of the running session after it had started."""
        return self._end(connector_id, Ending(StopReason.DEAUTHORIZED, "refused by the central system"))

    def unlock(self, connector_id: ConnectorId) -> tuple[bool, str]:
        """Ends a running session, then releases the lock."""
        if connector_id not in self.runners:
            return False, f"there is no connector {connector_id}"
        self.runners[connector_id].unlock()
        return True, ""

    def reset(self, *, hard: bool) -> None:
        """Ends all sessions and restarts the controller."""
        reason = StopReason.HARD_RESET if hard else StopReason.SOFT_RESET
        self.end_all(Ending(reason, "asked for by the central system"))
        self.restart(hard)

    def set_operative(self, connector_id: ConnectorId | None, operative: bool) -> str:
        """In or out of service, one connector or all. Survives a restart."""
        chosen = [runner for key, runner in self.runners.items() if connector_id in (None, key)]
        busy = [runner for runner in chosen if runner.in_session]
        for runner in chosen:
            runner.set_operative(operative)
        self.remember_operative({key: runner.machine.operative for key, runner in self.runners.items()})
        return "scheduled" if busy and not operative else "accepted"

    # --- readers and shutdown ----------------------------------------------------------------------------------------

    def swipe(self, uid: str, served: frozenset[ConnectorId]) -> None:
        """A tag at a reader: ends the session it started, else starts one where a car waits, else waits for a car."""
        token = IdToken(uid.upper(), TokenSource.RFID)
        reachable = self._served(served)
        for runner in reachable.values():
            if runner.session and runner.session.token.uid.upper() == token.uid:
                runner.end(Ending(StopReason.LOCAL, "the tag that started it", token))
                return
            if any(one.uid.upper() == token.uid for one in _identifications(runner)):
                return  # the same tag once more, while its session is starting
        waiting = self._waiting_connector(reachable)
        if waiting:
            waiting.present(token, authorize=True)
        else:
            self._armed = Armed(token, trio.current_time() + self.plug_timeout_s, served)

    def end_all(self, ending: Ending) -> None:
        """Asks every session to end in order."""
        for runner in self.runners.values():
            runner.end(ending)

    async def all_ended(self) -> None:
        """Returns when no session is running. Put it in a cancel scope."""
        await until(
            lambda: not any(runner.in_session for runner in self.runners.values()),
            *(runner.report for runner in self.runners.values()),
        )

    def everything_off(self) -> None:
        """Every module of every connector off, and every idle one, at once. Synchronous, never raises."""
        for runner in self.runners.values():
            runner.ports.stage.off()
        self.idle_off()

    def _end(self, connector_id: ConnectorId, ending: Ending) -> tuple[bool, str]:
        if connector_id not in self.runners:
            return False, f"there is no connector {connector_id}"
        if self.runners[connector_id].end(ending):
            return True, ""
        return False, f"no session is running on connector {connector_id}"

    def _waiting_connector(self, among: Mapping[ConnectorId, ConnectorRunner]) -> ConnectorRunner | None:
        """The connector whose car was plugged in last and waits for an identification."""
        waiting = [runner for runner in among.values() if _awaits_token(runner)]
        return max(waiting, key=lambda runner: runner.machine.since_s, default=None)

    def _give_armed_token(self) -> None:
        if self._armed is None:
            return
        armed = self._armed
        if trio.current_time() >= armed.until_s:
            self._armed = None
        elif waiting := self._waiting_connector(self._served(armed.served)):
            self._armed = None
            waiting.present(armed.token, authorize=True)

    def _served(self, served: frozenset[ConnectorId]) -> Mapping[ConnectorId, ConnectorRunner]:
        return {key: runner for key, runner in self.runners.items() if not served or key in served}


def _awaits_token(runner: ConnectorRunner) -> bool:
    """Whether a car is plugged in for which nobody has identified himself. One whose answer is on its way is his."""
    report = runner.report.signal.value
    plugged = report is not None and report.plugged
    return plugged and runner.machine.state is ConnectorState.PREPARING and not _identifications(runner)


def _identifications(runner: ConnectorRunner) -> Sequence[IdToken]:
    """Accepted, or waiting for their answer."""
    accepted = [runner.machine.token] if runner.machine.token else []
    return [*accepted, *runner.identifying]


def _why_not(runner: ConnectorRunner, token: IdToken) -> str:
    machine = runner.machine
    where = f"connector {runner.connector_id}"
    if machine.in_session:
        return f"{where} already runs a session"
    if not runner.up:
        return f"{where} is not at work: its task is not running"
    if machine.state in (ConnectorState.FAULTED, ConnectorState.UNAVAILABLE):
        return f"{where} is {machine.state.value}: {machine.text}"
    if machine.reservation and machine.reservation.token_uid != token.uid:
        return f"{where} is reserved"
    if machine.state is ConnectorState.FINISHING:
        return f"{where} waits for its car to be unplugged"
    return ""
