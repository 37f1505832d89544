"""What a change of the configuration takes on a charger that runs: which parts are touched, and how. Pure."""

from __future__ import annotations

from collections.abc import Iterable

import attrs

from jp_firmware.config.key import Known, Reload, Role
from jp_firmware.config.schema import Cabinet
from jp_firmware.config.text.edits import key_of, parts_of
from jp_firmware.config.told.explain import find, known
from jp_firmware.config.uses import WHOLE, Use, uses

HEAVIEST_LAST = (Reload.LIVE, Reload.NEXT_SESSION, Reload.RECONNECT, Reload.RESTART_CHILD)


@attrs.frozen
class Step:
    """One part that a change touches: how, and for which keys."""

    path: str
    how: Reload
    keys: tuple[str, ...]

    @property
    def stops(self) -> bool:
        """Whether the part is stopped and started again for it."""
        return self.how in (Reload.RECONNECT, Reload.RESTART_CHILD)


@attrs.frozen
class Effects:
    """All steps of a change, in the order of the tree."""

    steps: tuple[Step, ...]
    role: Role = Role.OPERATOR  # who may make it
    confirm: bool = False  # whether it could lock out whoever makes it, and so wants to be confirmed

    @property
    def whole(self) -> bool:
        """Whether all parts start anew."""
        return any(step.path == WHOLE and step.stops for step in self.steps)


def effects(changed: Iterable[str], cabinet: Cabinet) -> Effects:
    """What it takes that these keys change, dotted and with the names of items, in a charger that runs `cabinet`.

    Raises UnknownKey for a key that there is not.
    """
    keys = {key: declared(key) for key in changed}
    parts, orphans = list(uses(cabinet)), set(keys)
    steps = []
    for use in parts:
        mine = [key for key in keys if use.uses(key)]
        orphans -= set(mine)
        steps += _step(use, mine, keys)
    alone = sorted(key for key in orphans if keys[key].key.reload is not Reload.LIVE)
    if alone:  # no part can take these over alone, and what starts anew needs no other step
        steps = [Step(WHOLE, Reload.RESTART_CHILD, tuple(keys))]
    ranks = list(Role)
    return Effects(
        tuple(steps),
        max((one.key.role for one in keys.values()), key=ranks.index, default=Role.OPERATOR),
        confirm=any(one.key.reload is Reload.RECONNECT for one in keys.values()),
    )


def declared(key: str) -> Known:
    """The declaration that a changed key falls under: of an item of a list that comes or goes, the list's own.

    Raises UnknownKey.
    """
    above = find(key_of(parts_of(key)[:-1]))
    return above if above and above.is_list and above.is_table else known(key)


def _step(use: Use, mine: list[str], keys: dict[str, Known]) -> list[Step]:
    """A part takes all its changed keys over at once, in the way of the heaviest."""
    if not mine:
        return []
    how = max((keys[key].key.reload for key in mine), key=HEAVIEST_LAST.index)
    return [Step(use.path, how, tuple(mine))]
