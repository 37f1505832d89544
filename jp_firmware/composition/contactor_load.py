"""The contactors between modules and one connector, in the composition: what they cannot carry is given to nobody.

The stage asks for it with each set-point, so that no contactor carries too much for a moment; what that leaves of the
connector's power is a limit in the contactor's name.
"""

from __future__ import annotations

from collections.abc import Mapping

import attrs
import trio

from jp_firmware.charging.runner import ConnectorRunner
from jp_firmware.hw.modules.stage import Stage
from jp_firmware.hw.switching import Switching
from jp_firmware.model.ids import ModuleId
from jp_firmware.model.limits import Limit
from jp_firmware.planner.carrying import Carried, carried, contactor_limit
from jp_firmware.planner.derating import is_news
from jp_firmware.planner.limits import LimitBook


@attrs.define(eq=False)
class ContactorLoad:
    """One connector's."""

    runner: ConnectorRunner
    stage: Stage
    switching: Switching
    limits: LimitBook
    _limit: Limit | None = None  # in the book

    def __attrs_post_init__(self) -> None:
        self.stage.caps_a = lambda gives_a: self._carried(gives_a).caps_a
        self.stage.output.subscribe(self.look)

    def look(self) -> None:
        """The limit that is in force when this returns is that of the modules and the voltage that there are now."""
        now_s, terms = trio.current_time(), self.runner.machine.limits
        output = self.stage.output.fresh(now_s, terms.measurement_s)
        if output is None:
            return
        limit, last = None, self._limit
        if output.modules_on and output.voltage_v > terms.safe_voltage_v:
            held = self._carried(self.stage.gives_a(output.voltage_v))
            limit = contactor_limit(self.runner.name, held, output.voltage_v)
        same = limit is not None and last is not None and limit.owner == last.owner
        if limit and (not same or last is None or is_news(limit, last, now_s)):
            self._limit = limit
            self.limits.set(limit)
        elif limit is None:
            self._limit = None
        if last and not same:
            self.limits.lift(last.owner, last.scope)

    def _carried(self, gives_a: Mapping[ModuleId, float]) -> Carried:
        places = self.switching.yard.places
        ways = {module: places[module].hangs_by for module in gives_a if module in places}
        over = {module: way.relays for module, way in ways.items() if way}
        return carried(gives_a, over, self.switching.yard.carrying, self.runner.connector_id)
