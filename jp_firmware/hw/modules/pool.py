"""The modules that feed no connector at present. Each module is a stage's or the pool's, never both and never neither.

A module changes hands by `Stage.drain`, `Stage.leave` (to the pool) and `Stage.join` (from the pool) and in no other
way. What relays have to do with it is the business of whoever moves modules; the pool knows none.
"""

from __future__ import annotations

from collections.abc import Sequence

import attrs

from jp_firmware.hw.modules.module import ModuleTask
from jp_firmware.model.ids import ModuleId

PRECHARGE_A = 2.0
"""Most that an idle module is ever set to: enough to bring the few µF of its own output to a voltage (ours, after the
2 A that IEC 61851-23 allows while a cable is precharged)."""


class NotIdle(Exception):
    """A module was to be taken from the pool, or driven by it, that belongs to a connector."""


@attrs.define(eq=False)
class Pool:
    """The idle modules. All of it is synchronous."""

    _idle: dict[ModuleId, ModuleTask] = attrs.field(factory=dict)

    @property
    def members(self) -> Sequence[ModuleTask]:
        return tuple(self._idle.values())

    def __contains__(self, module: ModuleTask) -> bool:
        return module.id in self._idle

    def precharge(
        self, module: ModuleTask, voltage_v: float, expires_at_s: float, current_a: float = PRECHARGE_A
    ) -> None:
        """Brings an idle module's own output to `voltage_v` before its relay closes, until the order expires.

        A lease like any set-point: not renewed, the module goes off by itself. A module that is not usable, or whose
        range is being changed, goes off too. Raises `NotIdle` for a module of a connector.
        """
        self._require(module)
        module.want(voltage_v, min(current_a, PRECHARGE_A), expires_at_s)

    def off(self) -> None:
        """All idle modules off: their frames are on the wire before this returns, where it is up. Never raises."""
        for module in self._idle.values():
            module.want_off()

    def take(self, module: ModuleTask) -> None:
        """For `Stage.join`: the module belongs to a connector from here on."""
        self._require(module)
        del self._idle[module.id]

    def put(self, module: ModuleTask) -> None:
        """For `Stage.leave`: the module is nobody's from here on, and free to take any range."""
        self._idle[module.id] = module

    def _require(self, module: ModuleTask) -> None:
        if module.id not in self._idle:
            raise NotIdle(f"{module.id} is not idle: it belongs to a connector")
