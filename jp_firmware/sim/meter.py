"""An emulated DC meter: an Acrel DJSF1352-RN that integrates what its connector's bus delivers.

It has an accumulator of its own, a float inside and whole Wh in its register, and fills its register map on demand.
No transport here, and no other meter type.

Source of the map: Acrel DJSF1352-RN register list as public drivers use it, confirmed by captured frames.
"""

from __future__ import annotations

import math
import random
import struct

import attrs

from jp_firmware.model.ids import ConnectorId, MeterId
from jp_firmware.sim.bus import Bus
from jp_firmware.sim.misbehaviour import Misbehaviour

REGISTERS = 56  # 0 to 55

_DECIMALS_V = 3  # of a 1000 V / 250 A meter: 1 V, 0.1 A and 100 W a count (captured frames)
_DECIMALS_A = 2
_DECIMALS_W = 5
_RATED_A = 250
_BROKEN_WIRE = "broken-wire"

ALARMS = (_BROKEN_WIRE,)


@attrs.define(eq=False, kw_only=True)
class Meter:
    """One meter. `start_wh` is its register when the emulation begins: meters are never at zero."""

    id: MeterId
    unit: int
    connector: ConnectorId
    bus: Bus
    start_wh: int
    misbehaviour: Misbehaviour = attrs.field(factory=Misbehaviour)
    alarms: set[str] = attrs.field(factory=set)
    energy_wh: float = 0.0  # since the start, exact
    last_answer_at_s: float | None = None
    _frozen: list[int] | None = None
    _random: random.Random = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self._random = random.Random(self.unit)

    def step(self, dt_s: float) -> None:
        """Integrates one step of the bus. Freezing concerns what it says, not what it counts."""
        self.energy_wh += self.bus.voltage_v * self.bus.current_a * dt_s / 3600

    @property
    def register_wh(self) -> int:
        """The energy register: whole Wh, never re-based."""
        return self.start_wh + math.floor(self.energy_wh)

    def registers(self) -> list[int]:
        """Registers 0 to 55 as they read now."""
        if self.misbehaviour.frozen and self._frozen is not None:
            return self._frozen
        self._frozen = self._measure()
        return self._frozen

    def _measure(self) -> list[int]:
        voltage_v, current_a = self.bus.voltage_v, self.bus.current_a
        # The last digits of a live meter never rest, not even at zero: how a frozen one can be told from it.
        voltage_v = abs(voltage_v + self._random.uniform(-0.02, 0.02))
        power_w = voltage_v * current_a
        registers = [0] * REGISTERS
        registers[0] = round(voltage_v / 10 ** (_DECIMALS_V - 3))
        registers[1] = _DECIMALS_V
        registers[2] = round(current_a / 10 ** (_DECIMALS_A - 3)) & 0xFFFF
        registers[3] = _DECIMALS_A
        registers[4] = int(_BROKEN_WIRE in self.alarms)
        registers[5] = 325  # 0.1 C
        registers[8] = round(power_w / 10 ** (_DECIMALS_W - 3)) & 0xFFFF
        registers[9] = _DECIMALS_W
        registers[12:14] = divmod(self.register_wh & 0xFFFF_FFFF, 0x1_0000)
        registers[16] = 1
        registers[17] = _RATED_A
        registers[35] = 103
        registers[50:56] = struct.unpack(">6H", struct.pack(">3f", voltage_v, current_a, power_w / 1000))
        return registers
