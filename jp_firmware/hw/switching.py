"""The task that moves modules: it looks at relays, modules and bus-bars, asks the yard, and carries out what it orders.

The only writer of the boards' free relays. What may be moved, and in which order, is decided in `planner.moves` and
`planner.yard`; who shall be where is another's wish (`request`).

Rules

1. Modules are told before relays: what lets go of a bus-bar is drained or off before a relay hears of it.
2. A board that is not heard, or in a mode in which its free relays fall open, counts as open relays: the modules behind
   it are off in the step that notices it, synchronously, and become idle. The board opens by itself 1 s later.
3. At the start every free relay is open: the first exchange with a board says so, and no move begins before each relay
   of its module has been confirmed open. Then modules go home, to the connector that the configuration gives them.
4. Frozen (stopped, stuck, or failed), no relay closes any more: modules between two connectors are off, all others stay
   as they are, and the boards' own interlocks hold.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Collection, Mapping
from contextlib import ExitStack
from functools import partial

import attrs
import trio

from jp_firmware.charging.ports import FaultSink
from jp_firmware.config.schema import Cabinet
from jp_firmware.hw.modules.module import ModuleTask
from jp_firmware.hw.modules.pool import Pool
from jp_firmware.hw.modules.stage import Stage
from jp_firmware.hw.plc.driver import BoardTask
from jp_firmware.hw.seeing import Seeing
from jp_firmware.model.ids import ConnectorId, ModuleId, PlcId
from jp_firmware.model.signals import Source
from jp_firmware.nursery.bell import Bell
from jp_firmware.nursery.supervisor import Lifeline
from jp_firmware.planner.moves import Move
from jp_firmware.planner.orders import LOCKED_OUT, NOT_MOVED, Phase
from jp_firmware.planner.places import Place
from jp_firmware.planner.topology import Assignment, Relay
from jp_firmware.planner.wiring import homes_of, topology_of
from jp_firmware.planner.world import BoardSeen, Terms, World
from jp_firmware.planner.yard import Yard

log = logging.getLogger(__name__)

PERIOD_S = 0.1  # ours: looks at least so often; news of boards and modules bring it earlier
PRECHARGE_LEASE_S = 1.0  # ours: a precharge that is not renewed for ten looks ends with the module off


class Frozen(Exception):
    """The task was made safe from outside while it was running."""


@attrs.frozen(kw_only=True)
class PlaceReport:
    """Where a module is, and what happens to it."""

    at: ConnectorId | None  # confirmed, and counted there
    going_to: ConnectorId | None = None
    phase: str = ""  # of the move under way
    since_s: float = -math.inf  # of that phase
    locked_out: str = ""
    problem: str = ""  # of its last move
    waits_for: str = ""  # why a move that is wanted has not begun


@attrs.frozen(kw_only=True)
class SwitchingReport:
    """All switched modules."""

    places: Mapping[ModuleId, PlaceReport] = attrs.field(factory=dict)
    moves: int = 0  # that joined or left a connector since the start
    failed: int = 0  # that met a problem


@attrs.define(eq=False, kw_only=True)
class Switching:
    """Moves modules. `run`, `safe_now` and `safe` are for the tree; all else is synchronous."""

    yard: Yard
    modules: Mapping[ModuleId, ModuleTask]
    stages: Mapping[ConnectorId, Stage]
    pool: Pool
    boards: Mapping[PlcId, BoardTask]
    seeing: Seeing
    faults: FaultSink
    target: dict[ModuleId, ConnectorId | None] = attrs.field(factory=dict)
    noted: Callable[[ModuleId, str], None] = lambda _module, _text: None  # each end of a move, for the journal
    report: Source[SwitchingReport] = attrs.field(init=False)
    _bell: Bell = attrs.field(init=False, factory=Bell)
    _running: bool = attrs.field(init=False, default=False)
    _looking: bool = attrs.field(init=False, default=False)
    _defect: Exception | None = attrs.field(init=False, default=None)
    _refused: dict[ModuleId, str] = attrs.field(init=False, factory=dict)
    _went_home: set[ModuleId] = attrs.field(init=False, factory=set)
    _closed: frozenset[Relay] = attrs.field(init=False, default=frozenset())  # relays, as commanded last
    _contained: frozenset[Relay] = attrs.field(init=False, default=frozenset())  # the same: of those PLC-06 is enough
    _told: dict[PlcId, BoardSeen] = attrs.field(init=False, factory=dict)  # what each board said last of its relays
    _count: int = attrs.field(init=False, default=0)
    _failed: int = attrs.field(init=False, default=0)

    @classmethod
    def of(
        cls,
        cabinet: Cabinet,
        modules: Mapping[ModuleId, ModuleTask],
        stages: Mapping[ConnectorId, Stage],
        pool: Pool,
        boards: Mapping[PlcId, BoardTask],
        faults: FaultSink,
    ) -> Switching:
        """The modules that have switches must be in the pool. They go home first."""
        topology = topology_of(cabinet, {key: module.profile.rating for key, module in modules.items()})
        return cls(
            yard=Yard(
                {feed.id: feed for feed in topology.feeds},
                topology.bridges,
                terms_of(cabinet),
                topology.bus_bars,
                topology.carrying,
            ),
            modules=modules,
            stages=stages,
            pool=pool,
            boards=boards,
            seeing=Seeing(
                modules=modules,
                stages=stages,
                boards=boards,
                ev_links={key: link for board in boards.values() for key, link in board.connectors.items()},
            ),
            faults=faults,
            target=dict(homes_of(cabinet)),
        )

    def __attrs_post_init__(self) -> None:
        self.report = Source("switching")
        self.report.publish(SwitchingReport(), 0.0)
        for key, board in self.boards.items():
            board.status.subscribe(partial(self._board_heard, key))

    # --- what others read and ask -----------------------------------------------------------------------------------

    @property
    def place_of(self) -> Mapping[ModuleId, ConnectorId | None]:
        """Where each switched module is, by its relay's feedback; None while it is idle or between two."""
        return {key: place.at if place.move is None else None for key, place in self.yard.places.items()}

    def configure(self, cabinet: Cabinet) -> None:
        """Other rules of how long a module stays, and how often it moves. A move under way goes on."""
        self.yard.terms = terms_of(cabinet)

    def request(self, assignment: Assignment) -> None:
        """Who shall be where from now on. Modules that it does not name stay where they are wanted.

        A move under way that no longer leads where it should is cancelled; others begin as soon as they may.
        """
        for module, to in assignment.items():
            place = self.yard.places.get(module)
            self.target.update(dict.fromkeys(place.modules if place else (), to))
        self._bell.ring()

    def depending_on(self, boards: Collection[PlcId]) -> frozenset[ModuleId]:
        """Modules that are connected over a relay of one of these boards, or may be at any moment."""
        return frozenset(
            key for key, place in self.yard.places.items() if any(relay.board in boards for relay in place.concerned)
        )

    def assign(self, module: ModuleId, to: ConnectorId | None) -> str:
        """One module, by hand: begins the move now, or says why it may not begin. With it goes its whole segment."""
        if not self._running:
            return "the switching of modules is not running"
        refusal = self.yard.begin(module, to, self._world(trio.current_time()))
        if not refusal:
            self.target.update(dict.fromkeys(self.yard.places[module].modules, to))
            self.look()
        return refusal

    def release(self, module: ModuleId) -> str:
        """Somebody has tested the relays of a module that was locked out. Why it stays so, or ""."""
        refusal = self.yard.release(module, self._world(trio.current_time()))
        if not refusal:
            for each in self.yard.places[module].modules:
                for code in (LOCKED_OUT, NOT_MOVED):
                    self.faults.clear(code, each)
            self.look()
        return refusal

    # --- the tree -----------------------------------------------------------------------------------------------------

    async def run(self, lifeline: Lifeline) -> None:
        """Looks and moves, until cancelled. However it ends, modules between two connectors are off in that step."""
        with ExitStack() as stack:
            stack.callback(self.safe_now)
            for module in self.yard.places:
                stack.callback(self.modules[module].status.subscribe(self._bell.ring))
            self._running = True
            self._defect = None
            for move in self.yard.moves:
                move.lose(
                    self._world(trio.current_time()),
                    "the part of the controller that moves modules began anew",
                )
            while True:
                self.look()
                if self._defect:
                    raise self._defect
                if not self._running:
                    raise Frozen("was told to move nothing any more")
                lifeline.ready()
                with trio.move_on_after(PERIOD_S):
                    await self._bell.wait()

    def safe_now(self) -> None:
        """Modules between two connectors go off, and no relay closes from here on. Synchronous, never raises."""
        self._running = False
        closing: set[Relay] = set()
        for place in self.yard.groups:
            if place.move:
                self._off(place)
                if place.move.phase is Phase.CLOSE:  # a module that is off would not be at that voltage when it closes
                    closing |= place.move.switches
        if closing:
            self._command(self._closed - closing, self._contained)
        self._bell.ring()  # the task ends

    async def safe(self) -> None:
        """The same. Modules repeat their OFF by themselves until they confirm it."""
        self.safe_now()

    # --- looking ------------------------------------------------------------------------------------------------------

    def look(self) -> None:
        """One look at everything, and what follows from it at once. Safe to call from any listener.

        A defect in it is the task's: modules between two connectors go off, and `run` raises it.
        """
        if self._looking:
            self._bell.ring()
        if self._looking or not self._running:
            return
        self._looking = True
        try:
            self._look(trio.current_time())
        except Exception as error:  # noqa: BLE001 - raised by `run`, in the task that the tree watches
            self.safe_now()
            self._defect = error
        finally:
            self._looking = False

    def _board_heard(self, key: PlcId) -> None:
        """A board spoke, or is no longer heard: then what it holds goes off first, whoever else is at work.

        Most of what boards say says nothing new of relays, and can wait for the next turn.
        """
        told = self.seeing.board(key)
        if not told.heard:
            for place in self.yard.groups:
                if (place.path or place.move) and any(relay.board == key for relay in place.concerned):
                    self._off(place)
        if self._running and (told != self._told.get(key) or self.yard.moves):
            self._told[key] = told
            self.look()

    def _look(self, now_s: float) -> None:
        world = self._world(now_s)
        self._start_what_is_wanted(world)
        self.yard.step(world)
        self._closed = self.yard.closed
        for place in self.yard.groups:
            for module in place.modules:
                self._carry_out(place, self.modules[module], now_s)
        self._contained = self.yard.contained(world)
        self._command(self._closed, self._contained)
        for move in self.yard.finished:
            self._finished(move)
        self.yard.finished.clear()
        self._publish(now_s)

    def _command(self, closed: frozenset[Relay], contained: frozenset[Relay]) -> None:
        for key, board in self.boards.items():
            if self.seeing.holds(key):
                board.set_relays(_of(key, closed), _of(key, contained))

    def _start_what_is_wanted(self, world: World) -> None:
        self._refused.clear()
        for module, to in self.target.items():
            place = self.yard.places[module]
            if place.move:
                if place.move.receiver != to and place.move.phase is not Phase.RETREAT:
                    place.move.cancel("another place is wanted for it", world)
            elif place.at != to:
                refusal = self.yard.begin(module, to, world, counts=module in self._went_home)
                if refusal:
                    self._refused[module] = refusal

    def _carry_out(self, place: Place, module: ModuleTask, now_s: float) -> None:
        """Makes a module what it shall be. Each act is idempotent."""
        order = place.order
        present = self._stage_of(module)
        if present is not None and present.connector_id != order.member_of:
            if not present.drained(module):
                present.drain(module)
                return  # it leaves at a later look
            present.leave(module)
        if order.member_of is not None:
            stage = self.stages[order.member_of]
            (stage.drain if order.drain else stage.join)(module)
        elif order.precharge_v is not None:
            self.pool.precharge(module, float(math.floor(order.precharge_v)), now_s + PRECHARGE_LEASE_S)
        else:
            if module.wanted:
                module.want_off()
            move = place.move
            if move and move.receiver is not None and move.phase in (Phase.WELD_CHECK, Phase.BRIDGE, Phase.MATCH):
                module.choose_range(self.stages[move.receiver].max_voltage_v)

    def _off(self, place: Place) -> None:
        """Off, and out of what its connector shares: the next set-point must not put it on again."""
        for module in map(self.modules.__getitem__, place.modules):
            stage = self._stage_of(module)
            if stage is not None:
                stage.drain(module)
            module.want_off()

    def _stage_of(self, module: ModuleTask) -> Stage | None:
        return next((stage for stage in self.stages.values() if module in stage.members), None)

    def _finished(self, move: Move) -> None:
        if move.phase is Phase.JOINED:
            self._went_home.update(move.modules)
        if move.problem:
            self._failed += 1
            told = move.problem.text
        else:
            self._count += move.phase in (Phase.JOINED, Phase.IDLE)
            why = f": {move.why}" if move.why else ""
            told = {
                Phase.JOINED: f"at connector {move.receiver}",
                Phase.KEPT: f"stays at connector {move.donor}{why}",
            }.get(move.phase, f"idle{why}")
        log.info("%s: %s", move.name, told)
        for module in move.modules:
            if move.problem:
                self.faults.raise_(move.problem.code, module, told)
            elif move.phase in (Phase.JOINED, Phase.IDLE):
                self.faults.clear(NOT_MOVED, module)
            self.noted(module, told)

    def _publish(self, now_s: float) -> None:
        report = SwitchingReport(
            places={key: self._place_report(key, place) for key, place in self.yard.places.items()},
            moves=self._count,
            failed=self._failed,
        )
        if report != self.report.signal.value:
            self.report.publish(report, now_s)

    def _place_report(self, module: ModuleId, place: Place) -> PlaceReport:
        move = place.move
        return PlaceReport(
            at=place.at if move is None else None,
            going_to=move.receiver if move else None,
            phase=move.phase.value if move else "",
            since_s=move.since_s if move else -math.inf,
            locked_out=place.locked_out,
            problem=place.problem.text if place.problem else "",
            waits_for=self._refused.get(module, ""),
        )

    def _world(self, now_s: float) -> World:
        return self.seeing.world(self.yard, now_s)


def _of(board: PlcId, relays: frozenset[Relay]) -> list[int]:
    return [relay.number for relay in relays if relay.board == board]


def terms_of(cabinet: Cabinet) -> Terms:
    """How long a module stays, and how often it moves."""
    return Terms(dwell_s=cabinet.planner.move_dwell_s, moves_per_hour=cabinet.planner.moves_per_hour)
