"""The modules of one connector as one supply: a set-point divided among them, their outputs added up.

Fulfils `charging.ports.PowerStage`. It owns no wire and no time: modules send, and modules are watched by the tree.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import attrs
import trio

from jp_firmware.hw.modules.module import ModuleTask
from jp_firmware.model.ids import ConnectorId
from jp_firmware.model.power import SetPoint, StageOutput, StageRating
from jp_firmware.model.signals import Quality, Source

JOIN_FACTOR = 1.5
"""A module that is off joins only when its share is this many times its smallest current; so none toggles (ours)."""


@attrs.frozen(kw_only=True)
class Member:
    """One module as `split` sees it."""

    rating: StageRating
    min_current_a: float
    on: bool


def split(voltage_v: float, current_a: float, members: Sequence[Member]) -> list[float]:
    """Each member's current at `voltage_v`, in the order of `members`; 0 means off.

    In proportion to what each can deliver there, so that no limit is exceeded and the sum never exceeds `current_a`,
    with one exception: below the smallest current of a module one of them delivers that. When the current is too
    small for all, fewer deliver, and those that are on already stay.
    """
    shares = [0.0] * len(members)
    able = [index for index, member in enumerate(members) if member.rating.current_limit_a(voltage_v) > 0]
    order = sorted(able, key=lambda index: not members[index].on)
    if current_a <= 0 or not order:
        return shares
    for count in range(len(order), 0, -1):
        limits = {index: members[index].rating.current_limit_a(voltage_v) for index in order[:count]}
        each = min(1.0, current_a / sum(limits.values()))
        if count == 1 or all(limit * each >= _least(members[index]) for index, limit in limits.items()):
            for index, limit in limits.items():
                shares[index] = max(limit * each, members[index].min_current_a)
            break
    return shares


def _least(member: Member) -> float:
    return member.min_current_a * (1.0 if member.on else JOIN_FACTOR)


@attrs.define(eq=False)
class Stage:
    """One connector's modules. Fulfils `PowerStage`."""

    connector_id: ConnectorId
    modules: Sequence[ModuleTask]
    _clock: Callable[[], float] = trio.current_time
    output: Source[StageOutput] = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self.output = Source(owner=f"connector-{self.connector_id}")
        for module in self.modules:
            module.status.subscribe(self._add_up)

    @property
    def rating(self) -> StageRating:
        """What the usable modules can do together: the voltages that all of them can, currents and powers added."""
        ratings = [module.rating for module in self.modules if module.usable]
        if not ratings:
            return StageRating()
        return StageRating(
            max_voltage_v=min(rating.max_voltage_v for rating in ratings),
            min_voltage_v=max(rating.min_voltage_v for rating in ratings),
            max_current_a=sum(rating.max_current_a for rating in ratings),
            max_power_w=sum(rating.max_power_w for rating in ratings),
        )

    def apply(self, set_point: SetPoint) -> None:
        """Divides `set_point` among the usable modules; those not needed go off, before any other is raised.

        What a module delivers against orders, or may deliver unheard, is held back from the others. A current of 0 is
        off.
        """
        stray_a = sum(module.stray_current_a(self._clock()) for module in self.modules)
        usable = [module for module in self.modules if module.usable]
        members = [
            Member(rating=module.rating, min_current_a=module.profile.min_current_a, on=module.wanted)
            for module in usable
        ]
        shares = split(set_point.voltage_v, set_point.current_a - stray_a, members)
        for module in self.modules:
            if module.wanted and not any(module is one and share for one, share in zip(usable, shares, strict=True)):
                module.want_off()
        for module, share_a in zip(usable, shares, strict=True):
            if share_a:
                module.want(set_point.voltage_v, share_a, set_point.expires_at_s)

    def off(self) -> None:
        """All modules off: their frames are on the wire before this returns, where it is up. Never raises."""
        for module in self.modules:
            module.want_off()

    def _add_up(self) -> None:
        """One module that is not heard costs no measurement: it counts with what it may still be delivering."""
        now_s = self._clock()
        signals = [module.status.signal for module in self.modules]
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
            module.stray_current_a(now_s) for module in self.modules if module.status.signal.quality is not Quality.GOOD
        )
        self.output.publish(
            StageOutput(
                voltage_v=max(status.voltage_v for status, _ in on or known),
                current_a=sum(status.current_a for status, _ in known) + unheard_a,  # of those just off, too
                modules_on=len(on),
            ),
            at_s=min(at_s for _, at_s in on or known),
        )
