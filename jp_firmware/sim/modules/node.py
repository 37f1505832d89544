"""What every emulated module on a CAN bus has in common, whatever its family: orders obeyed and marked, misbehaviour.

A family adds its words: `hear` takes each frame on the bus and says what the module answers, `speak` what it says by
itself. Nothing here knows an adapter or a tty.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import attrs

from jp_firmware.hw.can.frame import Frame
from jp_firmware.sim.bus import Bus
from jp_firmware.sim.marks import Marks
from jp_firmware.sim.misbehaviour import Misbehaviour
from jp_firmware.sim.module import Module


@attrs.define(eq=False, kw_only=True)
class ModuleNode:
    """One module on a CAN bus. `peers` are all modules of its family on the same wire, itself included."""

    module: Module
    bus: Bus
    address: int
    marks: Marks
    profile: str = ""  # of its type, for families that are described there
    peers: Sequence[Any] = attrs.field(default=(), repr=False)  # each of them names all of them
    misbehaviour: Misbehaviour = attrs.field(factory=Misbehaviour)
    stuck_on: bool = False  # hears OFF, answers as ever, and stays on; its own time-out works
    last_off_at_s: float | None = None  # of OFF frames, whether the module was on or not
    last_set_at_s: float | None = None
    last_answer_at_s: float | None = None
    _said_off: bool = True
    _corrupted: int = 0
    _random: random.Random = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self._random = random.Random(self.address)

    def hear(self, frame: Frame, now_s: float) -> list[Frame]:
        """One frame of somebody else on the bus: what the module answers."""
        raise NotImplementedError

    def speak(self, now_s: float) -> list[Frame]:
        """What it says unasked, since the last call. Called at each step of the physics."""
        del now_s
        return []

    # --- orders -----------------------------------------------------------------------------------------------------

    def switch_off(self, now_s: float) -> None:
        self.last_off_at_s = now_s
        # Each of them, not only the first: when OFF was on the wire is what benchmarks ask.
        self.marks.add(self.module.id, "off", {"was_on": self.module.on}, at_s=now_s)
        self._said_off = True
        if not self.stuck_on:
            self.module.switch_off()

    def switch_on(self, now_s: float) -> None:
        """Raises `StartingUp`."""
        if self._said_off or not self.module.on:
            self.marks.add(self.module.id, "on", at_s=now_s)
        self._said_off = False
        self.module.switch_on(now_s)

    def set_output(self, voltage_v: float, current_a: float, now_s: float) -> None:
        """A set-point for this module alone. Raises `Refused` or `StartingUp`."""
        before = self._set_point
        self.last_set_at_s = now_s
        self.module.set_output(voltage_v, current_a, now_s)
        self._mark_set_point(before, now_s)

    def set_voltage(self, voltage_v: float, now_s: float) -> None:
        """One half of a set-point, of families that have them apart. Raises `Refused` or `StartingUp`."""
        before = self._set_point
        self.last_set_at_s = now_s
        self.module.set_voltage(voltage_v, now_s)
        self._mark_set_point(before, now_s)

    def set_current(self, current_a: float, now_s: float) -> None:
        """The other half."""
        before = self._set_point
        self.last_set_at_s = now_s
        self.module.set_current(current_a, now_s)
        self._mark_set_point(before, now_s)

    @property
    def _set_point(self) -> tuple[float | None, float | None]:
        return self.module.set_voltage_v, self.module.set_current_a

    def _mark_set_point(self, before: tuple[float | None, float | None], now_s: float) -> None:
        """Once both halves are known, each change of one."""
        voltage_v, current_a = self._set_point
        if (voltage_v, current_a) != before and None not in (voltage_v, current_a):
            self.marks.add(self.module.id, "set-point", {"voltage_v": voltage_v, "current_a": current_a}, at_s=now_s)

    def refuse(self, what: object, now_s: float) -> None:
        """Leaves a mark of what it would not do."""
        self.marks.add(self.module.id, "refused", what, at_s=now_s)

    # --- answers ----------------------------------------------------------------------------------------------------

    def measured(self) -> tuple[float, float]:
        """Voltage and current as the module's own converter sees them: the last digits are noise (ours)."""
        voltage_v, current_a = self.module.voltage_v, self.module.current_a
        noise = self._random.uniform
        return (
            max(0.0, voltage_v + noise(-0.02, 0.02)) if voltage_v > 1 else voltage_v,
            max(0.0, current_a + noise(-0.01, 0.01)) if current_a > 0.1 else current_a,
        )

    def said(self, data: bytes, now_s: float) -> bytes | None:
        """`data` as it leaves the module: None if it is silent, damaged if it is to be.

        A CAN controller drops frames with a wrong checksum, so what can reach a driver is a wrong length or an
        impossible value; both come by turns.
        """
        if self.misbehaviour.silent:
            return None
        if self.misbehaviour.corrupt:
            self._corrupted += 1
            data = data[:5] if self._corrupted % 2 else b"\xff" * 8
        self.last_answer_at_s = now_s
        return data


@attrs.define(eq=False)
class ModuleBus:
    """All modules on one CAN wire, of one family or of several."""

    nodes: Sequence[ModuleNode]

    def __attrs_post_init__(self) -> None:
        for node in self.nodes:
            node.peers = [one for one in self.nodes if type(one) is type(node)]

    def hear(self, frame: Frame, now_s: float) -> list[Frame]:
        """One frame from a controller: what the modules answer, in the order of their addresses."""
        return [answer for node in self.nodes for answer in node.hear(frame, now_s)]

    def speak(self, now_s: float) -> list[Frame]:
        """What the modules say by themselves, since the last call."""
        return [frame for node in self.nodes for frame in node.speak(now_s)]
