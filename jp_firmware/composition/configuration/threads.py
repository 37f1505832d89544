"""Work beside the loop: texts are read, checked and written in tens of ms, which no control path may wait for."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import trio

T = TypeVar("T")


async def in_thread(do: Callable[[], T]) -> T:
    """What `do` returns or raises. Whoever changes a configuration waits for the disk, and nobody else.

    Cancelled before `do` has begun, it never begins; what has begun is waited for and ends as if nobody had cancelled.
    """
    return await trio.to_thread.run_sync(do)
