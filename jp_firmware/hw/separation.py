"""Keeps connectors apart that relays can join: should two ever be, both are off in the step that shows it.

It looks at what the boards say of their free relays and at nothing else: neither at what they were told, nor at who is
in a session, so that it holds while modules move, while nobody moves them, and at the start. It refuses to know why.

Rules

1. A relay is closed when its board says so, and until the board says that it is open: silence unsays nothing.
2. Joined connectors have CON-06, which ends their sessions and lets none begin, and their modules are off, in the step
   that takes the answer of the board that shows it. A connector of another board waits for no answer of its own.
3. It clears when the relays part them; who has tested the relays then releases it.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import attrs

from jp_firmware.charging.ports import FaultSink
from jp_firmware.hw.modules.stage import Stage
from jp_firmware.hw.plc.driver import BoardTask
from jp_firmware.model.ids import ConnectorId, PlcId
from jp_firmware.model.signals import Quality
from jp_firmware.planner.joints import joints
from jp_firmware.planner.orders import named
from jp_firmware.planner.topology import Relay, Topology

JOINED = "CON-06"


@attrs.define(eq=False, kw_only=True)
class Separation:
    """Listens to all boards of a cabinet. All of it is synchronous."""

    topology: Topology
    boards: Mapping[PlcId, BoardTask]
    stages: Mapping[ConnectorId, Stage]
    faults: FaultSink
    _closed: dict[PlcId, frozenset[Relay]] = attrs.field(init=False, factory=dict)  # as each board said last
    _joined: Mapping[ConnectorId, str] = attrs.field(init=False, factory=dict)  # and by what, for people

    def __attrs_post_init__(self) -> None:
        for key, board in self.boards.items():
            board.status.subscribe(partial(self._heard, key))

    def _heard(self, key: PlcId) -> None:
        signal = self.boards[key].status.signal
        if signal.quality is not Quality.GOOD or signal.value is None:
            return
        closed = frozenset(Relay(key, number) for number, is_closed in enumerate(signal.value.relays, 1) if is_closed)
        if closed != self._closed.get(key):
            self._closed[key] = closed
            self._judge()

    def _judge(self) -> None:
        before, self._joined = self._joined, self._joints()
        for connector, why in self._joined.items():
            self.faults.raise_(JOINED, f"connector-{connector}", why)  # whose runner looks at it in this call
            self.stages[connector].off()
        for connector in before.keys() - self._joined.keys():
            self.faults.clear(JOINED, f"connector-{connector}")

    def _joints(self) -> Mapping[ConnectorId, str]:
        found: dict[ConnectorId, list[str]] = {}
        for joint in joints(self.topology, frozenset().union(*self._closed.values())):
            for connector in sorted(joint.connectors):
                others = " and ".join(str(one) for one in sorted(joint.connectors - {connector}))
                found.setdefault(connector, []).append(f"joined with connector {others} by {named(joint.relays)}")
        return {connector: "; ".join(dict.fromkeys(whys)) for connector, whys in found.items()}
