"""Law 1: power is a scope. Energy flows only inside `async with energised(...)`.

Leaving the block, for whatever reason, ends with modules off, current measured below 1 A and contactors opened, in a
shielded clean-up with a deadline. The first act of leaving is synchronous: OFF is on the wire before anything awaits.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import attrs
import trio

from jp_firmware.charging.ports import EvLink, Meter, PowerStage
from jp_firmware.charging.timeouts import Timeouts
from jp_firmware.charging.view import Failure, Wish
from jp_firmware.charging.waiting import until
from jp_firmware.model.connector import EvCommand, Stage
from jp_firmware.model.power import SetPoint

LEASE_S = 2.0  # ours: a set-point that is not renewed for 20 scans ends with modules off


@attrs.define(eq=False)
class Power:
    """The right to let power flow on one connector. Void once the scope has been left."""

    _stage: PowerStage
    _open: bool = True
    _is_off: bool = False  # OFF was sent, and modules repeat it by themselves until they confirm it
    failure: Failure | None = None  # what the clean-up could not confirm

    def deliver(self, wish: Wish | None, now_s: float) -> None:
        """Delivers `wish` until its lease ends; None switches the modules off and keeps the contactors as they are."""
        assert self._open, "power outside its scope"
        if wish is None:
            if not self._is_off:
                self._stage.off()
            self._is_off = True
        else:
            self._is_off = False
            lease = SetPoint(voltage_v=wish.voltage_v, current_a=wish.current_a, expires_at_s=now_s + LEASE_S)
            self._stage.apply(lease)

    def revoke(self) -> None:
        """Modules off, now and for good: synchronous, never raises, may be called from any listener."""
        self._open = False
        self._stage.off()


@asynccontextmanager
async def energised(stage: PowerStage, ev_link: EvLink, meter: Meter, limits: Timeouts) -> AsyncIterator[Power]:
    """Opens the scope of one session on one connector.

    The block may end by return, exception or cancellation; each is passed on unchanged after the clean-up, which takes
    at most `limits.power_down_s` and cannot be cancelled. What the clean-up could not confirm by measurement is left in
    `power.failure`; contactors are commanded open in any case, current or not, when its deadline is over.
    """
    power = Power(stage)
    try:
        yield power
    finally:
        power.revoke()
        with trio.move_on_after(limits.power_down_s, shield=True):
            await _power_down(stage, ev_link, meter, limits)
        ev_link.command(EvCommand())
        power.failure = _not_confirmed(stage, ev_link, limits)


async def _power_down(stage: PowerStage, ev_link: EvLink, meter: Meter, limits: Timeouts) -> None:
    """In the order that spares the contactors: current gone, then contactors open."""
    off_at_s = trio.current_time()
    if _seen_closed(ev_link):
        ev_link.command(EvCommand(stage=Stage.STOPPING, stop=True, close_contactors=True))
        with trio.move_on_after(limits.power_down_s - limits.contactor_open_s):
            await until(
                lambda: _current_gone(stage, meter, off_at_s, limits) or _contactors_open(ev_link),
                stage.output,
                meter.reading,
                ev_link.status,
            )
    ev_link.command(EvCommand(stage=Stage.STOPPING, stop=True))
    await until(lambda: _contactors_open(ev_link), ev_link.status)


def _current_gone(stage: PowerStage, meter: Meter, since_s: float, limits: Timeouts) -> bool:
    """Measured after OFF was sent, by the modules or, where their bus is dead, by the meter."""
    for signal in (stage.output.signal, meter.reading.signal):
        value = signal.value
        if value is not None and signal.at_s > since_s and abs(value.current_a) < limits.current_gone_a:
            return True
    return False


def _seen_closed(ev_link: EvLink) -> bool:
    """When they were last heard of, however long ago. Before they close no current flows that they would interrupt."""
    last = ev_link.status.signal.value
    return last is not None and last.contactors_closed


def _contactors_open(ev_link: EvLink) -> bool:
    """By the feedback of a board that speaks. A board that is silent has opened them, but nobody can confirm it."""
    status = ev_link.status.fresh(trio.current_time(), 1.0)
    return status is not None and not status.contactors_closed


def _not_confirmed(stage: PowerStage, ev_link: EvLink, limits: Timeouts) -> Failure | None:
    """Welded contactors are a fault of their own. A silent board is not: its fault stands, and it opens by itself."""
    status = ev_link.status.fresh(trio.current_time(), limits.measurement_s)
    if status is None or not status.contactors_closed:
        return None
    output = stage.output.signal.value
    current = f", {output.current_a:.1f} A last measured" if output else ""
    return Failure("CON-01", f"contactors still closed {limits.power_down_s:.0f} s after the open command{current}")
