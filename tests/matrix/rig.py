"""What the columns of the matrix have in common: one real task in a real tree beside a sibling that must not notice."""

from __future__ import annotations

import attrs
import trio

from jp_firmware.nursery.supervisor import Child, End, Lifeline, Supervisor
from tests.hw.faults import Faults
from tests.matrix.patient import Patient, find

TICK_S = 0.125  # a power of two: no rounding in sums
STALL_S = 0.2


@attrs.define(eq=False, kw_only=True)
class Rig:
    """One column, set up. Its methods without an underscore that bear a row's name do what the row says."""

    nursery: trio.Nursery
    clock: trio.abc.Clock
    path: str = ""  # of the task in question, below the root
    source: str = ""  # at which its faults stand
    settle_s: float = 2.0
    tick_s: float = TICK_S
    late_s: float = 0.0  # how late an answer is, in the row about that
    believed_late: bool = False  # whether it was published as if it answered a later question
    hour_s: float = 3600.0  # how far the wall clock steps, and where to
    wall_step_s: float = 0.0
    faults: Faults = attrs.field(factory=Faults)
    ends: list[tuple[float, str, End]] = attrs.field(factory=list)
    off_at_its_end: list[bool] = attrs.field(factory=list)
    last_on_s: float = 0.0  # when it was last seen to hold power
    tree_ended: trio.Event = attrs.field(factory=trio.Event)
    tree: Supervisor = attrs.field(init=False)
    patient: Patient = attrs.field(init=False)
    sibling: Lifeline = attrs.field(init=False)

    # --- what a column gives ---

    def children(self) -> list[Child]:
        raise NotImplementedError

    async def live(self) -> None:
        """What the rest of the charger does with it, if anything."""

    def is_off(self) -> bool:
        """Whether the device holds no power."""
        return True

    def is_trusted(self) -> bool:
        """Whether the rest of the charger still believes it."""
        raise NotImplementedError

    def relieve(self) -> None:
        """The fault goes."""

    # --- the tree ---

    def plant_tree(self) -> None:
        """The sibling first: it is stopped last, and so sees what becomes of the others."""
        sibling = Child(name="sibling", run=self._tick, watchdog_s=3 * self.tick_s)
        self.tree = Supervisor(name="tree", children=[sibling, *self.children()], intensity=None, on_event=self._ended)
        self.sibling = self.tree.lifelines[0]
        self.patient = Patient(find(self.tree.lifelines, self.path))

    async def _tick(self, lifeline: Lifeline) -> None:
        lifeline.ready()
        while True:
            await trio.sleep(self.tick_s)
            lifeline.feed()
            if not self.is_off():
                self.last_on_s = trio.current_time()

    def _ended(self, path: str, _: Lifeline, end: End) -> None:
        path = path.removeprefix("tree/")
        self.ends.append((trio.current_time(), path, end))
        if path == self.path:
            self.off_at_its_end.append(self.is_off())

    # --- rows that are the same for every task ---

    def late_answer(self) -> None:
        """A question is on the wire when its task is ended; the answer comes when the next start is asking."""
        self.nursery.start_soon(self._answer_late)

    async def _answer_late(self) -> None:
        asked = trio.Event()
        self.lag_and_mark(asked)
        await asked.wait()
        await trio.sleep(self.late_s / 8)
        self.patient.returns()
        self.relieve()

    def lag_and_mark(self, asked: trio.Event) -> None:
        """Answers are `late_s` late from now on, and can be told from others. `asked` is set at a question."""
        raise NotImplementedError

    def task_raises(self) -> None:
        self.patient.raises()

    def task_returns(self) -> None:
        self.patient.returns()

    def task_shields_itself(self) -> None:
        self.patient.shields_itself()

    def task_shields_itself_from_its_watchdog(self) -> None:
        self.patient.shields_itself()
        self.patient.falls_mute()

    def task_blocks_200_ms(self) -> None:
        """A step that takes 200 ms: the clock goes on, and nobody else runs."""
        self.patient.at_next_feed = lambda: self.clock.jump(STALL_S)  # type: ignore[attr-defined]

    def clock_step(self) -> None:
        """The wall clock steps; `running` has put a clock that can be stepped into every module that reads it."""
        self.wall_step_s = self.hour_s

    def silent_and_step(self) -> None:
        self.device_silent()
        self.clock_step()

    def device_silent(self) -> None:
        raise NotImplementedError

    def disk_full(self) -> None:
        """Every fault that is raised from now on goes to a journal that takes nothing more."""
        self.faults.raise_("CTL-02", "journal", "a disk that is full")

    def safe_state_hangs(self) -> None:
        self.patient.safe_state_hangs()

    def safe_state_raises(self) -> None:
        self.patient.safe_state_raises()
