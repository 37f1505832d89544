"""Work beside the loop: texts are read, checked and written in tens of ms, which no control path may wait for."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import trio

from jp_firmware.config.schema import ConfigError

T = TypeVar("T")

AGAIN_S = 10.0  # ours: from a disk that refused to the next try


async def in_thread(do: Callable[[], T]) -> T:
    """What `do` returns or raises. Whoever changes a configuration waits for the disk, and nobody else.

    Cancelled before `do` has begun, it never begins; what has begun is waited for and ends as if nobody had cancelled.
    """
    return await trio.to_thread.run_sync(do)


async def on_disk(do: Callable[[], T]) -> T:
    """The same for what changes the disk. Raises ConfigError also where it refuses before anything is written."""
    try:
        return await in_thread(do)
    except OSError as error:
        raise ConfigError(f"{error}; look at the disk; the configuration is as it was") from error
