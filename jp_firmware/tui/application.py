"""The terminal's application: joins the link, the store, the screens and the actions.

It runs in a process of its own and asks the charger for everything; the charger decides what is allowed. Values are
drawn on a timer, never at the moment they arrive, so that a talkative charger cannot outrun a slow terminal.
"""

from __future__ import annotations

import asyncio
import math
import signal
import time
from collections.abc import Awaitable, Callable, Iterable
from datetime import UTC, datetime, tzinfo
from typing import Any, ClassVar, Final, Protocol

from textual import events
from textual.binding import Binding, BindingType

from jp_firmware.console.client import LinkState, Subscription
from jp_firmware.console.protocol import Snapshot
from jp_firmware.tui import layout
from jp_firmware.tui.action import ROUTE_KEY, Action, Target
from jp_firmware.tui.actions import ACTIONS, BY_ID
from jp_firmware.tui.commands import Commands
from jp_firmware.tui.driver import ConsoleDriver, DiffingDisplay
from jp_firmware.tui.editing import Editing
from jp_firmware.tui.possible import why_not
from jp_firmware.tui.screens.dialogs import Dialog, HelpScreen, MenuScreen, ReadScreen
from jp_firmware.tui.screens.losses import LossesScreen
from jp_firmware.tui.screens.main import MainScreen
from jp_firmware.tui.store import PLANNER, TOPICS, Store
from jp_firmware.tui.symbols import ASCII, FULL, Symbols
from jp_firmware.tui.themes import THEMES
from jp_firmware.tui.views import why
from jp_firmware.tui.views.scene import Scene
from jp_firmware.tui.widgets.choices import Choices

FLUSH_S: Final = 0.25
ROUTE_WAITS_S: Final = 5.0
LEAVES_WITHIN_S: Final = 10.0


class Charger(Protocol):
    """What the application needs of `console.client.AsyncConsoleClient`."""

    async def run(self) -> None: ...

    def call(self, method: str, /, **params: Any) -> Awaitable[Any]: ...

    def subscribe(
        self,
        topics: Iterable[str],
        interval_s: float,
        on_snapshot: Callable[[str, Snapshot], None],
        on_unavailable: Callable[[str, str], None] | None = None,
    ) -> Subscription | None: ...


Connect = Callable[[Callable[[LinkState], None]], Charger]


class ConsoleApp(DiffingDisplay, inherit_bindings=False):
    """`connect` makes the link, given who wants to know its state; `who` sits here. Exits with 0."""

    CSS = layout.CSS
    ENABLE_COMMAND_PALETTE = False
    TITLE = "JP charger"
    BINDINGS: ClassVar[list[BindingType]] = [
        *(
            Binding(",".join(one.keys), f"do('{one.id}')", one.title, id=one.id, show=False, priority=one.id == "quit")
            for one in ACTIONS
            if one.keys and not one.local
        ),
        Binding(ROUTE_KEY, "route", show=False),
        Binding("left", "connector_by(-1)", show=False),
        Binding("right", "connector_by(1)", show=False),
        Binding("ctrl+c", "how_to_leave", show=False),
    ]

    def __init__(
        self,
        connect: Connect,
        *,
        theme: str = "grey",
        symbols: Symbols = FULL,
        interval_s: float = 0.5,
        clock: Callable[[], float] = time.monotonic,
        wall_clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        zone: tzinfo | None = None,
        who: str = "operator",
    ) -> None:
        super().__init__(driver_class=ConsoleDriver)
        for one in THEMES.values():
            self.register_theme(one)
        self.theme = THEMES[theme].name
        self._symbols = symbols
        self.ascii_only = symbols is ASCII
        self._interval_s = interval_s
        self._clock, self._wall_clock, self._zone = clock, wall_clock, zone
        self.store = Store(link_since_s=clock())
        self.connector = 1
        self._charger = connect(self._on_link)
        self._commands = Commands(self, self._charger)
        self.editing = Editing(self, self._charger, who)
        self._watched: Subscription | None = None  # what only the planner's workspace shows
        self._due = True
        self._shown_second = 0
        self._routing_until_s = 0.0
        self._may_leave_until_s = -math.inf
        self.drawable = False  # until all widgets are there
        self.main = MainScreen()

    # --- life ------------------------------------------------------------------------------------------------------

    def get_default_screen(self) -> MainScreen:
        return self.main

    def get_theme_variable_defaults(self) -> dict[str, str]:
        return THEMES["grey"].variables

    def on_mount(self) -> None:
        loop = asyncio.get_running_loop()
        if self._driver is not None and not self.is_headless:
            # Textual installs none: without these the terminal would stay raw and in its alternate screen.
            for number in (signal.SIGTERM, signal.SIGHUP):
                loop.add_signal_handler(number, self._leave)

    def on_main_screen_ready(self) -> None:
        self.drawable = True
        self._charger.subscribe(TOPICS, self._interval_s, self._on_snapshot, self._on_unavailable)
        self.run_worker(self._charger.run(), group="link", exit_on_error=True)
        self.set_interval(FLUSH_S, self._draw_if_due)
        self.call_after_refresh(self.draw)

    def _leave(self) -> None:
        self.exit(0)

    # --- what comes from the charger -------------------------------------------------------------------------------

    def _on_link(self, state: LinkState) -> None:
        if state.up:
            self.store.link_up(self._clock())
            self.editing.link_up()
        else:
            self.store.link_down(state.reason, self._clock())
            self.editing.link_lost()
        self._due = True

    def _on_snapshot(self, topic: str, snapshot: Snapshot) -> None:
        changed = self.store.put(topic, snapshot, self._clock())
        if topic == "config":  # also unchanged: after a link that broke, that is news
            self.editing.heard()
        self._due |= changed

    def _on_unavailable(self, topic: str, why: str) -> None:
        self.store.unavailable(topic, why)
        self._due = True

    # --- drawing ---------------------------------------------------------------------------------------------------

    def scene(self) -> Scene:
        """This moment, for the views."""
        return Scene(
            store=self.store,
            symbols=self._symbols,
            now_s=self._clock(),
            now=self._wall_clock(),
            zone=self._zone,
            connector=self.connector,
            desk=self.editing.desk,
        )

    def _draw_if_due(self) -> None:
        second = int(self._clock())
        if self.main.routing and self._clock() >= self._routing_until_s:
            self.main.routing, self._due = False, True
        if self._due or second != self._shown_second:
            self._due, self._shown_second = False, second
            self.draw()

    def draw(self) -> None:
        """Draws the present moment: the main screen, and the dialogs above it. Nothing before it is `drawable`."""
        if not self.drawable:
            return
        scene = self.scene()
        status = scene.store.status
        if status is not None and status.connectors and self.connector not in status.connectors:
            self.connector = next(iter(status.connectors))
            scene = self.scene()
        for screen in self.screen_stack:
            if isinstance(screen, MainScreen | Dialog) and screen.is_mounted:
                screen.show(scene)

    def tell(self, words: str, role: str = "text") -> None:
        """Shows the result of a command in row 23, with its time."""
        clock = self._wall_clock().astimezone(self._zone).strftime("%H:%M:%S")
        self.main.tell(f"{clock} {words}", role, self._clock())
        self.draw()

    # --- what the operator does ------------------------------------------------------------------------------------

    def action_do(self, action_id: str) -> None:
        """Does one of `actions.ACTIONS`."""
        action = BY_ID[action_id]
        if (self.main.too_small or not self.drawable) and action_id not in ("quit", "repaint"):
            return
        if action.call:
            self._commands.give(action)
        elif action_id.startswith("go."):
            self.go(action_id.removeprefix("go."))
        elif action_id.startswith("config."):
            self.editing.do(action_id)
        else:
            getattr(self, f"_do_{action_id.replace('.', '_')}")()

    def go(self, workspace: str) -> None:
        """Shows a workspace. The planner's topic is told only while its workspace is looked at."""
        self.main.go(workspace)
        if workspace == "planner" and self._watched is None:
            self._watched = self._charger.subscribe(
                (PLANNER,), self._interval_s, self._on_snapshot, self._on_unavailable
            )
        elif workspace != "planner" and self._watched is not None:
            self._watched.close()
            self._watched = None
        if workspace == "config":
            self.editing.look()
        self.call_after_refresh(self.draw)

    def open_connector(self, number: int) -> None:
        """Shows one connector."""
        if self.store.status is not None and number not in self.store.status.connectors:
            self.tell(f"There is no connector {number}", "warn")
            return
        self.connector = number
        self.go("connector")

    def open_why(self, number: int) -> None:
        """Shows why a connector gets what it gets, whole."""
        title = f"Why connector {number} gets what it gets"
        self.push_screen(ReadScreen(self.scene, title, lambda scene, width: why.whole(scene, number, width)))

    def _do_plan_losses(self) -> None:
        self.push_screen(LossesScreen(self.scene, self._charger.call))

    def _do_help(self) -> None:
        self.push_screen(HelpScreen(self.scene, self.main.current))

    def _do_menu(self) -> None:
        self._open_menu([one for one in ACTIONS if one.id != "menu"], "Menu")

    def _open_menu(self, actions: list[Action], title: str) -> None:
        scene = self.scene()
        fault = self.main.chosen_fault(scene)
        # What can be done here first, what cannot be done now last.
        here = sorted(actions, key=lambda one: not (one.call and self.main.current in one.places))
        here.sort(key=lambda one: bool(why_not(one, scene, fault)))
        screen = MenuScreen(self.scene, here, lambda action, now: why_not(action, now, fault), title)
        self.push_screen(screen, self._chosen_in_menu)

    def _chosen_in_menu(self, action_id: str | None) -> None:
        if action_id:
            self.action_do(action_id)

    def _do_back(self) -> None:
        if self.main.current != "overview":
            self.go("overview")

    def _do_alarm_next(self) -> None:
        """The worst alarm nobody has acknowledged; when it is already chosen, the one after it."""
        waiting = [one.key for one in self.store.faults.unacknowledged]
        if not waiting:
            self.tell("No fault waits to be acknowledged")
            return
        chosen = self.main.chosen_fault(self.scene())
        at = waiting.index(chosen.key) + 1 if chosen is not None and chosen.key in waiting else 0
        self.go("faults")
        self.main.choose_fault(waiting[at % len(waiting)])

    def _do_repaint(self) -> None:
        self.forget_shown()
        self.screen.refresh(layout=True)

    def _do_quit(self) -> None:
        """Leaves; with something unsaved in sight only when asked once more."""
        now_s = self._clock()
        if self.editing.is_unsaved and not self.main.too_small and now_s >= self._may_leave_until_s:
            self._may_leave_until_s = now_s + LEAVES_WITHIN_S
            self.tell("Unsaved changes would be lost: the same key again leaves", "warn")
            return
        self._leave()

    def action_how_to_leave(self) -> None:
        self.tell("F10 or Ctrl-Q leaves the terminal")

    def action_connector_by(self, by: int) -> None:
        """The connector before or after, in the connector workspace."""
        status = self.store.status
        if status is None or not status.connectors or not self.drawable or self.main.current != "connector":
            return
        numbers = list(status.connectors)
        at = numbers.index(self.connector) if self.connector in numbers else 0
        self.connector = numbers[(at + by) % len(numbers)]
        self.draw()

    def action_route(self) -> None:
        """`g`: the next key is a route's letter."""
        if self.drawable and not self.main.too_small:
            self._routing_until_s = self._clock() + ROUTE_WAITS_S
            self.main.routing = True
            self.draw()

    async def on_event(self, event: events.Event) -> None:
        if isinstance(event, events.Key | events.Paste) and self.main.too_small and not self._is_way_out(event):
            return  # nobody sees what it would do, dialogs among them
        # Caught here and not by a screen of its own, so that a letter typed at once after `g` finds its way.
        if isinstance(event, events.Key) and self.main.routing:
            in_time = self._clock() < self._routing_until_s
            self.main.routing = False
            self.draw()
            if in_time:
                self._routed(event.character or "")
                return
        await super().on_event(event)

    @staticmethod
    def _is_way_out(event: events.Key | events.Paste) -> bool:
        return isinstance(event, events.Key) and event.key in (*BY_ID["quit"].keys, *BY_ID["repaint"].keys)

    def _routed(self, letter: str) -> None:
        if letter.isdecimal() and letter != "0":
            self.open_connector(int(letter))
            return
        found = next((one for one in ACTIONS if one.route and one.route == letter), None)
        if found is not None:
            self.action_do(found.id)

    def on_choices_moved(self, event: Choices.Moved) -> None:
        if event.choices.id in ("connectors", "shares") and isinstance(event.key, int):
            self.connector = event.key
        self.draw()

    def on_choices_opened(self, event: Choices.Opened) -> None:
        if event.choices.id == "connectors" and isinstance(event.key, int):
            self.open_connector(event.key)
        elif event.choices.id == "shares" and isinstance(event.key, int):
            self.open_why(event.key)
        elif event.choices.id == "config-tree":
            self.editing.opened(event.key)
        elif event.choices.id == "config-text":
            self.editing.text_opened(event.key)
        elif event.choices.id == "active":
            self._open_menu([one for one in ACTIONS if one.target is Target.FAULT], "This fault")
