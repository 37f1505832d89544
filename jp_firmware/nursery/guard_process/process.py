"""The guard's process from its start to its end."""

from __future__ import annotations

import signal
import socket

from .act import Record
from .guardian import Guardian
from .meeting import Successors, meet_at
from .watched import Watched

IGNORED = (
    signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGABRT, signal.SIGPIPE, signal.SIGUSR1,
    signal.SIGUSR2, signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU,
)  # fmt: skip


def main(arguments: list[str]) -> None:
    """`control_fd deadline_s parent_pid thread stack_fd stack_signal record meeting`"""
    for number in IGNORED:
        signal.signal(number, signal.SIG_IGN)
    control_fd, deadline_s, parent, thread, stack_fd, stack_signal, record, meeting = arguments
    with socket.socket(fileno=int(control_fd)) as control:
        control.setblocking(False)
        guardian = Guardian(
            control,
            float(deadline_s),
            Watched(int(parent), thread, int(stack_fd), int(stack_signal)),
            Record(record),
            Successors(meet_at(meeting)),
        )

        def end(*_: object) -> None:
            guardian.told_to_end = True  # obeyed when the other end is gone, and enough is said

        signal.signal(signal.SIGTERM, end)
        try:
            guardian.run()
        finally:
            if guardian.act is not None and not guardian.done:  # a defect of ours: at least once more, with no ado
                for wire in guardian.wires.values():
                    wire.say()
                    wire.write()
