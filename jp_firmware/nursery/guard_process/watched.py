"""The process that is watched, as it is seen from outside: whether it is stopped, how urgent it is, where it stands."""

from __future__ import annotations

import os

LARGEST_STACK = 16_384


class Watched:
    """The process with the loop; `thread` is the loop's, by the name that a stack gives it.

    `stack_fd` is the file that it writes its stacks to when it gets `stack_signal`: -1 and 0 for none.
    """

    def __init__(self, pid: int, thread: str, stack_fd: int, stack_signal: int) -> None:
        self.pid = pid
        self.thread = thread
        self.stack_fd, self.stack_signal = stack_fd, stack_signal

    def is_stopped(self) -> bool:
        try:
            with open(f"/proc/{self.pid}/stat", "rb") as stat:
                return stat.read().rpartition(b")")[2].split()[0] in (b"T", b"t")
        except (OSError, IndexError):
            return False

    def ask_for_stack(self) -> bool:
        """Has the process write down where it stands; it needs no interpreter of its own for that."""
        if self.stack_signal == 0 or self.stack_fd < 0 or os.getppid() != self.pid:
            return False
        try:
            os.kill(self.pid, self.stack_signal)
        except OSError:
            return False
        return True

    def read_stack(self) -> bytes:
        try:
            return os.pread(self.stack_fd, LARGEST_STACK, 0) if self.stack_fd >= 0 else b""
        except OSError:
            return b""

    def forget_stack(self) -> None:
        if self.stack_fd >= 0:
            os.ftruncate(self.stack_fd, 0)


def be_as_urgent_as(pid: int) -> None:
    """One step above a real-time process, or beside it: it could keep this one from the processor for ever."""
    try:
        policy = os.sched_getscheduler(pid) & ~os.SCHED_RESET_ON_FORK
        if policy not in (os.SCHED_RR, os.SCHED_FIFO):
            return
        priority = os.sched_getparam(pid).sched_priority
        for allowed in (priority + 1, priority):
            try:
                os.sched_setscheduler(0, policy, os.sched_param(allowed))
                return
            except OSError:
                continue  # the limit of the service may end at its own priority
    except OSError:
        return
