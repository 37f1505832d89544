"""Who shares with whom: the chains with what they lend and borrow, and the modules that move between connectors."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import Final

import attrs

from jp_firmware.tui import formatters as fmt
from jp_firmware.tui.plan import ChainView
from jp_firmware.tui.snapshot import ModuleView, StatusView
from jp_firmware.tui.text import Line, Span, cell, cut, line, span, to_height, width_of, wrap
from jp_firmware.tui.views.overview import WAITING
from jp_firmware.tui.views.scene import Scene

_NOTED_W: Final = 100.0  # less than that is lent by nobody


# --- chains --------------------------------------------------------------------------------------------------------


@attrs.frozen(kw_only=True)
class Group:
    """The connectors of one chain; those of a PLC board where no chain is configured for them."""

    name: str
    connectors: tuple[int, ...]
    chain: ChainView | None


def groups(status: StatusView) -> list[Group]:
    """The chains, and the PLC boards whose connectors stand in none."""
    chained = {number for one in status.chains for number in one.connectors}
    found = [Group(name=one.name, connectors=one.connectors, chain=one) for one in status.chains]
    return found + [
        Group(name=one.name, connectors=one.connectors, chain=None)
        for one in status.boards
        if not chained.intersection(one.connectors)
    ]


def chains(scene: Scene, width: int, height: int) -> list[Line]:
    """One row each: assigned power, guaranteed share, cap of the wiring, what its own modules give, what is lent."""
    status = scene.store.status
    if status is None:
        return to_height([scene.heading("CHAINS", width), WAITING], height)
    known = groups(status)
    titles = line(
        cell("CHAIN", _name_width(width), "label"),
        *(cell(f"{title} ", columns, "label", right=True) for title, columns in _columns(width)),
    )
    room = max(0, height - 2)
    more = f"{len(known) - room} more" if len(known) > room else _borrowers(scene, status)
    rows = [scene.heading("CHAINS", width, right=line(span(more, "label"))), titles]
    rows += [_group_row(scene, status, one, width) for one in known[:room]] or [line(span("none", "label"))]
    return to_height([cut(row, width, scene.symbols.ellipsis) for row in rows], height)


def _borrowers(scene: Scene, status: StatusView) -> str:
    """How many of the chains live on what others leave, where they may."""
    plan = scene.store.plan
    if not status.chains or plan is None or plan.borrowing is None:
        return "kW"
    if not plan.borrowing:
        return "no borrowing, kW"
    borrowers = sum(one.borrowed_w > _NOTED_W for one in status.chains)
    return f"{borrowers or 'none'} of {len(status.chains)} borrow{'s' if borrowers < 2 else ''}, kW"


def _name_width(width: int) -> int:
    return 9 if width < 62 else 16


def _columns(width: int) -> Sequence[tuple[str, int]]:
    """Title and width; where there is little room the first ones only."""
    narrow = (("assigned", 9), ("share", 6), ("cap", 5), ("gives", 7), ("borrows", 9))
    return narrow if width < 62 else (("assigned", 10), ("share", 8), ("cap", 7), ("gives", 9), ("borrows", 10))


def _group_row(scene: Scene, status: StatusView, group: Group, width: int) -> Line:
    members = ",".join(map(str, group.connectors))
    assigned_w = group.chain.assigned_w if group.chain is not None else _sum_assigned(status, group)
    values = [
        ("text", fmt.power_kw(assigned_w)),
        ("label", fmt.number(_kilo(group.chain.own_w)) if group.chain else ""),
        ("label", fmt.number(_kilo(group.chain.cap_w)) if group.chain else ""),
        ("text", fmt.power_kw(contribution_w(status, group))),
        ("strong", _borrowed(status, group)),
    ]
    row: list[Span] = [cell(f"{group.name} {members}", _name_width(width), "strong", ellipsis=scene.symbols.ellipsis)]
    for (_, columns), (role, text) in zip(_columns(width), values, strict=True):
        row.append(scene.field(text, columns, role) if text else cell("", columns))
    exchanged = _exchanged(scene, status, group)
    return (*row, *exchanged) if width_of((*row, *exchanged)) <= width else tuple(row)


def _sum_assigned(status: StatusView, group: Group) -> float | None:
    known = [status.connectors[number].assigned_w for number in group.connectors if number in status.connectors]
    return sum(one for one in known if one is not None) if any(one is not None for one in known) else None


def contribution_w(status: StatusView, group: Group) -> float | None:
    """What the group's own modules deliver, to whomever; None if one of them is not heard."""
    own = [one.power_w for one in status.modules if one.connector in group.connectors]
    if not own or any(one is None for one in own):
        return None
    return sum(one for one in own if one is not None)


def _borrowed(status: StatusView, group: Group) -> str:
    """`+30.0` kW beyond the chain's share; `-84.0` is left of it while others borrow. Empty where nothing is lent."""
    if group.chain is None:
        return ""
    borrowed_w = group.chain.borrowed_w
    others = any(one.borrowed_w > _NOTED_W for one in status.chains if one.name != group.name)
    if borrowed_w > _NOTED_W or (others and borrowed_w < -_NOTED_W):
        return f"{'+' if borrowed_w > 0 else ''}{fmt.power_kw(borrowed_w)}"
    return ""


def _exchanged(scene: Scene, status: StatusView, group: Group) -> Line:
    """Modules of others that feed here, and own ones that feed elsewhere."""
    placed = [(one.connector in group.connectors, one.feeds in group.connectors, one.feeds) for one in status.modules]
    away = sum(own and not here and feeds is not None for own, here, feeds in placed)
    here = sum(here and not own for own, here, _ in placed)
    words = [f"{sign}{fmt.counted(count, 'module', 'modules')}" for sign, count in (("+", here), ("-", away)) if count]
    return line(span(" "), scene.value(" ".join(words))) if words else ()


def _kilo(value_w: float | None) -> float | None:
    return None if value_w is None else value_w / 1000


# --- modules that move ---------------------------------------------------------------------------------------------


def modules(scene: Scene, width: int, height: int) -> list[Line]:
    """Those that hang on relays: where they are, the step of a move, why one waits. What happens comes first."""
    status = scene.store.status
    if status is None:
        return to_height([scene.heading("MODULES THAT MOVE", width), WAITING], height)
    moving = [one for one in status.modules if one.moves]
    if not moving:
        words = "none: each is wired to its connector" if status.modules else "none"
        return to_height([scene.heading("MODULES THAT MOVE", width), *wrap(words, width, "label")], height)
    happens = sorted((one for one in moving if _news(one)), key=lambda one: not one.move)
    still = [one for one in moving if not _news(one)]
    room = max(1, height - 1 - bool(still))
    rows: list[Line] = []
    for number, one in enumerate(happens[:room]):
        others = min(len(happens), room) - number - 1  # each of them has a row at least
        rows += _module_rows(scene, one, width, room - len(rows) - others)
    left = height - 1 - len(rows)
    if len(still) <= left:
        rows += [row for one in still for row in _module_rows(scene, one, width, 1)]
    elif left > 0:
        rows += _at_rest(scene, still, width, left)
    hidden = len(happens) - room
    right = line(span(f"{hidden} more", "label")) if hidden > 0 else ()
    return to_height([scene.heading("MODULES THAT MOVE", width, right=right), *rows], height)


def _news(module: ModuleView) -> bool:
    return bool(module.move or module.waits_for or module.locked_out or module.state in ("silent", "fault"))


def _module_rows(scene: Scene, module: ModuleView, width: int, most: int) -> list[Line]:
    """The module and its place, then what happens to it, wrapped below itself where it is long."""
    place = "free" if module.place is None else f"at {module.place}"
    if module.move:
        place = f"{scene.symbols.arrow} {'free' if module.going_to is None else module.going_to}"
    text, role = scene.value(place)
    head = line(cell(module.name, 9, "strong", ellipsis=scene.symbols.ellipsis), cell(f" {text}", 7, role))
    words, role = _happening(module)
    at = width_of(head)
    wrapped = textwrap.wrap(words, max(at + 8, width), initial_indent=" " * at, subsequent_indent="  ") or [""]
    if len(wrapped) > most:  # the last row takes all that is left, and is cut below
        wrapped[most - 1 :] = [wrapped[most - 1] + "".join(f" {one.strip()}" for one in wrapped[most:])]
    first, *others = wrapped
    rows = [(*head, span(first[at:], role)), *(line(span(one, role)) for one in others)]
    return [cut(row, width, scene.symbols.ellipsis) for row in rows]


def _happening(module: ModuleView) -> tuple[str, str]:
    """What is going on with a module, and its role."""
    if module.locked_out:
        return f"locked out: {module.locked_out}", "high"
    if module.state in ("silent", "fault"):
        return module.state, "warn"
    if module.move:
        return module.move, "active"
    if module.waits_for:
        # The charger's sentence names the module; here its name stands in front of it already.
        return f"waits: {module.waits_for.removeprefix(f'{module.name} ')}", "text"
    return module.state, "label"


def _at_rest(scene: Scene, still: Sequence[ModuleView], width: int, most: int) -> list[Line]:
    """Many modules of which nothing is to be said, by the connector they feed."""
    by_place: dict[int | None, int] = {}
    for one in still:
        by_place[one.place] = by_place.get(one.place, 0) + 1
    words = ", ".join(
        f"{count} {'free' if place is None else f'at {place}'}"
        for place, count in sorted(by_place.items(), key=lambda item: (item[0] is None, item[0] or 0))
    )
    return wrap(f"{len(still)} at rest: {words}", width, "label", most=most, ellipsis=scene.symbols.ellipsis)
