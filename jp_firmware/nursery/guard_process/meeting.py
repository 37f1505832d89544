"""Where those come to who wait for the wires of a loop that is gone: the guards of its process's next life."""

from __future__ import annotations

import socket

from .stderr import say

MOST_SUCCESSORS = 8  # ours: there is one, or two for a moment


def meet_at(name: str) -> socket.socket | None:
    """Where a successor may come to. The name is in the kernel, not on a disk, and goes with this process."""
    if not name:
        return None
    meeting = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    try:
        meeting.setblocking(False)
        meeting.bind(f"\0{name}")
        meeting.listen(8)
    except OSError as error:
        say(f"a successor will have to try again and again: {error.strerror}")
        meeting.close()
        return None
    return meeting


class Successors:
    """Those that have come to the meeting and are still there."""

    def __init__(self, meeting: socket.socket | None) -> None:
        self.meeting = meeting
        self.waiting: list[socket.socket] = []

    def look(self) -> None:
        """Takes note of those that have come, and of those that have left again."""
        try:
            while self.meeting is not None:
                one, _ = self.meeting.accept()
                one.setblocking(False)
                self.waiting.append(one)
                if len(self.waiting) > MOST_SUCCESSORS:
                    self.waiting.pop().close()
        except OSError:
            pass  # no more of them
        for one in list(self.waiting):
            try:
                left = not one.recv(1)
            except BlockingIOError:
                continue
            except OSError:
                left = True
            if left:
                self.waiting.remove(one)
                one.close()
