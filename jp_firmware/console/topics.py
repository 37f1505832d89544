"""The topics a console may watch: each made by a provider of another room, at most every 100 ms for all clients.

A provider that fails takes down its topic and nothing else. Nothing here waits or opens a socket.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import TypeAlias

import attrs

from jp_firmware.console.protocol import Snapshot, plain

log = logging.getLogger(__name__)

SHARED_FOR_S = 0.1  # ours: well below the shortest interval of a subscription, 0.25 s

Provider: TypeAlias = Callable[[], Snapshot]


class TopicUnavailable(Exception):
    """The topic cannot be told at present; the message says why."""


@attrs.define(eq=False)
class Topics:
    """Snapshots by topic. What `snapshot` returns is shared: nobody may change it."""

    _providers: Mapping[str, Provider]
    _made: dict[str, tuple[float, Snapshot | str]] = attrs.field(factory=dict, init=False)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self._providers)

    def __contains__(self, topic: object) -> bool:
        return topic in self._providers

    def snapshot(self, topic: str, now_s: float) -> Snapshot:
        """The topic, not older than SHARED_FOR_S. Raises TopicUnavailable, KeyError for an unknown one."""
        made_at_s, made = self._made.get(topic, (-1.0, ""))
        if made_at_s < 0 or now_s - made_at_s >= SHARED_FOR_S:
            made = self._make(topic, previous=made)
            self._made[topic] = now_s, made
        if isinstance(made, str):
            raise TopicUnavailable(made)
        return made

    def _make(self, topic: str, previous: Snapshot | str) -> Snapshot | str:
        try:
            # A copy: providers may go on using the dictionaries they hand out.
            snapshot = plain(self._providers[topic]())
            if not isinstance(snapshot, dict):
                raise TypeError(f"{type(snapshot).__name__} is no snapshot")
            return snapshot
        except Exception as exc:
            # The screen is a guest: a defect in what it is shown must not end the consoles of others, nor climb the
            # tree. It is logged once, and told to whoever watches this topic.
            why = f"cannot be told ({type(exc).__name__}: {exc}); see the log"
            if why != previous:
                log.exception("topic %s: its provider failed", topic)
            return why
