"""Ways through a tree: its parts by their paths, the nearest names for a path that is none, and what they went through.

Paths are the names from the root down, joined by "/"; the root's own name may stand in front or be left out.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from typing import Any

import trio

from jp_firmware.nursery.child import Branch, Lifeline


class UnknownPath(LookupError):
    """There is no part of that path; the message names the nearest ones."""


def parts(tree: Branch, above: str = "") -> Iterator[tuple[str, Branch, Lifeline]]:
    """Each part below `tree`, a supervisor before its children: its path, what it stands under, and itself."""
    for one in tree.lifelines:
        path = f"{above}{one.name}"
        yield path, tree, one
        if one.child.subtree:
            yield from parts(one.child.subtree, f"{path}/")


def find(tree: Branch, path: str) -> tuple[Branch, Lifeline]:
    """The part of that path, and the supervisor it stands under. Raises UnknownPath."""
    wanted = relative(tree, path)
    known = {}
    for at, above, one in parts(tree):
        if at == wanted:
            return above, one
        known[at] = one
    raise UnknownPath(f"there is no {path!r} in the tree; {nearest(wanted, list(known))}")


def relative(tree: Branch, path: str) -> str:
    """`path` without the name of the root; "" for the root itself."""
    wanted = path.strip("/")
    return "" if wanted == tree.name else wanted.removeprefix(f"{tree.name}/")


def nearest(path: str, known: list[str]) -> str:
    """ "did you mean …?": parts of the same name elsewhere, then paths and names that look alike; else the topmost."""
    names = {one: one.rpartition("/")[2] for one in known}
    wanted = path.rpartition("/")[2]
    alike = difflib.get_close_matches(wanted, set(names.values()), n=3)
    close = [one for one in known if names[one] == wanted]
    if not close:
        close = difflib.get_close_matches(path, known, n=3)
        close += [one for name in alike for one in known if names[one] == name and one not in close]
    if close:
        return f"did you mean {' or '.join(close[:3])}?"
    return f"known: {', '.join(one for one in known if '/' not in one)}"


def history(tree: Branch, path: str = "", limit: int = 100) -> list[dict[str, Any]]:
    """What happened to a part and all below it, or to the whole tree: the latest `limit`, newest last, with ages.

    Raises UnknownPath.
    """
    wanted = relative(tree, path)
    if wanted:
        find(tree, wanted)
    chosen = [one for at, _, one in parts(tree) if not wanted or at == wanted or at.startswith(f"{wanted}/")]
    moments = sorted((moment for one in chosen for moment in one.history), key=lambda moment: moment.at_s)
    now_s = trio.current_time()
    return [moment.told(now_s) for moment in moments[-limit:]]
