"""Waiting for a condition on signals: looked at again whenever one of them changes, never polled."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

from jp_firmware.model.signals import Source
from jp_firmware.nursery.bell import Bell


async def until(condition: Callable[[], bool], *sources: Source[Any]) -> None:
    """Returns once `condition` holds, which is checked now and after each change of `sources`.

    Has no time limit of its own; put it in a cancel scope. Cancellation ends the subscriptions and nothing else.
    """
    bell = Bell()
    with ExitStack() as subscriptions:
        for source in sources:
            subscriptions.callback(source.subscribe(bell.ring))
        while not condition():
            await bell.wait()
