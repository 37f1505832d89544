"""The charger's guard: which last words go to which wire, and what follows when the guard has acted.

After an act of the guard every module it could reach is off, whatever the tasks here believe. So all of it is made
true: everything off once more, every session ended by a fault, and a person told where the loop stood.
"""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import attrs

from jp_firmware.charging.view import Ending
from jp_firmware.config.watchdogs import GUARD
from jp_firmware.model.session import StopReason
from jp_firmware.nursery.backoff import Backoff
from jp_firmware.nursery.guard import Acted, Guard
from jp_firmware.nursery.supervisor import Child, Supervisor

if TYPE_CHECKING:
    from jp_firmware.controller import Controller

STOOD_STILL = "CTL-04"
UNGUARDED = "CTL-05"
SOURCE = "controller"

RECORD = "guard.record"  # in the state directory: what the guard did after a life of this process
STACK_SIGNAL = signal.SIGUSR2  # used by nothing else in the process


@attrs.define(eq=False)
class Guarding:
    """Joins a guard to the charger. `part` is its place in the tree: before the wires, and after them in a stop."""

    controller: Controller
    guard: Guard = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self.guard = Guard(
            deadline_s=self.controller.cabinet.process.guard_deadline_s,
            on_stood=self._stood,
            on_acted=self._acted,
            on_steady=self._steady,
            on_trouble=self._trouble,
            record=self.controller.state_dir / RECORD,
            stack_signal=STACK_SIGNAL,
        )
        self.controller.plant.guard_with(self.guard)

    def part(self) -> Child:
        """May be restarted again and again: a charger without a guard is still a charger."""
        name, _, part = GUARD.partition("/")
        terms = self.controller.watches[GUARD].terms
        process = Child(name=part, run=self.guard.run, backoff=Backoff(first_s=0.1, cap_s=5.0), **terms)
        return Supervisor(name=name, children=[process], intensity=None).as_child()

    def recall(self) -> None:
        """Notes what the guard had to do after the last life of this process, and asks it for the ports.

        Reads a file: before the loop is busy.
        """
        self.guard.ask_former()
        acted = self.guard.recall()
        if acted is not None:
            at = acted.at.isoformat(timespec="milliseconds")
            self.controller.note("guard", SOURCE, f"at {at} {acted}")

    def _stood(self, stood_s: float) -> None:
        self._make_it_true(f"the control loop stood still for {stood_s:.1f} s")

    def _acted(self, acted: Acted) -> None:
        self._make_it_true(acted.cause)
        self.controller.note("guard", SOURCE, str(acted))

    def _make_it_true(self, cause: str) -> None:
        controller = self.controller
        controller.charger.everything_off()
        why = f"{STOOD_STILL} {cause}; the guard switched the modules off"
        controller.charger.end_all(Ending(StopReason.FAULT, why))
        controller.faults.raise_(STOOD_STILL, SOURCE, cause)

    def _steady(self) -> None:
        self.controller.faults.clear(STOOD_STILL, SOURCE)

    def _trouble(self, trouble: str | None) -> None:
        if trouble is None:
            self.controller.faults.clear(UNGUARDED, SOURCE)
        else:
            self.controller.faults.raise_(UNGUARDED, SOURCE, trouble)
