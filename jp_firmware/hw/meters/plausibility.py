"""Whether what a meter says can be true. Pure: readings and times in, a verdict out.

Rules

1. Values outside what the meter can measure are no values.
2. The energy register never falls, and never rises faster than the meter's full power allows (jump).
3. While power flows the register must move: once energy worth several of its steps has flowed since it last moved, and
   some seconds have passed, it is frozen. What flows is what the meter says or, if that is more, what the modules say:
   a meter that froze at 0 W gives itself away only by them. Without power a frozen meter cannot be told from a live
   one; there any change of a measured value counts as life, or a meter that has recovered could never say so.
4. A register that jumped and then behaves for a while is a new register (the meter was exchanged or reset): it is taken
   over, so that the charger is of use again. The fault stays on record, and the session it happened in is over.
"""

from __future__ import annotations

import enum
import math

import attrs

from jp_firmware.model.power import MeterReading

FROZEN_STEPS = 5  # register steps' worth of energy without a movement
FROZEN_AT_LEAST_S = 3.0  # several polls, however high the power
MARGIN = 1.2  # on the meter's full power, for jumps
JUMP_SLACK_WH = 20.0  # a reading may be older than its neighbour by a poll or two
IDLE_W = 50.0  # below this nothing worth a register step flows
REBASE_S = 30.0  # of good behaviour after a jump


class Verdict(enum.Enum):
    """What to think of one reading."""

    GOOD = "good"
    IMPOSSIBLE = "outside what the meter can measure"
    JUMPED = "register jumped"
    FROZEN = "register frozen"


@attrs.define(kw_only=True)
class Plausibility:
    """Judges the readings of one meter, in order. Its memory outlives the task that reads."""

    max_voltage_v: float
    max_current_a: float
    max_power_w: float
    energy_step_wh: float = 1.0
    why: str = ""  # the last verdict in words, "" while good

    _last_wh: int | None = None  # the last register accepted
    _last_s: float = 0.0
    _moved_s: float = 0.0  # when the register moved last, or no power flowed
    _unmoved_wh: float = 0.0  # energy that flowed since the register moved
    _seen_s: float = 0.0  # the last reading that was no jump and not impossible
    _power_w: float = 0.0  # in that reading
    _frozen: bool = False
    _measured: tuple[float, float, float] | None = None
    _new_wh: int | None = None  # the register since a jump
    _new_since_s: float = 0.0

    def judge(self, reading: MeterReading, now_s: float, flowing_w: float | None = None) -> Verdict:
        """The verdict on `reading`, taken at `now_s`. `flowing_w`: what somebody else measures, if anybody does."""
        self.why = self._impossible(reading)
        if self.why:
            return Verdict.IMPOSSIBLE
        if self._is_jump(reading.import_wh, now_s) and not self._is_rebased(reading.import_wh, now_s):
            self.why = f"register went from {self._last_wh} Wh to {reading.import_wh} Wh"
            return Verdict.JUMPED
        self._new_wh = None
        frozen = self._is_frozen(reading, now_s, flowing_w)
        self._last_wh, self._last_s = reading.import_wh, now_s
        return Verdict.FROZEN if frozen else Verdict.GOOD

    def _impossible(self, reading: MeterReading) -> str:
        for text, value, limit in (
            ("voltage_v", reading.voltage_v, self.max_voltage_v),
            ("current_a", reading.current_a, self.max_current_a),
            ("power_w", reading.power_w, self.max_power_w),
        ):
            if not math.isfinite(value) or abs(value) > limit:
                return f"{text} reads {value:g}, the meter's limit is {limit:g}"
        return "" if reading.import_wh >= 0 else "import_wh reads no number"

    def _is_jump(self, import_wh: int, now_s: float) -> bool:
        if self._last_wh is None:
            return False
        most_wh = self.max_power_w * MARGIN * (now_s - self._last_s) / 3600 + JUMP_SLACK_WH
        return not 0 <= import_wh - self._last_wh <= most_wh

    def _is_rebased(self, import_wh: int, now_s: float) -> bool:
        """Whether the register has behaved for long enough since it jumped."""
        if self._new_wh is None or import_wh < self._new_wh:
            self._new_since_s = now_s
        self._new_wh = import_wh
        if now_s - self._new_since_s < REBASE_S:
            return False
        self._last_wh = None
        return True

    def _is_frozen(self, reading: MeterReading, now_s: float, flowing_w: float | None) -> bool:
        power_w = max(reading.power_w, flowing_w or 0.0)  # what flows backwards moves another register
        steady_w, self._power_w = min(power_w, self._power_w), power_w  # it may have begun just now
        measured = (reading.voltage_v, reading.current_a, reading.power_w)
        alive = power_w < IDLE_W and measured != self._measured
        self._measured = measured
        if reading.import_wh != self._last_wh or alive:
            self._moved_s, self._unmoved_wh, self._frozen = now_s, 0.0, False
        elif steady_w >= IDLE_W:
            self._unmoved_wh += steady_w * (now_s - self._seen_s) / 3600
        elif not self._frozen:
            self._moved_s = now_s
        self._seen_s = now_s
        expected = self._unmoved_wh >= FROZEN_STEPS * self.energy_step_wh
        self._frozen |= expected and now_s - self._moved_s >= FROZEN_AT_LEAST_S
        if self._frozen:
            self.why = (
                f"register stands at {reading.import_wh} Wh while {self._unmoved_wh:.0f} Wh flowed "
                f"in {now_s - self._moved_s:.0f} s"
            )
        return self._frozen
