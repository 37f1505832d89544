"""A connector as a pure state machine: views and requests in, a state and a wish out.

Rules:
1. Time is handed in with each view. The machine never awaits, never does I/O and holds no timer.
2. Energy is wished for only in the energised states, which are those that have an `EnergisedSession`. It is made by
   `begin`, which the runner calls inside nothing less than the energised scope, and let go by `_end`, wish and all.
3. What ends a session is judged in one place (`watch.SessionWatch`), worst first, in every energised state alike.
4. A requested stop is never a fault.
5. A fault of its own stays in `own_faults` until its clear condition, and blocks as the catalogue says.
6. Transitions are those of `TRANSITIONS` and no others.

Reserved and out-of-service connectors, and those with a fault that puts them out of order, never leave for PREPARING
on their own.
"""

from __future__ import annotations

import attrs

from jp_firmware.charging.handshake import Handshake
from jp_firmware.charging.own_faults import OwnFaults
from jp_firmware.charging.session import EnergisedSession
from jp_firmware.charging.timeouts import Timeouts
from jp_firmware.charging.transitions import TRANSITIONS
from jp_firmware.charging.view import Ending, Failure, View, Wish
from jp_firmware.config.schema import Connector
from jp_firmware.model.connector import ConnectorState, EvStatus, LockState
from jp_firmware.model.faults import Fault
from jp_firmware.model.session import IdToken, StopReason

S = ConnectorState

_OUT_OF_ORDER = frozenset({S.FAULTED, S.UNAVAILABLE})
NOT_AUTHORIZED, STALE = "AUT-03", "EV-11"


@attrs.frozen
class Reservation:
    """A connector kept for one identification until a point of monotonic time."""

    token_uid: str
    until_s: float


@attrs.define(eq=False, repr=False)
class ConnectorMachine:
    """One connector. `step` is called with each new view; the requests (`authorize`, `ask_to_end`, ...) in between."""

    connector: Connector
    limits: Timeouts = attrs.field(factory=Timeouts)
    state: ConnectorState = S.UNAVAILABLE
    since_s: float = 0.0
    operative: bool = True
    token: IdToken | None = None  # accepted, waiting for or in a session
    in_session: bool = False  # from `about_to_begin` until `session_over`
    session: EnergisedSession | None = None  # there is one in the energised states, and in no other
    own_faults: OwnFaults = attrs.field(factory=OwnFaults)
    ending: Ending | None = None  # of the last session, or of this one as soon as it is known
    text: str = "starting"  # for people
    wants_session: bool = False  # its runner is to begin one
    reservation: Reservation | None = None
    _configured: Connector | None = None  # taken over when no session runs
    _token_at_s: float = 0.0  # when it was accepted
    _handshake: Handshake | None = None  # of this token with this car
    _had_session: bool = False  # since the car was plugged in
    _unlock: bool = False  # asked for, and not done yet
    _requested: Ending | None = None  # an end that somebody asked for

    @property
    def wish(self) -> Wish | None:
        """The output it wants. None without a session, always."""
        return self.session.wish if self.session else None

    @property
    def wants_unlock(self) -> bool:
        """Whether the lock is to be released now: never in a session, which ends first."""
        return self._unlock and not self.in_session

    @property
    def faults(self) -> dict[str, str]:
        """Of its own: code and detail."""
        return self.own_faults.present

    def __repr__(self) -> str:
        return f"<ConnectorMachine {self.connector.id}: {self.state.value}, {self.text}>"

    # --- requests ----------------------------------------------------------------------------------------------------

    def authorize(self, token: IdToken, now_s: float) -> bool:
        """An identification was accepted for this connector. False where it is of no use, now or later."""
        if self.in_session or self.state in _OUT_OF_ORDER:
            return False
        self.own_faults.clear(NOT_AUTHORIZED)
        self.token, self._token_at_s, self._handshake = token, now_s, None
        return True

    def ask_to_end(self, ending: Ending) -> bool:
        """Asks for an orderly end of the session, or drops a waiting identification. False if there is neither."""
        if self.in_session:
            self._requested = self._requested or ending
            return True
        had_token, self.token = self.token is not None, None
        return had_token

    def ask_to_unlock(self) -> None:
        """Ends a session, then releases the lock."""
        self.ask_to_end(Ending(StopReason.UNLOCK))
        self._unlock = True

    @property
    def configured(self) -> Connector:
        """Its configuration, the part of it included that waits for the end of a session."""
        return self._configured or self.connector

    def configure(self, connector: Connector) -> None:
        """Another configuration: how it shares counts at once, what it may carry from the next session on."""
        self._configured = connector
        self.connector = attrs.evolve(self.connector, weight=connector.weight, tier=connector.tier)
        if not self.in_session:
            self._take_configured()

    def set_limits(self, limits: Timeouts) -> None:
        """Other times and rates, at once, except for a stage that has begun."""
        self.limits = limits
        if self.session:
            self.session.set_limits(limits)

    def reserve(self, reservation: Reservation | None) -> None:
        """Keeps the connector for one identification, or lifts that."""
        self.reservation = reservation

    # --- the session, as its runner brackets it ----------------------------------------------------------------------

    def about_to_begin(self) -> None:
        """The start is being made durable. Until `begin` nothing moves, and what would end the session is remembered.

        So the first step after `begin` ends it, by the right reason, before anything is switched on.
        """
        self.in_session, self.wants_session = True, False
        self.ending, self._requested = None, None

    def not_begun(self) -> None:
        """The start could not be made durable. Who asked to end the session meant the identification, too."""
        if self._requested:
            self.token = None
        self.in_session, self._requested = False, None
        self._take_configured()

    def begin(self, now_s: float) -> None:
        """The session is durable and the scope is open: power may flow from here."""
        self._had_session = True
        self.session = EnergisedSession(self.connector, self.limits, now_s)
        self._go(self.session.state, now_s, self.session.text)

    def interrupt(self, ending: Ending, now_s: float) -> None:
        """The runner had to end the session by itself, perhaps before it began. What has ended stays as it is."""
        if self.session:
            self._end(ending, now_s)
        elif self.in_session and self.ending is None:
            self.ending = ending

    def session_over(self) -> None:
        """The scope is closed and the session accounted for."""
        self.in_session, self.token, self._requested = False, None, None
        self._take_configured()

    def _take_configured(self) -> None:
        if self._configured is not None:
            self.connector, self._configured = self._configured, None

    def fail(self, failure: Failure, now_s: float) -> None:
        """Power was to end, and this was seen instead."""
        self.own_faults.add(failure)
        if self.session:
            self._end(Ending.by(failure), now_s)

    # --- one step ----------------------------------------------------------------------------------------------------

    def step(self, view: View) -> None:
        """Takes one view. Afterwards `state`, `wish`, `faults` and `text` are what they should be for it."""
        self.own_faults.look(view, self.limits, self.connector.derate_to_c, in_session=self.in_session)
        self._look_at_lock(view)
        if self.session:
            self._energised(self.session, view)
            return
        {
            S.UNAVAILABLE: self._unavailable,
            S.AVAILABLE: self._available,
            S.RESERVED: self._reserved,
            S.PREPARING: self._preparing,
            S.FINISHING: self._finishing,
            S.FAULTED: self._faulted,
        }[self.state](view)

    def _look_at_lock(self, view: View) -> None:
        """Once it is released, or the car is gone, it need not be released any more."""
        if self.wants_unlock and view.ev and (view.ev.lock is LockState.UNLOCKED or view.ev.unplugged):
            self._unlock = False

    def demand_is_stale(self, view: View) -> bool:
        """Whether what the car asks for is too old to raise power on: it is not heard, or it has stopped asking."""
        return view.ev is None or (self.session is not None and self.session.demand_is_stale(view.now_s))

    # --- states without power ----------------------------------------------------------------------------------------

    def _unavailable(self, view: View) -> None:
        if view.ev and view.ev.unplugged:
            self._forget_car(view)
        if view.ev is None:
            self.text = "waiting for the PLC board"
        elif not self.operative:
            self.text = "out of service"
        else:
            self._settle(view.ev, view)

    def _available(self, view: View) -> None:
        if self._leave_for_trouble(view):
            return
        if self.reservation:
            self._go(S.RESERVED, view.now_s, "reserved")
        elif view.ev and (view.ev.plugged or self.token):
            self._go(S.PREPARING, view.now_s, "")
            self._preparing(view)

    def _reserved(self, view: View) -> None:
        if self._leave_for_trouble(view):
            return
        if self.reservation is None or view.now_s >= self.reservation.until_s:
            self.reservation = None
            self._go(S.AVAILABLE, view.now_s, "ready")
        elif self.token and self.token.uid == self.reservation.token_uid:
            self.reservation = None
            self._go(S.PREPARING, view.now_s, "plug in the car")

    def _preparing(self, view: View) -> None:
        if self.in_session:  # its start is being made durable
            return
        self.wants_session = False
        if self._leave_for_trouble(view):
            return
        ev = view.ev
        if ev is None:
            return
        if self.token is None:
            self._await_identification(ev, view)
        elif not ev.plugged:
            self._await_car(view)
        else:
            self._shake_hands(ev, view)

    def _await_identification(self, ev: EvStatus, view: View) -> None:
        if ev.plugged:
            self.text = "plugged in, waiting for authorization"
            if view.now_s - self.since_s > self.limits.plug_s:
                late = f"none within {self.limits.plug_s:.0f} s of plugging in"
                self.own_faults.add(Failure(NOT_AUTHORIZED, late))
        elif ev.unplugged:
            self._forget_car(view)
            self._go(S.AVAILABLE, view.now_s, "ready")

    def _await_car(self, view: View) -> None:
        self.text = "authorized, plug in the car"
        self._handshake = None
        if view.now_s - self._token_at_s > self.limits.plug_s:
            self.token = None

    def _shake_hands(self, ev: EvStatus, view: View) -> None:
        """Authorized and plugged: the session begins once the car is ready for the cable check."""
        if self._handshake is None:
            self._handshake = Handshake(view.now_s, self.limits)
        failure = self._handshake.step(ev, view)
        self.text = self._handshake.waits_for or "starting the session"
        if failure:  # the identification is void: a new one is needed for another try
            self.own_faults.add(failure)
            self.token = None
        else:
            self.wants_session = self._handshake.passed

    def _finishing(self, view: View) -> None:
        if self.in_session or self._leave_for_trouble(view):  # first the session is accounted for
            return
        if view.ev and view.ev.unplugged:
            self._forget_car(view)
            self._go(S.AVAILABLE, view.now_s, "ready")
        elif self.token:
            self._go(S.PREPARING, view.now_s, "")
        else:
            why = f" ({self.ending.reason.value})" if self.ending else ""
            self.text = f"finished{why}, unplug the car"

    def _faulted(self, view: View) -> None:
        if view.ev and view.ev.unplugged:
            self._forget_car(view)
        if view.blocking:
            self.text = _sentence(view.blocking)
        elif view.ev:
            self._settle(view.ev, view)

    def _settle(self, ev: EvStatus, view: View) -> None:
        """Goes where a connector belongs that has just become usable; a pilot at fault is waited for."""
        if self._leave_for_trouble(view):
            return
        if ev.plugged and self.state is S.FAULTED and self._had_session:
            self._go(S.FINISHING, view.now_s, "unplug the car")
        elif ev.plugged:
            self._go(S.PREPARING, view.now_s, "")
        elif ev.unplugged:
            self._go(S.AVAILABLE, view.now_s, "ready")

    def _leave_for_trouble(self, view: View) -> bool:
        """Whether it is out of order or out of service; then it is on its way there."""
        if view.blocking:
            self._go(S.FAULTED, view.now_s, _sentence(view.blocking))
        elif not self.operative:
            self.reservation = None
            self._go(S.UNAVAILABLE, view.now_s, "out of service")
        return bool(view.blocking) or not self.operative

    # --- the states with power, and their end ------------------------------------------------------------------------

    def _energised(self, session: EnergisedSession, view: View) -> None:
        ending = session.step(view, self._requested)
        if ending:
            self._end(ending, view.now_s)
            return
        self._go(session.state, view.now_s, session.text)
        if session.demand_is_stale(view.now_s):
            self.own_faults.add(Failure(STALE, f"no demand for {self.limits.demand_held_s:g} s"))
        else:
            self.own_faults.clear(STALE)

    def _end(self, ending: Ending, now_s: float) -> None:
        self.own_faults.clear(STALE)
        if ending.failure:
            self.own_faults.add(ending.failure)
        self.session, self.ending, self._requested = None, ending, None
        self._go(S.FINISHING, now_s, f"stopping: {ending.detail or ending.reason.value}")

    def _forget_car(self, view: View) -> None:
        self._had_session = False
        self.own_faults.car_gone(view, self.limits, self.connector.derate_to_c)

    def _go(self, state: ConnectorState, now_s: float, text: str) -> None:
        self.text = text or self.text
        if state is self.state:
            return
        assert state in TRANSITIONS[self.state], (self.state, state)
        if state in _OUT_OF_ORDER:  # whoever identified himself will have gone when it is in order again
            self.token = None
        self.state, self.since_s = state, now_s


def _sentence(faults: tuple[Fault, ...]) -> str:
    return f"{faults[0].code} {faults[0].kind.title}" + (f" (+{len(faults) - 1})" if len(faults) > 1 else "")
