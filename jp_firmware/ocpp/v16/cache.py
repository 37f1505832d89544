"""The authorization cache of OCPP 1.6: what the central system last said of an identification.

A value in memory that can be written down and read back; it asks nobody and knows no link.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final

import attrs

from jp_firmware.model.session import Authorization, AuthorizationStatus
from jp_firmware.ocpp.envelope import Payload
from jp_firmware.ocpp.v16.translate import authorization, parse_timestamp, timestamp

CAPACITY: Final = 500  # ours
BY: Final = "cache"


@attrs.frozen
class Entry:
    """One identification. `expires_at` None means never."""

    status: str
    expires_at: datetime | None
    heard_at: datetime

    def verdict(self, now: datetime) -> Authorization:
        """What it is worth at `now`: an accepted one flips to expired."""
        if self.status == "Accepted" and self.expires_at is not None and now >= self.expires_at:
            return Authorization(AuthorizationStatus.EXPIRED, BY)
        return authorization(self.status, BY)


def _key(id_tag: str) -> str:
    return id_tag.upper()  # idTag is a CiString: its case does not count


def _keys(id_tags: Iterable[str]) -> frozenset[str]:
    return frozenset(map(_key, id_tags))


@attrs.define(eq=False)
class AuthorizationCache:
    """At most `capacity` entries; invalid ones are dropped first, then the oldest. Ids of the local list stay out."""

    local_ids: frozenset[str] = attrs.field(default=frozenset(), converter=_keys)
    capacity: int = CAPACITY
    _entries: dict[str, Entry] = attrs.field(factory=dict, init=False)

    def __len__(self) -> int:
        return len(self._entries)

    def update(self, id_tag: str, id_tag_info: Payload, now: datetime) -> bool:
        """Takes over the `idTagInfo` of an answer. Returns whether there is anything new to be kept."""
        key = _key(id_tag)
        if key in self.local_ids:
            return False
        before = self._entries.pop(key, None)
        expires_at = parse_timestamp(id_tag_info.get("expiryDate"))
        self._entries[key] = Entry(str(id_tag_info.get("status")), expires_at, now)
        while len(self._entries) > self.capacity:
            self._evict(now)
        return before is None or (before.status, before.expires_at) != (str(id_tag_info.get("status")), expires_at)

    def verdict(self, id_tag: str, now: datetime) -> Authorization | None:
        """What was said of `id_tag`, as it counts at `now`; None if nothing was."""
        entry = self._entries.get(_key(id_tag))
        return entry.verdict(now) if entry else None

    def keep_out(self, local_ids: Iterable[str]) -> None:
        """The local list holds other ids now. What was remembered of them is forgotten: the list counts."""
        self.local_ids = _keys(local_ids)
        for key in self.local_ids & self._entries.keys():
            del self._entries[key]

    def clear(self) -> None:
        self._entries.clear()

    def _evict(self, now: datetime) -> None:
        invalid = (key for key, entry in self._entries.items() if not entry.verdict(now).accepted)
        del self._entries[next(invalid, next(iter(self._entries)))]  # a dictionary keeps the order of its insertions

    def dump(self) -> dict[str, Any]:
        """The entries as JSON, oldest first."""
        return {
            key: [entry.status, timestamp(entry.expires_at) if entry.expires_at else None, timestamp(entry.heard_at)]
            for key, entry in self._entries.items()
        }

    def load(self, kept: object) -> None:
        """Takes over what an earlier run wrote down; leaves out what it cannot read."""
        for key, row in kept.items() if isinstance(kept, dict) else ():
            if not (isinstance(row, list) and len(row) == 3 and isinstance(row[0], str)):
                continue
            heard_at = parse_timestamp(row[2])
            if heard_at is not None and str(key) not in self.local_ids:
                self._entries[str(key)] = Entry(row[0], parse_timestamp(row[1]), heard_at)
