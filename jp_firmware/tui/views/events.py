"""The charger's diary, newest first."""

from __future__ import annotations

from jp_firmware.tui import formatters as fmt
from jp_firmware.tui.incidents import EventView
from jp_firmware.tui.text import Line, cell, cut, line, span, to_height
from jp_firmware.tui.views.scene import Scene, worst_role

OF_THE_LOOP = "loop"  # for whoever tunes the machine: on a busy one they would leave no row for anything else


def overview_events(scene: Scene, width: int, height: int) -> list[Line]:
    """The last events in `height` rows with the heading, which also tells how many faults are active.

    Those of the event loop's own pace are left out: `jp status` sums them up, and the journal has them.
    """
    active = scene.store.faults.active
    right: Line = ()
    if active:
        worst = worst_role([one.severity for one in active])
        right = line(span(fmt.counted(len(active), "active fault", "active faults"), worst))
    elif scene.store.status is not None:
        right = line(scene.value("no active faults", "label"))
    shown = tuple(one for one in scene.store.events if one.kind != OF_THE_LOOP)
    rows = [scene.heading("EVENTS", width, right=right), *_rows(scene, shown, width)]
    return to_height(rows, height)


def connector_events(scene: Scene, width: int, height: int) -> list[Line]:
    """What happened at the chosen connector, in `height` rows with the heading."""
    source = f"connector-{scene.connector}"
    mine = tuple(one for one in scene.store.events if one.source == source)
    return to_height([scene.heading("HISTORY", width), *_rows(scene, mine, width, with_source=False)], height)


def _rows(scene: Scene, events: tuple[EventView, ...], width: int, *, with_source: bool = True) -> list[Line]:
    if not events:
        return [line(span("none yet", "label"))]
    return [_row(scene, one, width, with_source) for one in reversed(events)]


def _row(scene: Scene, event: EventView, width: int, with_source: bool) -> Line:
    ellipsis = scene.symbols.ellipsis
    row = [cell(scene.clock(event.at), 12, "label")]
    if with_source:
        row += [cell(event.source, 13, "label", ellipsis=ellipsis), (" ", "text")]
    row.append((event.text or event.kind, "text"))
    return cut(tuple(row), width, ellipsis)
