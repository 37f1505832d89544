"""A PLC board on the JP PLC link (docs/plc-link.md): one exchange a cycle, commands out and status back.

Rules

1. Evidence is a heartbeat that moved in a plausible answer; anything else, an answer with an old heartbeat included, is
   none. Without evidence for `watchdog_s` all that the board ever said is STALE in the same step, for every listener.
2. Of one answer faults are raised first, then the board is published, then its connectors: a stop condition reaches
   those who can act on it before anything else does.
3. Whatever ends the task, its last word to the board is "contactors and free relays open", as far as the board can be
   reached; and what it was commanded before is forgotten, so that power never comes back by itself. While the board is
   heard that word waits until the modules behind it are measured off (`UNLOADED_S`): they are, for all who listen, in
   the step that ends it, but a current takes its time to fall.
4. A board that is not of this link, or of another major version, is never written to.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Mapping, Sequence

import attrs
import trio

from jp_firmware.charging.ports import FaultSink
from jp_firmware.charging.waiting import until
from jp_firmware.config import schema
from jp_firmware.config.schema import ConfigError
from jp_firmware.hw.modbus.master import ModbusFault, ModbusMaster, ModbusRefused
from jp_firmware.hw.modules.carried import OFF_CURRENT_A
from jp_firmware.hw.modules.module import ModuleTask
from jp_firmware.hw.plc import blocks, protocol
from jp_firmware.hw.plc.fields import MapError
from jp_firmware.hw.plc.inputs import BoardFaults
from jp_firmware.model.connector import EvCommand, EvStatus
from jp_firmware.model.ids import ConnectorId
from jp_firmware.model.plc import PlcIdentity, PlcStatus
from jp_firmware.model.signals import Quality, Source
from jp_firmware.nursery.bell import Bell
from jp_firmware.nursery.supervisor import Lifeline

log = logging.getLogger(__name__)

TIMEOUTS_PER_WATCHDOG = 5  # two lost answers in a row, each followed by as long a silence, do not end a session
IDENTIFY_S = 0.5  # between attempts to identify a board that does not answer
BOOT_S = 2.0  # silence after the wire came up that is not yet worth a fault
STEADY_S = 2.0  # ours: a link this long in order clears PLC-01
# Ours: for the current of modules that were told OFF to fall. Nothing is said meanwhile: a board keeps its relays for
# 1 s after our last heartbeat (docs/plc-link.md), which is the last cycle's.
UNLOADED_S = protocol.CONTROLLER_LOST_S - 0.2
LAST_WORD_S = 0.45  # for "contactors open" at the end, a disturbed line's silence included
CONFIRM_S = 1.0  # ours: for a board that answers to report its contactors open; they take 0.05 s to 0.1 s
UNANSWERED_OPEN_S = 0.4  # ours: without evidence for this long nobody listens, and `safe` stops waiting
LOST, INCOMPATIBLE = "PLC-01", "PLC-05"


class BoardLost(Exception):
    """The board's heartbeat stopped."""


class StillClosed(Exception):
    """A board answers, was told to open its contactors, and reports one that is closed."""


class BoardRefused(Exception):
    """What answers is no board this controller can drive."""


@attrs.define(eq=False)
class BoardConnector:
    """One connector's half of a board. Fulfils `charging.ports.EvLink`."""

    id: ConnectorId
    status: Source[EvStatus]
    _ring: Callable[[], None]
    wanted: EvCommand = attrs.field(factory=EvCommand)

    def command(self, command: EvCommand) -> None:
        """Takes over `command`. What was measured travels with the next cycle, everything else at once."""
        urgent = _without_measurements(command) != _without_measurements(self.wanted)
        self.wanted = command
        if urgent:
            self._ring()


@attrs.define(eq=False)
class PlcBoard:
    """The task of one board. Faults stand at its id: PLC-01, PLC-05, and those of `inputs`."""

    config: schema.PlcBoard
    master: ModbusMaster
    faults: FaultSink
    cycle_s: float = protocol.CYCLE_S
    behind: Callable[[], Sequence[ModuleTask]] = tuple  # the modules that feed over its relays and contactors now
    status: Source[PlcStatus] = attrs.field(init=False)
    identity: PlcIdentity | None = attrs.field(init=False, default=None)
    connectors: Mapping[ConnectorId, BoardConnector] = attrs.field(init=False)
    _inputs: BoardFaults = attrs.field(init=False)
    _bell: Bell = attrs.field(factory=Bell, init=False)
    _relays: frozenset[int] = attrs.field(init=False, default=frozenset())  # free ones to be closed, by number
    _contained: frozenset[int] = attrs.field(init=False, default=frozenset())  # free ones whose failure stops nobody
    _heartbeat: int = attrs.field(init=False, default=0)  # ours; goes on over restarts, so that it always moves
    _board_heartbeat: int | None = attrs.field(init=False, default=None)
    _moved_s: float = attrs.field(init=False, default=0.0)  # when the board's moved last, or was first waited for
    _link: trio.CancelScope = attrs.field(factory=trio.CancelScope, init=False, repr=False)
    _steady_since_s: float | None = attrs.field(init=False, default=None)
    _driven: bool = attrs.field(init=False, default=False)  # it may be written to, and may have been told to close
    _trouble: str = attrs.field(init=False, default="")  # with the last exchange, for the fault's detail

    def __attrs_post_init__(self) -> None:
        self.status = Source(self.config.id)
        self.connectors = {
            one: BoardConnector(one, Source(f"connector-{one}"), self._bell.ring) for one in self.config.connectors
        }
        self._inputs = BoardFaults(self.config.id, self.faults)

    def configure(self, config: schema.PlcBoard) -> None:
        """Another unit or watchdog, from its next start on: to be called while it is down. Connectors stay."""
        self.config = config

    @property
    def free_relays(self) -> range:
        """Numbers of the free outputs that the board has by its map's version; none while it is not connected."""
        return protocol.free_relays(self.identity) if self.identity else range(0)

    def set_relays(self, closed: Collection[int], contained: Collection[int] = ()) -> None:
        """The free outputs that are to be closed, by number; all others open. Goes out at once, and in every cycle.

        A relay that does not follow is PLC-04, which ends sessions; one of `contained` is PLC-06, which does not.
        Who may switch them, and when, is for the caller to decide: there is one. Raises ValueError for R1 and R2, which
        belong to the interlock chain. The end of the link forgets it.
        """
        wanted = frozenset(closed)
        if wanted and min(wanted) < protocol.FIRST_FREE_RELAY:
            raise ValueError(f"{self.config.id}: R{min(wanted)} belongs to the interlock chain")
        self._contained = frozenset(contained)
        if wanted != self._relays:
            self._relays = wanted
            self._bell.ring()

    async def run(self, lifeline: Lifeline) -> None:
        """Identifies the board, then exchanges for ever; ready and fed by heartbeats that move.

        Raises BoardLost when they stop, BoardRefused for a board that cannot be driven. However it ends, cancellation
        included, all signals are STALE in that step, and contactors and relays were commanded open: by a board that was
        heard after `UNLOADED_S` at most, by any other at once, and within `LAST_WORD_S`.
        """
        self._board_heartbeat = self._steady_since_s = None
        self._moved_s = trio.current_time()
        try:
            self.identity = await self._identify()
            self._driven = True
            await self._until_lost(lifeline)
            raise BoardLost(self._silence())
        finally:
            try:
                modules = self.behind() if self._obeys() else ()
            finally:
                self._end()
            with trio.move_on_after(UNLOADED_S, shield=True):
                await _unloaded(modules)
            with trio.move_on_after(LAST_WORD_S, shield=True):
                await self._last_word()
            self.identity = None

    @property
    def safe_within_s(self) -> float:
        """The deadline that `safe` needs."""
        return CONFIRM_S + 0.5

    async def safe(self) -> None:
        """Commands all contactors open, again and again, until the board's own feedback says that they are.

        Idempotent. Does nothing on a board that was never identified. Returns as well when nobody listens: with the
        wire down, or no evidence for `UNANSWERED_OPEN_S` (a frozen heartbeat is none), nothing more can be done from
        here; the board opens its contactors itself 1 s after our last heartbeat. That must not latch, or each board
        without power would need an operator. Raises `StillClosed` for a board that answers and keeps one closed.
        """
        began_s = heard_s = trio.current_time()
        while self._driven:
            closed = await self._open_all()
            now_s = trio.current_time()
            if closed is not None:
                heard_s = now_s
            if closed == "":
                self._driven = False
            elif not self.master.up or now_s - heard_s >= UNANSWERED_OPEN_S:
                log.warning("%s: does not answer; it opens its contactors by itself", self.config.id)
                return
            elif closed and now_s - began_s >= CONFIRM_S:
                raise StillClosed(f"{self.config.id}: told to open, and contactors of {closed} are still closed")
            else:
                await trio.sleep(self.cycle_s)

    async def _open_all(self) -> str | None:
        """One command to open. Who still has contactors closed, "" for nobody; None without evidence."""
        try:
            board, connectors = await self._exchange({one: EvCommand() for one in self.connectors}, ())
        except (ModbusFault, MapError) as error:
            log.debug("%s: %s", self.config.id, error)
            return None
        last, self._board_heartbeat = self._board_heartbeat, board.heartbeat
        if last == board.heartbeat:
            return None
        return ", ".join(
            f"connector {one}"
            for one, status in zip(self.connectors, connectors, strict=True)
            if status.contactors_closed
        )

    async def _last_word(self) -> None:
        if self._driven and await self._open_all() is None:
            log.warning("%s: the last command may not have arrived", self.config.id)

    # --- identification ----------------------------------------------------------------------------------------------

    async def _identify(self) -> PlcIdentity:
        """Waits for a board that answers. Raises BoardRefused if it is the wrong one."""
        while True:
            try:
                registers = await self.master.read_holding(
                    self.config.unit, protocol.IDENTITY_ADDRESS, blocks.IDENTITY.size, timeout_s=self._timeout_s
                )
                identity = protocol.decode_identity(registers)
                refusal = protocol.refusal(identity, len(self.connectors))
            except (ModbusRefused, MapError) as error:
                refusal = str(error)
            except ModbusFault as error:
                self._trouble = str(error)
                if trio.current_time() - self._moved_s >= BOOT_S:
                    self.faults.raise_(LOST, self.config.id, self._trouble)
                await trio.sleep(IDENTIFY_S)
                continue
            if refusal:
                self._driven = False
                self.faults.raise_(INCOMPATIBLE, self.config.id, refusal)
                raise BoardRefused(f"{self.config.id}: {refusal}")
            self.faults.clear(INCOMPATIBLE, self.config.id)
            return identity

    # --- the cycle ---------------------------------------------------------------------------------------------------

    async def _until_lost(self, lifeline: Lifeline) -> None:
        """Returns when the heartbeat has stood for the watchdog's time, even while an exchange hangs."""
        next_s = self._moved_s = trio.current_time()
        with trio.CancelScope(deadline=next_s + self.config.watchdog_s) as self._link:
            while True:
                now_s = trio.current_time()
                next_s = min(max(next_s + self.cycle_s, now_s), now_s + self.cycle_s)  # one that was early delays none
                if await self._cycle():
                    lifeline.ready()
                with trio.move_on_at(next_s):
                    await self._bell.wait()

    async def _cycle(self) -> bool:
        """One exchange. True if it brought evidence."""
        asked_s = trio.current_time()  # evidence is no younger than the question
        wanted = {one: connector.wanted for one, connector in self.connectors.items()}
        try:
            board, connectors = await self._exchange(wanted, self._relays)
        except (ModbusFault, MapError) as error:
            self._trouble = str(error)
            self._steady_since_s = None
            log.debug("%s: %s", self.config.id, error)
            return False
        last, self._board_heartbeat = self._board_heartbeat, board.heartbeat
        if last is None or last == board.heartbeat:
            self._trouble = f"the heartbeat of unit {self.config.unit} stands at {board.heartbeat}"
            return False
        self._trouble = ""
        self._take(board, connectors, asked_s)
        return True

    def _take(self, board: PlcStatus, connectors: tuple[EvStatus, ...], asked_s: float) -> None:
        """Evidence: everyone hears of it, those who can stop power first."""
        now_s = self._moved_s = trio.current_time()
        self._link.deadline = now_s + self.config.watchdog_s
        self._inputs.look(board, now_s, self._relays, self._contained)
        self.status.publish(board, asked_s)
        for connector, status in zip(self.connectors.values(), connectors, strict=True):
            connector.status.publish(status, asked_s)
        if self._steady_since_s is None:
            self._steady_since_s = now_s
        elif now_s - self._steady_since_s >= STEADY_S:
            self.faults.clear(LOST, self.config.id)

    async def _exchange(
        self, wanted: Mapping[ConnectorId, EvCommand], relays: Collection[int]
    ) -> tuple[PlcStatus, tuple[EvStatus, ...]]:
        self._heartbeat = self._heartbeat + 1 & 0xFFFF
        commands = protocol.Commands(
            heartbeat=self._heartbeat,
            relays=protocol.relays_closed(relays),
            connectors=tuple(wanted[one] for one in self.connectors),
        )
        registers = await self.master.read_write(
            self.config.unit,
            protocol.STATUS_ADDRESS,
            protocol.status_size(len(self.connectors)),
            protocol.COMMAND_ADDRESS,
            protocol.encode_commands(commands),
            timeout_s=self._timeout_s,
            attempts=1,  # the next cycle is the second attempt, with fresher commands
        )
        return protocol.decode_status(registers, len(self.connectors), protocol.minor_version(self.identity))

    # --- the end -----------------------------------------------------------------------------------------------------

    def _obeys(self) -> bool:
        """Whether its contacts are as commanded: one that is lost, or stops power, opens them by itself."""
        board = self.status.fresh(trio.current_time(), self.config.watchdog_s)
        return self.master.up and board is not None and not board.stops_power

    def _end(self) -> None:
        """Nothing the board said holds any more. Synchronous; idempotent."""
        try:
            if not self.master.up or (self.identity and self._is_silent()):
                self.faults.raise_(LOST, self.config.id, self._silence())
        finally:
            for connector in self.connectors.values():
                connector.wanted = EvCommand()
            self._relays = self._contained = frozenset()
            self._stale(self.status)
            for connector in self.connectors.values():
                self._stale(connector.status)

    def _is_silent(self) -> bool:
        """The deadline says so too: what is left when it is taken off the clock may be a rounding less than it was."""
        return self._link.cancelled_caught or trio.current_time() - self._moved_s >= self.config.watchdog_s

    def _silence(self) -> str:
        if not self.master.up:
            return self.master.down_because
        silent_s = trio.current_time() - self._moved_s
        return f"no heartbeat for {silent_s:.1f} s" + (f": {self._trouble}" if self._trouble else "")

    @staticmethod
    def _stale(source: Source[PlcStatus] | Source[EvStatus]) -> None:
        if source.signal.quality is not Quality.MISSING:
            source.degrade(Quality.STALE)

    @property
    def _timeout_s(self) -> float:
        return self.config.watchdog_s / TIMEOUTS_PER_WATCHDOG


async def _unloaded(modules: Sequence[ModuleTask]) -> None:
    """Returns when none of these carries current any more, by measurement or past its own switch-off time."""

    def is_off() -> bool:
        now_s = trio.current_time()
        return all(module.carried_current_a(now_s) < OFF_CURRENT_A for module in modules)

    await until(is_off, *(module.status for module in modules))


def _without_measurements(command: EvCommand) -> EvCommand:
    return attrs.evolve(command, present_voltage_v=0.0, present_current_a=0.0)


class _Driver:
    name = "jp-plc-link"

    def board(self, config: schema.PlcBoard, master: ModbusMaster, faults: FaultSink) -> PlcBoard:
        if not 1 <= len(config.connectors) <= protocol.MAX_CONNECTORS:
            raise ConfigError(
                f"plc_boards {config.id}: connectors names {len(config.connectors)}, a board of the JP PLC link has "
                f"1 or {protocol.MAX_CONNECTORS}"
            )
        return PlcBoard(config, master, faults)


DRIVER = _Driver()
