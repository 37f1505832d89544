"""The modules of one connector as one supply: a set-point divided among them, their outputs added up.

Fulfils `charging.ports.PowerStage`. It owns no wire and no time: modules send, and modules are watched by the tree.
Which modules are its members may change while it delivers; who decides that, and who moves relays, is not its business.

Rules

1. The sum of what its modules may be delivering never exceeds the set-point: cuts go out at once, a rise takes only
   room that is free by measurement. What flows unheard or against orders is nobody's room.
2. A module that starts among others that deliver takes its share over step by step: they are cut only by what it is
   told next, a step more than it was measured to deliver.
3. A module that is drained gets nothing from that call on, and leaves only when no current of it is left.
4. The output range is chosen for a session, and changes only in modules that are off.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TypeAlias

import attrs
import trio

from jp_firmware.hw.modules.carried import OFF_CURRENT_A
from jp_firmware.hw.modules.module import ModuleTask
from jp_firmware.hw.modules.pool import Pool
from jp_firmware.hw.modules.sharing import ROUNDING_A, Member, corner_v, rises_within, split
from jp_firmware.model.ids import ConnectorId, ModuleId
from jp_firmware.model.power import SetPoint, StageOutput, StageRating
from jp_firmware.model.signals import Quality, Source

log = logging.getLogger(__name__)

FLOWING_S = 1.0
"""Age of a measurement that still says at which voltage current flows (ours: five polls of a module that is on)."""

STEP_A = 0.001
"""A smaller rise is not worth a frame (ours: what set-points are told in)."""


Caps: TypeAlias = Callable[[Mapping[ModuleId, float]], Mapping[ModuleId, float]]
"""What contactors let through of what modules give, A: of those that may not give all of it."""


class NotDrained(Exception):
    """A module was to leave a connector that it may still be feeding."""


class NotAMember(Exception):
    """A module was to be drained from, or to leave, a connector that it does not belong to."""


@attrs.define(eq=False, repr=False)
class Stage:
    """One connector's modules. Fulfils `PowerStage`. Everything is synchronous."""

    connector_id: ConnectorId
    _first: Iterable[ModuleTask] = ()
    pool: Pool = attrs.field(factory=Pool)
    _clock: Callable[[], float] = trio.current_time
    output: Source[StageOutput] = attrs.field(init=False)
    max_voltage_v: float | None = attrs.field(init=False, default=None)  # the car's, while a session runs
    caps_a: Caps = attrs.field(init=False, default=lambda _gives_a: {})
    _members: dict[ModuleId, ModuleTask] = attrs.field(init=False, factory=dict)
    _draining: set[ModuleId] = attrs.field(init=False, factory=set)
    _unsubscribe: dict[ModuleId, Callable[[], None]] = attrs.field(init=False, factory=dict)
    _next_start_at_s: float = attrs.field(init=False, default=-math.inf)

    def __attrs_post_init__(self) -> None:
        self.output = Source(owner=f"connector-{self.connector_id}")
        for module in self._first:
            self._admit(module)

    # --- what others read -------------------------------------------------------------------------------------------

    @property
    def members(self) -> Sequence[ModuleTask]:
        """The modules that belong to this connector now, those being drained among them."""
        return tuple(self._members.values())

    @property
    def rating(self) -> StageRating:
        """What the modules can deliver together now: the voltages that all of them can, currents and powers added.

        Those that only wait for their range to settle count with it: they deliver in a moment.
        """
        return StageRating.together([module.rating for module in self._serving() if module.usable or module.settling])

    def gives_a(self, voltage_v: float) -> Mapping[ModuleId, float]:
        """What each member can give at `voltage_v`, A; of one that is not usable, while it may be giving anything."""
        now_s, serving = self._clock(), self._serving()
        return {
            module.id: (module.rating if able else module.profile.rating).current_limit_a(voltage_v)
            for module in self._members.values()
            if (able := module in serving and module.usable) or module.carried_current_a(now_s) > 0.0
        }

    # --- power ------------------------------------------------------------------------------------------------------

    def prepare(self, max_voltage_v: float | None) -> None:
        """A session begins with a car that bears `max_voltage_v`: modules with two output ranges take the right one.

        None ends the session: any range may then be offered again. Modules that are on keep the range they have.
        """
        self.max_voltage_v = max_voltage_v
        for module in self._members.values():
            if not module.choose_range(max_voltage_v):
                log.warning("%s: is on, so it keeps its output range", module.id)

    def apply(self, set_point: SetPoint) -> None:
        """Divides `set_point` among the usable modules; those not needed go off, before any other is raised.

        What a module delivers against orders, or may deliver unheard, is held back from the others, and so is what a
        module that was cut has not yet let go of. A current of 0 is off.
        """
        now_s = self._clock()
        stray_a = sum(module.stray_current_a(now_s) for module in self._members.values())
        flowing_v = self._flowing_v(set_point.voltage_v, now_s)
        shares = self._shares(flowing_v, set_point.current_a - stray_a, now_s)
        for module in self._members.values():
            if module.wanted and module.id not in shares:
                module.want_off()
        serving = [module for module in self._members.values() if module.id in shares]
        for module in serving:  # cuts, and what stays: its lease is renewed
            if shares[module.id] <= module.told_a:
                module.want(set_point.voltage_v, shares[module.id], set_point.expires_at_s)
        total_a = max(set_point.current_a, sum(shares.values()) + stray_a)  # one may deliver its smallest current
        self._raise(serving, shares, total_a, set_point, now_s)

    def off(self) -> None:
        """All modules off: their frames are on the wire before this returns, where it is up. Never raises."""
        for module in self._members.values():
            module.want_off()

    def _flowing_v(self, set_v: float, now_s: float) -> float:
        """The voltage at which current flows: many cars name their highest as the target, and charge far below it."""
        output = self.output.fresh(now_s, FLOWING_S)
        return corner_v(set_v, output.voltage_v) if output and output.current_a >= OFF_CURRENT_A else set_v

    def _shares(self, voltage_v: float, current_a: float, now_s: float) -> dict[ModuleId, float]:
        """Who delivers, and how much. Modules that are off start one after the other where their inrush demands it."""
        able = [module for module in self._serving() if module.usable]
        off = [module for module in able if not module.wanted]
        waiting = off if now_s < self._next_start_at_s else off[1:] if _staggered(off) else []
        among = [module for module in able if module not in waiting]
        caps_a = self.caps_a(self.gives_a(voltage_v))
        members = [
            Member(
                rating=_capped(module.rating, caps_a.get(module.id, math.inf)),
                min_current_a=module.profile.min_current_a,
                on=module.wanted,
                starting=not module.started,
                told_a=module.told_a,
                delivered_a=module.delivered_a,
            )
            for module in among
        ]
        shares = split(voltage_v, current_a, members)
        return {module.id: share for module, share in zip(among, shares, strict=True) if share}

    def _raise(
        self,
        serving: Sequence[ModuleTask],
        shares: dict[ModuleId, float],
        total_a: float,
        set_point: SetPoint,
        now_s: float,
    ) -> None:
        carried = {module.id: module.carried_current_a(now_s) for module in self._members.values()}
        room_a = total_a - sum(carried.values())
        rising: list[ModuleTask] = []
        for module in sorted(serving, key=lambda module: module.wanted):
            if shares[module.id] <= module.told_a:
                continue
            if not module.wanted:  # its smallest current comes first, or it never starts while others rise
                first_a = max(0.0, module.profile.min_current_a - carried[module.id])
                if first_a > room_a + ROUNDING_A:
                    continue
                room_a -= first_a
                carried[module.id] += first_a
            rising.append(module)
        granted = rises_within(
            room_a, [carried[module.id] for module in rising], [shares[module.id] for module in rising]
        )
        for module, granted_a in zip(rising, granted, strict=True):
            if module.wanted:
                told_a = granted_a if granted_a > module.told_a + STEP_A else module.told_a
                module.want(set_point.voltage_v, told_a, set_point.expires_at_s)
            else:
                self._next_start_at_s = now_s + module.profile.start_stagger_s
                module.want(set_point.voltage_v, granted_a, set_point.expires_at_s)

    def _serving(self) -> list[ModuleTask]:
        return [module for key, module in self._members.items() if key not in self._draining]

    # --- who belongs to it ------------------------------------------------------------------------------------------

    def drain(self, module: ModuleTask) -> None:
        """The module goes off and gets nothing from here on; the others take over what it lets go of.

        OFF is on the wire before this returns. `join` takes it back in. Raises `NotAMember`.
        """
        self._require(module)
        self._draining.add(module.id)
        if module.wanted:
            module.want_off()

    def drained(self, module: ModuleTask) -> bool:
        """Whether a module that is being drained feeds nothing any more: by its own word, or past its own time-out."""
        return module.id in self._draining and not module.wanted and module.carried_current_a(self._clock()) == 0.0

    def leave(self, module: ModuleTask) -> None:
        """The module goes to the pool. Raises `NotAMember`, and `NotDrained` while it may be feeding this connector."""
        self._require(module)
        if not self.drained(module):
            raise NotDrained(f"{module.id} may still be feeding connector {self.connector_id}: drain it first")
        del self._members[module.id]
        self._draining.discard(module.id)
        self._unsubscribe.pop(module.id)()
        self.pool.put(module)
        module.choose_range(None)
        self._add_up()

    def join(self, module: ModuleTask) -> None:
        """The module comes from the pool and gets its share from the next set-point on; on already, it stays so.

        One that is off takes the session's output range first. A member that is being drained is taken back in.
        Raises `NotIdle` for a module of another connector.
        """
        if module.id in self._members:
            self._draining.discard(module.id)
            return
        self.pool.take(module)
        self._admit(module)
        if not module.wanted:
            module.choose_range(self.max_voltage_v)
        self._add_up()

    def _admit(self, module: ModuleTask) -> None:
        self._members[module.id] = module
        self._unsubscribe[module.id] = module.status.subscribe(self._add_up)

    def _require(self, module: ModuleTask) -> None:
        if module.id not in self._members:
            raise NotAMember(f"{module.id} does not belong to connector {self.connector_id}")

    # --- what it measures -------------------------------------------------------------------------------------------

    def _add_up(self) -> None:
        """One module that is not heard costs no measurement: it counts with what it may still be delivering."""
        now_s = self._clock()
        modules = self._members.values()
        signals = [module.status.signal for module in modules]
        known = [
            (signal.value, signal.at_s)
            for signal in signals
            if signal.quality is Quality.GOOD and signal.value is not None
        ]
        if not known:
            if self.output.signal.quality is Quality.GOOD:
                bad = any(signal.quality is Quality.BAD for signal in signals)
                self.output.degrade(Quality.BAD if bad else Quality.STALE)
            return
        on = [(status, at_s) for status, at_s in known if status.on]
        unheard_a = sum(
            module.stray_current_a(now_s) for module in modules if module.status.signal.quality is not Quality.GOOD
        )
        self.output.publish(
            StageOutput(
                voltage_v=max(status.voltage_v for status, _ in on or known),
                current_a=sum(status.current_a for status, _ in known) + unheard_a,  # of those just off, too
                modules_on=len(on),
            ),
            at_s=min(at_s for _, at_s in on or known),
        )


def _capped(rating: StageRating, cap_a: float) -> StageRating:
    return rating if cap_a >= rating.max_current_a else attrs.evolve(rating, max_current_a=cap_a)


def _staggered(modules: Iterable[ModuleTask]) -> bool:
    return any(module.profile.start_stagger_s > 0 for module in modules)
