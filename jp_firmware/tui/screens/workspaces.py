"""The workspaces that show the plant: which panels each is made of, and what is chosen in them."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence

from textual.app import ComposeResult
from textual.containers import Container, Horizontal, Vertical

from jp_firmware.tui.incidents import FaultView
from jp_firmware.tui.screens.workspace import Workspace
from jp_firmware.tui.snapshot import ConnectorView
from jp_firmware.tui.text import Line
from jp_firmware.tui.views import connector, connector_table, events, faults, overview, planner, sharing, why
from jp_firmware.tui.views.scene import Scene
from jp_firmware.tui.widgets.choices import Choices
from jp_firmware.tui.widgets.panel import Build, Panel


class Overview(Workspace):
    """The whole charger on one screen."""

    title = "Overview"
    hint = "Up/Down choose a connector, Enter opens it"

    def __init__(self, id: str) -> None:
        super().__init__(id)
        self.connectors = Choices(
            connector_table.connectors_header,
            _connectors,
            connector_table.connector_row,
            lambda _scene: overview.WAITING,
            id="connectors",
        )

    @property
    def first(self) -> Choices:
        return self.connectors

    def show(self, scene: Scene) -> None:
        self.connectors.put_cursor(scene.connector)
        super().show(scene)

    def compose(self) -> ComposeResult:
        with Vertical(id="overview-main"):
            yield Panel(_fixed(overview.site), id="site")
            yield self.connectors
        with Vertical(id="overview-side"):
            with Horizontal(id="cards"):
                yield Panel(_fixed(overview.backend), id="backend")
                yield Panel(_fixed(overview.health), id="health")
            yield Panel(events.overview_events, id="events")


class Connector(Workspace):
    """One connector in full."""

    title = "Connector"
    hint = "Left/Right the connector before or after, F2 more actions"

    def compose(self) -> ComposeResult:
        yield Panel(_fixed(connector.tabs), id="tabs")
        yield Panel(connector.live, id="live")
        with Container(id="connector-cards"):
            yield Panel(connector.session, id="session")
            yield Panel(connector.power, id="power")
            yield Panel(connector.vehicle, id="vehicle")
            yield Panel(connector.plug, id="plug")
        with Horizontal(id="connector-foot"):
            yield Panel(connector.faults, id="connector-faults")
            yield Panel(events.connector_events, id="history")

    def heading(self, scene: Scene) -> str:
        return f"Connector {scene.connector}"


class Planner(Workspace):
    """How power is shared, and why each connector gets what it gets."""

    title = "Planner"
    hint = "Up/Down choose a connector, Enter tells why in full, F2 puts and lifts limits"

    def __init__(self, id: str) -> None:
        super().__init__(id)
        self.connectors = Choices(
            planner.connectors_header, _connectors, planner.connector_row, planner.nothing, id="shares"
        )

    @property
    def first(self) -> Choices:
        return self.connectors

    def show(self, scene: Scene) -> None:
        self.connectors.put_cursor(scene.connector)
        super().show(scene)

    def compose(self) -> ComposeResult:
        with Vertical(id="planner-main"):
            yield Panel(planner.site, id="planner-site")
            yield self.connectors
            with Horizontal(id="planner-cards"):
                yield Panel(sharing.chains, id="chains")
                yield Panel(sharing.modules, id="movers")
        with Vertical(id="planner-side"):
            yield Panel(why.why, id="why")
            yield Panel(why.limits, id="limits")


class Faults(Workspace):
    """What is wrong, and what to do about it."""

    title = "Fault centre"
    hint = "Up/Down choose a fault, Enter its actions, Tab between active and recent"

    def __init__(self, id: str) -> None:
        super().__init__(id)
        self.active = Choices(faults.active_header, _active, faults.active_row, faults.nothing, id="active")
        self.recent = Choices(faults.recent_header, _recent, faults.recent_row, faults.nothing, id="recent")

    @property
    def first(self) -> Choices:
        return self.active

    def compose(self) -> ComposeResult:
        yield Panel(_fixed(faults.counters), id="counters")
        with Container(id="fault-body"):
            with Vertical(id="fault-lists"):
                yield self.active
                yield self.recent
            yield Panel(self._detail, id="detail")

    def chosen(self, scene: Scene) -> FaultView | None:
        """The fault under the cursor: of the recent ones while their list has the focus, else of the active ones."""
        if self.recent.has_focus:
            return dict(_recent(scene)).get(self.recent.cursor)
        return dict(_active(scene)).get(self.active.cursor)

    def _detail(self, scene: Scene, width: int, height: int) -> list[Line]:
        return faults.detail(scene, self.chosen(scene), width, height)


def _fixed(build: Callable[[Scene, int], list[Line]]) -> Build:
    """A view that needs no height, as one that is told it."""
    return lambda scene, width, _height: build(scene, width)


def _connectors(scene: Scene) -> Sequence[tuple[Hashable, ConnectorView]]:
    return [] if scene.store.status is None else list(scene.store.status.connectors.items())


def _active(scene: Scene) -> Sequence[tuple[Hashable, FaultView]]:
    return [(one.key, one) for one in scene.store.faults.active]


def _recent(scene: Scene) -> Sequence[tuple[Hashable, FaultView]]:
    return [((*one.key, one.raised_at), one) for one in scene.store.faults.recent]
