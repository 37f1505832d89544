"""The fault matrix as data: for each fault and each kind of task, what happens. The document and the test read it."""

from __future__ import annotations

import attrs

from jp_firmware.nursery.supervisor import End

ROWS = {
    "link_unplugged": "link unplugged",
    "device_silent": "device silent",
    "device_frozen": "device frozen (the same answer for ever)",
    "echo": "echo of our own bytes",
    "garbage": "garbage",
    "slow_answers": "slow answers",
    "previous_question": "answers to the previous question",
    "late_answer": "late answer after cancellation",
    "task_raises": "task raises",
    "task_returns": "task returns",
    "task_shields_itself": "task shields itself",
    "task_blocks_200_ms": "task blocks 200 ms",
    "task_blocks_for_ever": "task blocks for ever",
    "safe_state_hangs": "safe state hangs",
    "safe_state_raises": "safe state raises",
    "clock_step": "clock step ±1 h",
    "disk_full": "journal disk full",
}
COLUMNS = {
    "module": "module",
    "bus": "CAN bus",
    "meter": "meter",
    "board": "PLC board",
    "backend": "backend",
    "planner": "planner",
}


@attrs.frozen(kw_only=True)
class Cell:
    """What happens to a task, in words for people and in data for the test.

    `ends`: how it ends first; empty: it goes on. `fault`: the code that is raised at the device; it stands as long as
    the device is not believed. `feeds`: whether its watchdog is still fed `grace_s` after the fault began. `trusted`:
    whether the charger believes it at the end of `watch_s`. `others`: who else may end.
    """

    says: str
    ends: frozenset[End] = frozenset()
    within_s: float = 0.0  # of the fault, at most
    fault: str = ""
    feeds: bool = True
    trusted: bool | None = True
    others: str = ""  # "" nobody; else the beginning of the paths of those who may end too
    recovers: bool = True  # by itself, when the fault goes
    holds_power: bool = False  # at its end: nobody could reach it any more, its own time-outs are the guard
    known: str = ""  # what is not yet as the cell says
    watch_s: float = 4.0
    grace_s: float = 0.05
    recover_s: float = 6.0


@attrs.frozen
class NotHere:
    """A fault that this task cannot have, and why."""

    why: str


@attrs.frozen
class Elsewhere:
    """A fault that is shown in a test of its own."""

    says: str
    test: str


def _ends(*ends: End) -> frozenset[End]:
    return frozenset(ends)


LOST = _ends(End.STOPPED, End.CRASH)  # with its wire: whichever comes first
WATCHDOG, CRASH, EXIT = _ends(End.WATCHDOG), _ends(End.CRASH), _ends(End.EXIT)
UNSAFE, STUCK = _ends(End.UNSAFE), _ends(End.STUCK)

CAN, RS485, PLC_WIRE, ALL = "wires/can0", "wires/rs485-0", "wires/plc-1-wire", "*"
BLOCKS_FOR_EVER = Elsewhere(
    "The loop itself stands. The guard, a process of its own, sends OFF to the modules on every CAN bus, again and "
    "again, and takes the stack; systemd's watchdog is not fed any more.",
    "tests/nursery/test_guard.py",
)
NO_POWER = "It has no safe state: it holds no power."

MODULE: dict[str, Cell | NotHere | Elsewhere] = {
    "link_unplugged": Cell(
        says="Unusable in that step, and restarted with its bus. OFF cannot reach it: it switches off by itself 10 s "
        "after the last frame, and until then its current counts as flowing.",
        ends=LOST,
        within_s=0.1,
        fault="PM-01",
        feeds=False,
        trusted=False,
        others=CAN,
        holds_power=True,
    ),
    "device_silent": Cell(
        says="Unusable after 3 missed answers; the watchdog ends it after 2 s, OFF is sent; told as PM-01.",
        ends=WATCHDOG,
        within_s=2.5,
        fault="PM-01",
        feeds=False,
        trusted=False,
        holds_power=True,
    ),
    "device_frozen": Cell(
        says="Answers carry no counter, and a steady module rightly repeats itself: it still feeds. It is found out by "
        "disobedience, as soon as it is told something else: PM-02, unusable, its current counted as flowing.",
        fault="PM-02",
        trusted=False,
    ),
    "echo": Cell(
        says="Our own frames are never the module's: as silent.",
        ends=WATCHDOG,
        within_s=2.5,
        fault="PM-01",
        feeds=False,
        trusted=False,
        holds_power=True,
    ),
    "garbage": Cell(
        says="Values outside physics are no evidence, and neither is one good half of the truth: BAD at once, then as "
        "silent; PM-01 says what it measures.",
        ends=WATCHDOG,
        within_s=2.5,
        fault="PM-01",
        feeds=False,
        trusted=False,
    ),
    "slow_answers": Cell(says="Goes on: 300 ms are within three polls."),
    "previous_question": Cell(
        says="Goes on: CAN carries no number that tells. What is believed is one question, 0.2 s, old."
    ),
    "late_answer": Cell(
        says="What comes within 1 s of the last question of the start before is not heard.", ends=EXIT, within_s=0.5
    ),
    "task_raises": Cell(says="OFF in that step; restarted after 0.5 s.", ends=CRASH, within_s=0.5),
    "task_returns": Cell(says="OFF in that step; restarted after 0.5 s.", ends=EXIT, within_s=0.5),
    "task_shields_itself": Cell(
        says="At a stop it is switched off from outside after 2 s, and latched as stuck.",
        ends=STUCK,
        within_s=4.0,
        trusted=None,
        others=ALL,
        recovers=False,
    ),
    "task_blocks_200_ms": Cell(says="Goes on; nobody's watchdog notices."),
    "task_blocks_for_ever": BLOCKS_FOR_EVER,
    "safe_state_hangs": Cell(
        says="OFF went out when the task ended. Cut off after 1.5 s, latched as unsafe; the others on its bus go on.",
        ends=UNSAFE,
        within_s=1.6,
        feeds=False,
        trusted=False,
        recovers=False,
    ),
    "safe_state_raises": Cell(
        says="OFF went out when the task ended. Latched as unsafe at once; the others on its bus go on.",
        ends=UNSAFE,
        within_s=0.1,
        feeds=False,
        trusted=False,
        recovers=False,
    ),
    "clock_step": Cell(says="Nothing: it never reads the wall clock."),
    "disk_full": Cell(says="Nothing: what it raises is posted and lost, with CTL-02 at the journal."),
}

BUS: dict[str, Cell | NotHere | Elsewhere] = {
    "link_unplugged": Cell(
        says="Ends in that step, and with it all on it; PM-14. Tried again until it is back.",
        ends=CRASH,
        within_s=0.1,
        fault="PM-14",
        feeds=False,
        trusted=False,
        others=CAN,
    ),
    "device_silent": Cell(
        says="Stays open; PM-14 after 3 s of questions without any answer. The modules end by their own watchdogs.",
        fault="PM-14",
        feeds=False,
        trusted=False,
        others=CAN,
        watch_s=5.0,
    ),
    "device_frozen": Cell(says="Any frame of another node is a sign of life of the wire; its content is the module's."),
    "echo": Cell(
        says="Our own frames coming back are no evidence: as silent.",
        fault="PM-14",
        feeds=False,
        trusted=False,
        others=CAN,
        watch_s=5.0,
    ),
    "garbage": Cell(
        says="What is no frame is counted and dropped: as silent, and PM-14 tells the noise.",
        fault="PM-14",
        feeds=False,
        trusted=False,
        others=CAN,
        watch_s=5.0,
    ),
    "slow_answers": Cell(says="Goes on."),
    "previous_question": NotHere(
        "A bus asks nothing; which answer belongs to which question is the module's to judge."
    ),
    "late_answer": NotHere("A bus asks nothing. What was on its way before it was opened anew is another link's."),
    "task_raises": Cell(
        says="All on it are stopped, then all are restarted after 0.5 s.", ends=CRASH, within_s=0.5, others=CAN
    ),
    "task_returns": Cell(
        says="All on it are stopped, then all are restarted after 0.5 s.", ends=EXIT, within_s=0.1, others=CAN
    ),
    "task_shields_itself": Cell(
        says="At a stop the modules on it are off before its turn comes; latched as stuck after 2 s.",
        ends=STUCK,
        within_s=3.0,
        trusted=None,
        others=ALL,
        recovers=False,
    ),
    "task_blocks_200_ms": Cell(says="Goes on; nobody's watchdog notices."),
    "task_blocks_for_ever": BLOCKS_FOR_EVER,
    "safe_state_hangs": NotHere(NO_POWER),
    "safe_state_raises": NotHere(NO_POWER),
    "clock_step": Cell(says="Nothing: it never reads the wall clock."),
    "disk_full": Cell(says="Nothing: what it raises is posted and lost, with CTL-02 at the journal."),
}

METER: dict[str, Cell | NotHere | Elsewhere] = {
    "link_unplugged": Cell(
        says="STALE in that step, MTR-01; restarted with its wire.",
        ends=LOST,
        within_s=0.1,
        fault="MTR-01",
        feeds=False,
        trusted=False,
        others=RS485,
    ),
    "device_silent": Cell(
        says="STALE and MTR-01 after two failed cycles; the watchdog ends it after 5 s. The other meters go on.",
        ends=WATCHDOG,
        within_s=5.1,
        fault="MTR-01",
        feeds=False,
        trusted=False,
        watch_s=7.0,
    ),
    "device_frozen": Cell(
        says="Power flows and the register stands: BAD and MTR-03 after 3 s; from then on nothing feeds.",
        ends=WATCHDOG,
        within_s=8.6,
        fault="MTR-03",
        feeds=False,
        trusted=False,
        watch_s=10.0,
        grace_s=3.6,
    ),
    "echo": Cell(
        says="Our own request is no answer: as silent.",
        ends=WATCHDOG,
        within_s=5.1,
        fault="MTR-01",
        feeds=False,
        trusted=False,
        watch_s=7.0,
    ),
    "garbage": Cell(
        says="As silent; MTR-01 says that something answers.",
        ends=WATCHDOG,
        within_s=5.1,
        fault="MTR-01",
        feeds=False,
        trusted=False,
        watch_s=7.0,
    ),
    "slow_answers": Cell(says="Goes on: 300 ms are within its time-out.", watch_s=7.0),
    "previous_question": Cell(
        says="An answer of another length is refused and the question asked again; then the answer is that to its "
        "first try. Goes on; the reading counts as old as the first try.",
        watch_s=7.0,
    ),
    "late_answer": Cell(
        says="Never taken for an answer: while it may still come, nothing is asked that it could answer.",
        ends=EXIT,
        within_s=1.0,
    ),
    "task_raises": Cell(says="STALE in that step; restarted after 0.5 s.", ends=CRASH, within_s=0.6),
    "task_returns": Cell(says="STALE in that step; restarted after 0.5 s.", ends=EXIT, within_s=0.1),
    "task_shields_itself": Cell(
        says="At a stop latched as stuck after 2 s.",
        ends=STUCK,
        within_s=2.5,
        trusted=None,
        others=ALL,
        recovers=False,
    ),
    "task_blocks_200_ms": Cell(says="Goes on; nobody's watchdog notices."),
    "task_blocks_for_ever": BLOCKS_FOR_EVER,
    "safe_state_hangs": NotHere(NO_POWER),
    "safe_state_raises": NotHere(NO_POWER),
    "clock_step": Cell(says="Nothing: it never reads the wall clock.", watch_s=7.0),
    "disk_full": Cell(says="Nothing: what it raises is posted and lost, with CTL-02 at the journal."),
}

BOARD: dict[str, Cell | NotHere | Elsewhere] = {
    "link_unplugged": Cell(
        says="STALE in that step, PLC-01; restarted with its wire. It cannot be told: it opens its contactors itself "
        "1 s after our heartbeat stops.",
        ends=LOST,
        within_s=0.6,
        fault="PLC-01",
        feeds=False,
        trusted=False,
        others=PLC_WIRE,
        holds_power=True,
    ),
    "device_silent": Cell(
        says="STALE and PLC-01 after 0.5 s; contactors are commanded open, as far as it hears.",
        ends=CRASH,
        within_s=2.0,
        fault="PLC-01",
        feeds=False,
        trusted=False,
    ),
    "device_frozen": Cell(
        says="Its heartbeat stands: as silent, although it answers.",
        ends=CRASH,
        within_s=2.0,
        fault="PLC-01",
        feeds=False,
        trusted=False,
    ),
    "echo": Cell(
        says="Our own request is no answer: as silent.",
        ends=CRASH,
        within_s=2.0,
        fault="PLC-01",
        feeds=False,
        trusted=False,
    ),
    "garbage": Cell(
        says="As silent; PLC-01 says that something answers.",
        ends=CRASH,
        within_s=2.0,
        fault="PLC-01",
        feeds=False,
        trusted=False,
    ),
    "slow_answers": Cell(says="Goes on: 60 ms are within its time-out of 100 ms."),
    "previous_question": Cell(says="Goes on while the heartbeat in the answers moves: they are one cycle, 50 ms, old."),
    "late_answer": Cell(
        says="Never taken for an answer: while it may still come, nothing is asked that it could answer; only then "
        "goes the last word, contactors open.",
        ends=EXIT,
        within_s=0.6,
    ),
    "task_raises": Cell(
        says="Contactors are commanded open before it ends; restarted after 0.5 s.", ends=CRASH, within_s=0.6
    ),
    "task_returns": Cell(
        says="Contactors are commanded open before it ends; restarted after 0.5 s.", ends=EXIT, within_s=0.6
    ),
    "task_shields_itself": Cell(
        says="At a stop its contactors are commanded open from outside; latched as stuck.",
        ends=STUCK,
        within_s=4.0,
        watch_s=5.0,
        trusted=None,
        others=ALL,
        recovers=False,
    ),
    "task_blocks_200_ms": Cell(says="Goes on; nobody's watchdog notices."),
    "task_blocks_for_ever": BLOCKS_FOR_EVER,
    "safe_state_hangs": Cell(
        says="The task's own last word had opened the contactors. Cut off after 1.5 s, latched as unsafe.",
        ends=UNSAFE,
        within_s=2.0,
        feeds=False,
        trusted=False,
        others=PLC_WIRE,
        recovers=False,
    ),
    "safe_state_raises": Cell(
        says="The task's own last word had opened the contactors. Latched as unsafe at once.",
        ends=UNSAFE,
        within_s=0.6,
        feeds=False,
        trusted=False,
        others=PLC_WIRE,
        recovers=False,
    ),
    "clock_step": Cell(says="Nothing: it never reads the wall clock."),
    "disk_full": Cell(says="Nothing: what it raises is posted and lost, with CTL-02 at the journal."),
}

BACKEND_WATCH_S, BACK_S = 150.0, 130.0

BACKEND: dict[str, Cell | NotHere | Elsewhere] = {
    "link_unplugged": Cell(
        says="Goes on: NET-01, and tried again with growing pauses. Charging goes on by the local rules, messages wait "
        "in the journal. Its watchdog asks for attempts, not for a central system.",
        fault="NET-01",
        trusted=False,
        watch_s=BACKEND_WATCH_S,
        grace_s=60.0,
        recover_s=BACK_S,
    ),
    "device_silent": Cell(
        says="A ping stays unanswered: NET-01, and the link is opened anew.",
        fault="NET-01",
        trusted=None,
        watch_s=BACKEND_WATCH_S,
        grace_s=60.0,
        recover_s=BACK_S,
    ),
    "device_frozen": Cell(
        says="An answer that is not to this question is dropped; the question counts as not answered.",
        watch_s=BACKEND_WATCH_S,
        grace_s=60.0,
        recover_s=BACK_S,
    ),
    "echo": Cell(
        says="Our own words are no answer and set off no exchange without end. No ping is answered: NET-01, "
        "opened anew.",
        fault="NET-01",
        trusted=None,
        watch_s=BACKEND_WATCH_S,
        grace_s=60.0,
        recover_s=BACK_S,
    ),
    "garbage": Cell(
        says="What is no message is dropped; the question counts as not answered.",
        watch_s=BACKEND_WATCH_S,
        grace_s=60.0,
        recover_s=BACK_S,
    ),
    "slow_answers": Cell(says="Goes on: 20 s are within its 30 s.", watch_s=BACKEND_WATCH_S, grace_s=60.0),
    "previous_question": Cell(
        says="An answer that is not to this question is dropped.",
        watch_s=BACKEND_WATCH_S,
        grace_s=60.0,
        recover_s=BACK_S,
    ),
    "late_answer": Cell(
        says="An answer to a question that was given up is dropped.",
        watch_s=BACKEND_WATCH_S,
        grace_s=60.0,
        recover_s=BACK_S,
    ),
    "task_raises": Cell(
        says="Restarted at once; what was not answered is sent again.",
        ends=CRASH,
        within_s=30.0,
        watch_s=60.0,
        grace_s=30.0,
        recover_s=BACK_S,
    ),
    "task_returns": Cell(
        says="Restarted at once; what was not answered is sent again.",
        ends=EXIT,
        within_s=0.1,
        watch_s=60.0,
        grace_s=30.0,
        recover_s=BACK_S,
    ),
    "task_shields_itself": Cell(
        says="At a stop latched as stuck after its deadline; by then nothing is energised any more.",
        ends=STUCK,
        within_s=5.1,
        trusted=None,
        others=ALL,
        recovers=False,
        watch_s=30.0,
        feeds=True,
    ),
    "task_blocks_200_ms": Cell(says="Goes on; nobody's watchdog notices.", watch_s=60.0),
    "task_blocks_for_ever": BLOCKS_FOR_EVER,
    "safe_state_hangs": NotHere(NO_POWER),
    "safe_state_raises": NotHere(NO_POWER),
    "clock_step": Cell(
        says="Timestamps in messages follow the wall clock; no wait and no watchdog does.",
        watch_s=BACKEND_WATCH_S,
        grace_s=60.0,
    ),
    "disk_full": Cell(
        says="What was answered stays in the outbox until the disk takes its removal; tried again every 5 s.",
        watch_s=BACKEND_WATCH_S,
        grace_s=60.0,
        recover_s=BACK_S,
    ),
}

NO_WIRE = "The planner asks nobody: it computes from what is in memory."

PLANNER: dict[str, Cell | NotHere | Elsewhere] = {
    "link_unplugged": NotHere(NO_WIRE),
    "device_silent": NotHere(NO_WIRE + " A wish that gets no younger is marked stale by its connector."),
    "device_frozen": NotHere(NO_WIRE + " Equal demands rightly give equal plans; each has a new number and time."),
    "echo": NotHere(NO_WIRE),
    "garbage": Cell(
        says="A demand that is no number gets nothing; the others get theirs, within the site's limit. Goes on.",
        trusted=False,
    ),
    "slow_answers": NotHere(NO_WIRE),
    "previous_question": NotHere(NO_WIRE),
    "late_answer": NotHere(NO_WIRE),
    "task_raises": Cell(says="Restarted after 0.1 s; allocations in force live 5 s.", ends=CRASH, within_s=0.6),
    "task_returns": Cell(says="Restarted after 0.1 s; allocations in force live 5 s.", ends=EXIT, within_s=0.1),
    "task_shields_itself": Cell(
        says="At a stop latched as stuck after 2 s; no connector is energised any more.",
        ends=STUCK,
        within_s=2.1,
        trusted=None,
        others=ALL,
        recovers=False,
    ),
    "task_blocks_200_ms": Cell(says="Goes on; nobody's watchdog notices."),
    "task_blocks_for_ever": BLOCKS_FOR_EVER,
    "safe_state_hangs": NotHere(NO_POWER),
    "safe_state_raises": NotHere(NO_POWER),
    "clock_step": Cell(says="Nothing: allocations and limits expire by monotonic time."),
    "disk_full": Cell(says="Nothing: it writes no file."),
}

TABLE: dict[str, dict[str, Cell | NotHere | Elsewhere]] = {
    "module": MODULE,
    "bus": BUS,
    "meter": METER,
    "board": BOARD,
    "backend": BACKEND,
    "planner": PLANNER,
}
