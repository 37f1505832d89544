"""Why a connector gets what it gets: the limits from the car to the grid, the one that binds, and the sentence.

Besides, the limits in force, and what the loss of a module would mean.
"""

from __future__ import annotations

from collections.abc import Sequence

from jp_firmware.tui import formatters as fmt
from jp_firmware.tui.plan import LimitView, LossView, WhyView
from jp_firmware.tui.snapshot import ModuleView
from jp_firmware.tui.text import BLANK, Line, Span, cell, cut, line, span, to_height, width_of, wrap
from jp_firmware.tui.views.overview import WAITING
from jp_firmware.tui.views.scene import Scene


def why_of(scene: Scene) -> WhyView | None:
    """What is known of the chosen connector."""
    plan = scene.store.plan
    return None if plan is None else plan.connectors.get(scene.connector)


def why(scene: Scene, width: int, height: int) -> list[Line]:
    """The sentence, and the chain of limits as a table; as one line of values where there is no room for that."""
    title = f"WHY CONNECTOR {scene.connector} GETS THIS"
    right = line(span("Enter ", "key"), span("opens it", "label"))
    rows = [scene.heading(title, width, right=right)]
    known = why_of(scene)
    if known is None:
        return to_height([*rows, WAITING], height)
    sentence = _sentence(scene, known, width)
    table = _table(scene, known.links, width)
    if len(sentence) + len(table) < height:
        return to_height([*rows, *sentence, *table], height)
    crumbs = _crumbs(scene, known, width)
    sentence = _sentence(scene, known, width, most=max(1, height - 1 - len(crumbs)))
    return to_height([*rows, *sentence, *crumbs], height)


def _sentence(scene: Scene, known: WhyView, width: int, most: int = 0) -> list[Line]:
    role = "stale" if scene.plan_stale else "text"
    return wrap(fmt.marked(known.sentence, scene.plan_stale), width, role, most=most, ellipsis=scene.symbols.ellipsis)


def _crumbs(scene: Scene, known: WhyView, width: int) -> list[Line]:
    """`the car 172.5 → modules 90 → [site limit 67.5]`, in as many rows as that takes.

    Of several limits of one place only the tightest: the others can decide nothing.
    """
    rows: list[Line] = []
    row: list[Span] = []
    arrow = f" {scene.symbols.arrow} "
    for number, link in enumerate(_deciding(known.links)):
        value = fmt.power_kw(link.value_w).removesuffix(".0")
        text = f"{link.owner} {fmt.marked(value, scene.plan_stale)}"
        part = (f"[{text}]", "strong") if link.binds else (text, "stale" if scene.plan_stale else "label")
        if row and width_of(tuple(row)) + len(arrow) + len(part[0]) > width:
            rows.append(tuple(row))
            row = []
        row += [(arrow if number else "", "rule"), part] if row or not number else [(arrow[1:], "rule"), part]
    rows.append(tuple(row))
    return [cut(one, width, scene.symbols.ellipsis) for one in rows]


def _deciding(links: Sequence[LimitView]) -> list[LimitView]:
    """Those that could bind. What a connector's own place says comes from the car, the cable, modules: all of it."""
    tightest: dict[str, float] = {}
    for link in links:
        if link.value_w is not None:
            tightest[link.scope] = min(link.value_w, tightest.get(link.scope, link.value_w))
    return [
        one
        for one in links
        if one.binds or one.scope.startswith("connector-") or one.value_w == tightest.get(one.scope, one.value_w)
    ]


def _table(scene: Scene, links: Sequence[LimitView], width: int) -> list[Line]:
    """One row a limit: what it is, where, how much, why, until when; a sign in front of the one that binds."""
    return [_limit_row(scene, one, width) for one in links]


def _limit_row(scene: Scene, link: LimitView, width: int) -> Line:
    owner = 20 if width < 90 else 26
    place = 14 if width < 90 else 18
    until = f"until {scene.clock(link.expires_at)}" if link.expires_at is not None else ""
    then = "" if link.safe_w is None or not until else f", then {fmt.power_kw(link.safe_w)} kW"
    text, role = _value(scene, fmt.power_kw(link.value_w), "strong" if link.binds else "text")
    reason = ", ".join(part for part in (link.reason, _at_grid(link), f"{until}{then}") if part)
    row = line(
        span(scene.symbols.cursor if link.binds else " ", "strong"),
        span(" "),
        cell(link.owner, owner, "strong" if link.binds else "text", ellipsis=scene.symbols.ellipsis),
        cell(f" {link.scope}", place, "label", ellipsis=scene.symbols.ellipsis),
        cell(text, 8, role, right=True),
        span("kW  " if link.value_w is not None else "    ", "label"),
        span("binds: " if link.binds else "", "strong"),
        span(reason, "label"),
    )
    return cut(row, width, scene.symbols.ellipsis)


def _at_grid(link: LimitView) -> str:
    """What was set, where modules lose some of it on the way to the connectors."""
    return "" if link.grid_w is None else f"{fmt.power_kw(link.grid_w)} kW at the grid"


def _value(scene: Scene, text: str, role: str) -> Span:
    marked, shown = scene.value(text, role, old=scene.plan_stale)
    return (marked if marked.endswith(fmt.STALE_MARK) else f"{marked} ", shown)


def limits(scene: Scene, width: int, height: int) -> list[Line]:
    """All limits in force."""
    plan = scene.store.plan
    known = () if plan is None else plan.limits
    room = max(1, height - 1)
    words = f"{len(known) - room} more" if len(known) > room else "F2 puts and lifts them"
    rows = [scene.heading("LIMITS IN FORCE", width, right=line(span(words, "label")))]
    if plan is None:
        return to_height([*rows, WAITING], height)
    return to_height([*rows, *_table(scene, known[:room], width)], height)


def whole(scene: Scene, number: int, width: int) -> list[Line]:
    """The page behind Enter: everything about one connector's share, nothing cut."""
    plan, status = scene.store.plan, scene.store.status
    known = None if plan is None else plan.connectors.get(number)
    if known is None or status is None:
        return [WAITING]
    rows = [*_sentence(scene, known, width), BLANK, scene.heading("FROM THE CAR TO THE GRID", width)]
    for link in known.links:
        rows += _whole_limit(scene, link, width)
    here = [one for one in status.modules if number in (one.feeds, one.going_to)]
    rows += [BLANK, scene.heading("MODULES", width), *(_module(scene, one, number, width) for one in here)]
    if not here:
        rows.append(line(span("none feeds it", "label")))
    for one in status.modules:
        if one.waits_for:
            rows += wrap(f"A move waits: {one.waits_for}.", width)
    if plan is not None and plan.site_sentence:
        rows += [BLANK, scene.heading("THE SITE", width), *wrap(plan.site_sentence, width)]
    return rows


def _whole_limit(scene: Scene, link: LimitView, width: int) -> list[Line]:
    """A limit with its owner, place, reason and end, wrapped beside its value."""
    value = _value(scene, fmt.power_kw(link.value_w), "strong" if link.binds else "text")
    until = "" if link.expires_at is None else f", until {scene.clock(link.expires_at)}"
    binds = "; this one binds" if link.binds else ""
    grid = f", {_at_grid(link)}" if link.grid_w is not None else ""
    words = f"{link.owner} at {link.scope}: {link.reason or 'no reason given'}{grid}{until}{binds}"
    first, *others = wrap(words, width - 14, "strong" if link.binds else "text")
    return [(*_head(scene, link, value), *first), *((span(" " * 14), *one) for one in others)]


def _head(scene: Scene, link: LimitView, value: Span) -> Line:
    """The mark of the one that binds, and the value: 14 cells."""
    text, role = value
    unit = "kW  " if link.value_w is not None else "    "
    mark = scene.symbols.cursor if link.binds else " "
    return (span(f"{mark} ", "strong"), cell(text, 8, role, right=True), span(unit, "label"))


def _module(scene: Scene, module: ModuleView, number: int, width: int) -> Line:
    words = f"comes, {module.move}" if module.going_to == number and module.feeds != number else module.state
    power = fmt.with_unit(fmt.power_kw(module.power_w), "kW")
    row = line(span("  "), cell(module.name, 12), scene.value(words), span("  "), scene.value(power))
    return cut(row, width, scene.symbols.ellipsis)


# --- the loss of a module ------------------------------------------------------------------------------------------


def losses(scene: Scene, told: Sequence[LossView], width: int) -> list[Line]:
    """One row a module, those that nothing could make good first."""
    if not told:
        return [line(span("this charger has no modules", "label"))]
    titles = (cell(f"{title} ", 10, "label", right=True) for title in ("has", "keeps", "then"))
    rows = [cut(line(cell("MODULE", 12, "label"), cell("FEEDS", 7, "label"), *titles), width, scene.symbols.ellipsis)]
    for one in sorted(told, key=lambda one: (one.covered, one.connector is None)):
        rows.append(cut(_loss(one), width, scene.symbols.ellipsis))
    rows += [BLANK, *wrap(_LOSSES_WORDS, width, "label")]
    return rows


_LOSSES_WORDS = (
    "In kW, for the connector that the module feeds: what it has now, what it keeps at once without this module, and "
    "what it has when other modules have moved to help."
)


def _loss(loss: LossView) -> Line:
    if loss.connector is None:
        return line(cell(loss.module, 12), span("idle   ", "label"), span("nobody loses power", "label"))
    numbers = [cell(f"{fmt.power_kw(one)} ", 10, right=True) for one in (loss.had_w, loss.keeps_w, loss.regains_w)]
    moves = f", {fmt.counted(loss.moves, 'move', 'moves')}" if loss.moves else ""
    verdict = span(f"  covered{moves}", "label") if loss.covered else span("  not covered", "warn")
    return line(cell(loss.module, 12, "strong"), cell(str(loss.connector), 7), *numbers, verdict)
