"""A yard with a bus-bar in a ring, and the electricity of its ties: pieces of copper, each at one voltage.

1 ─ a ─ b ─ 2 ─ c ─ (1)      a: module 1; b: modules 2 and 3; c: module 4; modules 8 and 9 stand at 1 and 2 for good
"""

from __future__ import annotations

import math

import attrs

from jp_firmware.model.ids import ConnectorId, ModuleId
from jp_firmware.planner.topology import BusBar, Feed, Relay, Segment
from jp_firmware.planner.world import BarState, World
from jp_firmware.planner.yard import Yard
from tests.planner.yard_rig import BLEED_S, LEFT, ONE, RATING, RIGHT, STEP_S, TWO, Contact, Rack, Rig, module

TIES = (Relay(LEFT, 3), Relay(LEFT, 4), Relay(RIGHT, 3), Relay(RIGHT, 4), Relay(LEFT, 5))
ONE_A, A_B, B_TWO, TWO_C, C_ONE = TIES
FIXED = {module(8): ONE, module(9): TWO}
DELIVERS_A = 30.0
SEEN_S = 10.0  # longer than a weld check and a match: who was live for so long could be seen

RING = BusBar(
    name="ring",
    segments=(
        Segment(modules=(module(8),), connector=ONE, tie=ONE_A),
        Segment(modules=(module(1),), tie=A_B),
        Segment(modules=(module(2), module(3)), tie=B_TWO),
        Segment(modules=(module(9),), connector=TWO, tie=TWO_C),
        Segment(modules=(module(4),), tie=C_ONE),
    ),
)


@attrs.define(eq=False)
class RingRig(Rig):
    """As the rig of switched modules; what it holds against the yard are the pieces of copper that contacts make."""

    live_since_s: dict[ConnectorId, float] = attrs.field(factory=dict)

    def __attrs_post_init__(self) -> None:
        modules = [one for segment in RING.segments for one in segment.modules]
        self.yard = Yard({one: Feed(id=one, rating=RATING, ways=()) for one in modules}, {}, self.terms, (RING,))
        self.contacts = {relay: Contact() for relay in TIES}
        self.racks = {one: Rack(said_at_s=self.now_s) for one in modules}
        self.member_of = dict.fromkeys(modules) | FIXED

    def idle(self, number: int) -> None:
        """Whatever has joined it goes, as when nobody wants it."""
        assert self.begin(number, None, counts=False) == ""
        self.settle()

    # --- copper -----------------------------------------------------------------------------------------------------

    def pieces(self, without: Relay | None = None) -> list[set[int]]:
        """Segments that are one piece of copper, by their contacts."""
        found: list[set[int]] = [{at} for at in range(len(RING.segments))]
        for tie, start, end in RING.ties:
            if self.contacts[tie].closed and tie != without:
                one = next(piece for piece in found if start in piece)
                other = next(piece for piece in found if end in piece)
                if one is not other:
                    one |= other
                    found.remove(other)
        return found

    def host_of(self, one: ModuleId, without: Relay | None = None) -> ConnectorId | None:
        """The connector on whose copper a module stands."""
        at = next(nth for nth, segment in enumerate(RING.segments) if one in segment.modules)
        piece = next(piece for piece in self.pieces(without) if at in piece)
        return next((RING.segments[nth].connector for nth in sorted(piece) if RING.segments[nth].connector), None)

    # --- crimes -----------------------------------------------------------------------------------------------------

    def _judge_together(self, closed: frozenset[Relay]) -> None:
        for joined in RING.joined(closed):
            self.crimes.append(f"told to join connectors {sorted(joined)}: {sorted(closed)}")

    def _judge_close(self, relay: Relay, world: World) -> None:
        place = next(one for one in self.yard.groups if one.move and relay in one.move.switches)
        assert place.move
        assert place.move.new
        for other in place.own:
            if other != relay and not world.is_open(other):
                self.crimes.append(f"{relay} told to close while {other} does not read open")
        to = place.move.new.connector
        for host in {self.host_of(one) for one in place.modules} - {to, None}:
            if host is not None and self.now_s - self.live_since_s.get(host, self.now_s) > SEEN_S:
                self.crimes.append(f"{relay} told to close for connector {to} on what stands at connector {host}")
        bar_v = self.bars[to].voltage_v
        for rack in (self.racks[one] for one in place.modules):
            if rack.current_a >= 1.0:
                self.crimes.append(f"{relay} told to close under {rack.current_a:.1f} A")
            if abs(rack.voltage_v - bar_v) >= 10.0 + 1.0 and not rack.silent and not rack.dead:
                self.crimes.append(f"{relay} told to close at {rack.voltage_v:.0f} V onto {bar_v:.0f} V")

    def _judge_open(self, relay: Relay) -> None:
        if not self.contacts[relay].closed:
            return
        for one, rack in self.racks.items():
            if rack.current_a >= 1.0 and self.host_of(one) != self.host_of(one, without=relay):
                self.crimes.append(f"{relay} told to open under {rack.current_a:.1f} A of {one}")

    def _move_contacts(self) -> None:
        super()._move_contacts()
        for connector, bar in self.bars.items():
            if bar.state is BarState.LIVE:
                self.live_since_s.setdefault(connector, self.now_s)
            else:
                self.live_since_s.pop(connector, None)
        honest = {relay for relay, one in self.contacts.items() if one.closed and one.lies is None}
        for joined in RING.joined(honest):
            self.crimes.append(f"contacts join connectors {sorted(joined)}")

    def _on_bridge(self) -> tuple[tuple[ModuleId, ConnectorId], ...]:
        return ()

    # --- electricity ------------------------------------------------------------------------------------------------

    def _flow(self) -> None:
        for bar in self.bars.values():
            if bar.state is not BarState.LIVE:
                bar.voltage_v *= math.exp(-STEP_S / BLEED_S)
        for piece in self.pieces():
            modules = [one for at in sorted(piece) for one in RING.segments[at].modules]
            host = next((RING.segments[at].connector for at in sorted(piece) if RING.segments[at].connector), None)
            self._stand(modules, host)
        for rack in self.racks.values():
            if not rack.silent:
                rack.said_v, rack.said_a, rack.said_at_s = rack.voltage_v, rack.current_a, self.now_s
                rack.said_off = rack.told_v is None and rack.serving is None and rack.current_a == 0.0

    def _stand(self, modules: list[ModuleId], host: ConnectorId | None) -> None:
        """One piece of copper takes the voltage of a live connector, or of the highest module that is on."""
        racks = [self.racks[one] for one in modules]
        live = host is not None and self.bars[host].state is BarState.LIVE
        stands_v = max(rack.voltage_v for rack in racks)
        told_v = [rack.told_v for rack in racks if rack.told_v is not None and not rack.dead]
        if host is not None and live:
            stands_v = self.bars[host].voltage_v
        elif told_v:
            stands_v += max(-100.0, min(100.0, max(told_v) - stands_v))
        else:
            stands_v *= math.exp(-STEP_S / BLEED_S)
        for rack in racks:
            on = rack.serving is not None or (rack.deaf and rack.current_a > 0)
            rack.current_a = DELIVERS_A if on and live and host == (rack.serving or host) else 0.0
            if host is not None and live and rack.told_v is not None and rack.told_v > self.bars[host].voltage_v:
                rack.current_a = 2.0
            rack.voltage_v = stands_v
