"""One change of the configuration: what somebody wants, on which terms, and how far it is."""

from __future__ import annotations

import attrs
import trio

from jp_firmware.composition.configuration.handing_over import HandingOver
from jp_firmware.config.carrying_over import new_secrets
from jp_firmware.config.draft import Draft
from jp_firmware.config.kept.pending import WaitingChange
from jp_firmware.config.kept.versions import Origin, Version
from jp_firmware.model.ids import ConnectorId

CONFIRM_S = 60.0  # unless whoever changes it says another time; for what could lock them out


class ChangeRefused(Exception):
    """A change that is not made. The message says why, in one line."""


@attrs.frozen
class Resumed:
    """A version for which all parts of this process have just started anew; `confirm_s` 0: nobody needs to confirm.

    `were_up` are the parts that were up before, by their paths: those that there still are must come up again.
    """

    number: int
    confirm_s: float
    were_up: tuple[str, ...] = ()


@attrs.frozen(kw_only=True)
class Wish:
    """A change that somebody wants. `confirm_s` None: as is usual for its keys; 0: for good at once."""

    draft: Draft = attrs.field(repr=False)
    who: str
    why: str
    origin: Origin
    confirm_s: float | None = None
    force: bool = False  # sessions that it concerns are ended, in order, instead of waited for


@attrs.define(eq=False)
class Change:
    """A wish that is being carried out, or that waits. `number` names it, in the lives of the charger that it sees."""

    number: int
    wish: Wish
    waits_for: tuple[ConnectorId, ...] = ()  # sessions that it must not cut
    handing: HandingOver | None = None
    version: Version | None = None
    refused: str = ""
    answered: trio.Event = attrs.field(factory=trio.Event)  # it is over, or waits
    over: bool = False

    @property
    def id(self) -> str:
        return f"change-{self.number}"

    @property
    def confirm_s(self) -> float:
        """How long it is to wait for a word; 0: for none."""
        return self.wish.confirm_s if self.wish.confirm_s is not None else usual_confirm_s(self.wish.draft)

    @property
    def keys(self) -> str:
        """What it changes, for a person; secrets without their values."""
        return ", ".join(map(str, self.wish.draft.changes)) or "its text only"

    def as_kept(self) -> WaitingChange:
        """What the disk is to know of it while it waits. It does so only without `force`."""
        wish = self.wish
        return WaitingChange(
            number=self.number,
            base=wish.draft.base.number,
            text=wish.draft.text,
            is_text=wish.draft.is_text,
            secrets=new_secrets(wish.draft),
            who=wish.who,
            why=wish.why,
            origin=wish.origin,
            confirm_s=wish.confirm_s,
        )


def usual_confirm_s(proposed: Draft) -> float:
    """How long a change of these keys waits for a word, unless whoever makes it says another time; 0: for none."""
    return CONFIRM_S if proposed.effects.confirm else 0.0
