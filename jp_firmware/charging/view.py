"""What a connector knows at one instant: the inputs of its machine, taken together."""

from __future__ import annotations

import attrs

from jp_firmware.model.connector import EvStatus
from jp_firmware.model.faults import Fault
from jp_firmware.model.power import MeterReading, StageOutput, StageRating
from jp_firmware.model.session import IdToken, StopReason


@attrs.frozen(kw_only=True)
class View:
    """Inputs of one step. What is unknown or too old is None; nothing here is ever a stale number."""

    now_s: float
    ev: EvStatus | None = None
    asked_at_s: float | None = None  # when the car's last demand message came; None where the board does not tell
    output: StageOutput | None = None
    rating: StageRating = attrs.field(factory=StageRating)  # of the modules that feed it now
    reach: StageRating | None = None  # of those and all that could come; None where no module ever moves
    meter: MeterReading | None = None
    assigned_w: float = 0.0  # the planner's word, 0 once it has expired
    faults: tuple[Fault, ...] = ()  # active, at any device this connector depends on; worst first

    @property
    def offerable(self) -> StageRating:
        """What the car may be told to hope for: modules come when it asks for more than those that are there."""
        return self.reach or self.rating

    @property
    def blocking(self) -> tuple[Fault, ...]:
        """Faults that put the connector out of order. Its own are among them, by way of the register like all."""
        return tuple(fault for fault in self.faults if fault.kind.puts_out_of_order)


@attrs.frozen(kw_only=True)
class Wish:
    """Output a connector's machine wants. No wish means modules off."""

    voltage_v: float
    current_a: float


@attrs.frozen
class Failure:
    """Why a stage failed: a code of the fault catalogue, and what was seen."""

    code: str
    detail: str


@attrs.frozen
class Ending:
    """Why a session ends, and what a person should read about it."""

    reason: StopReason
    detail: str = ""
    token: IdToken | None = None  # only if somebody presented one to stop
    failure: Failure | None = None  # a fault of the connector's own that goes with it

    @classmethod
    def by(cls, failure: Failure) -> Ending:
        """A session that ends by a fault of the connector's own."""
        return cls(StopReason.FAULT, f"{failure.code} {failure.detail}", failure=failure)
