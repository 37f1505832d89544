"""What the central system says of identifications: asked, remembered in the cache, and kept in the journal.

Whether there is anybody to ask is its owner's knowledge.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime
from typing import Final

import attrs
import trio

from jp_firmware.config import schema
from jp_firmware.journal import state
from jp_firmware.journal.writer import Journal
from jp_firmware.model.session import Authorization, AuthorizationStatus, IdToken
from jp_firmware.ocpp.envelope import Payload
from jp_firmware.ocpp.outbox import Ask
from jp_firmware.ocpp.rpc import Answered, Outcome, Refused, TimedOut
from jp_firmware.ocpp.v16.cache import AuthorizationCache
from jp_firmware.ocpp.v16.keys import Keys
from jp_firmware.ocpp.v16.translate import authorization

log = logging.getLogger(__name__)

CACHE: Final = "ocpp16.cache"  # in the journal's state
CENTRAL_SYSTEM: Final = "central system"
UNREACHABLE: Final = Authorization(AuthorizationStatus.UNREACHABLE, CENTRAL_SYSTEM)
MAX_CHARS: Final = 20  # idToken of 1.6


@attrs.define(eq=False)
class Tags:
    """The verdicts of one charger's central system. Those of tags in `local_list` are nobody's business here."""

    journal: Journal
    keys: Keys
    wall: Callable[[], datetime]
    local_list: tuple[schema.LocalTag, ...]
    _cache: AuthorizationCache = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self._cache = AuthorizationCache(entry.uid for entry in self.local_list)

    @property
    def enabled(self) -> bool:
        """Whether verdicts are remembered."""
        return self.keys.flag("AuthorizationCacheEnabled")

    def configure(self, local_list: tuple[schema.LocalTag, ...]) -> None:
        """The local list is another one."""
        self.local_list = local_list
        self._cache.keep_out(entry.uid for entry in local_list)

    async def recall(self) -> None:
        """Takes over what an earlier run kept. Raises JournalError."""
        self._cache.load(await self.journal.read(lambda db: state.get(db, CACHE)))

    async def ask(self, ask: Ask, token: IdToken, within_s: float) -> Authorization:
        """Asks, for at most `within_s`. A refusal of the question refuses the token."""
        if len(token.uid) > MAX_CHARS:
            return Authorization(AuthorizationStatus.INVALID, f"OCPP 1.6: longer than {MAX_CHARS} characters")
        outcome: Outcome = TimedOut("", "Authorize")
        with trio.move_on_after(within_s):
            outcome = await ask("Authorize", {"idTag": token.uid})
        if isinstance(outcome, Answered):
            self.learn(token.uid, outcome.payload)
            return authorization(outcome.payload["idTagInfo"]["status"], CENTRAL_SYSTEM)
        if isinstance(outcome, Refused):
            log.warning("Authorize was refused with %s: %s", outcome.code, outcome.text)
            return Authorization(AuthorizationStatus.INVALID, CENTRAL_SYSTEM)
        return UNREACHABLE

    def cached(self, token: IdToken) -> Authorization | None:
        """What was said before; None without the cache, or if nothing was."""
        return self._cache.verdict(token.uid, self.wall()) if self.enabled else None

    def learn(self, id_tag: str, answer: Payload) -> None:
        """Remembers the `idTagInfo` of an answer."""
        if self.enabled and self._cache.update(id_tag, answer["idTagInfo"], self.wall()):
            self._keep()

    def forget(self) -> None:
        """ClearCache."""
        self._cache.clear()
        self._keep()

    def _keep(self) -> None:
        self.journal.post(state.Put(CACHE, self._cache.dump()))
