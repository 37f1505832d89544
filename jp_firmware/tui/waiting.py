"""The change that waits for sessions, whoever asked for it: followed to its end, looked at, and given up by its name.

While it waits, others are made beside it. What was asked for here is no draft any more once it waits; if it is not made
after all, it is one again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from jp_firmware.console.protocol import ConsoleError
from jp_firmware.tui.configuration.desk import Sent
from jp_firmware.tui.configuration.told import ChangeView, ConfigView, PlanView
from jp_firmware.tui.screens.config_pages import WaitingScreen
from jp_firmware.tui.screens.dialogs import ConfirmScreen, Question
from jp_firmware.tui.text import clean, line, span
from jp_firmware.tui.views import config_pages as pages
from jp_firmware.tui.views.scene import Scene

if TYPE_CHECKING:
    from jp_firmware.tui.application import Charger, ConsoleApp
    from jp_firmware.tui.editing import Editing

_TITLE = "Give up the change that waits"


class Waiting:
    """One terminal's view of it."""

    def __init__(self, app: ConsoleApp, charger: Charger, editing: Editing) -> None:
        self._app = app
        self._charger = charger
        self._editing = editing
        self._change: ChangeView | None = None  # the one that waits, or is made after it waited
        self._is_told = False  # the topic knows of it; what it told before is older than the answer to who asked
        self.is_mine = False  # it was asked for here
        self._sent: Sent | None = None  # the draft that it was here

    # --- its fate ----------------------------------------------------------------------------------------------------

    def begins(self, change: ChangeView, sent: Sent | None) -> None:
        """A change that was asked for here waits. `sent` is the draft that it was; None: it was none."""
        self._change, self._is_told, self.is_mine, self._sent = change, False, True, sent
        if sent is not None:
            self._editing.desk.hand_over(sent)
            self._editing.run(self._editing.check, "config-check")
        self._tell(f"{change.id} {pages.waits_for(change)}; w shows it", "warn")

    def link_lost(self) -> None:
        """It may be over, and the charger may have started anew, when the topic is told next."""
        self._is_told = True

    def heard(self, now: ConfigView) -> bool:
        """The topic was told. True if what is in force is asked for since a change of this terminal was made."""
        change, is_loaded = self._change, False
        if change is not None:
            is_over = now.last_change is not None and now.last_change.is_of(change)
            self._is_told |= is_over or now.tells_of(change)
            if self._is_told and not now.tells_of(change):
                is_loaded = self._end(change, now)
                self._change, self.is_mine, self._sent = None, False, None
        if now.waiting is not None and (self._change is None or not self._change.is_same(now.waiting)):
            self._change, self._is_told, self.is_mine, self._sent = now.waiting, True, False, None
        return is_loaded

    def _end(self, change: ChangeView, now: ConfigView) -> bool:
        """Tells how it ended. True if what is in force is asked for, to lay the draft over it."""
        last, version, desk = now.last_change, now.version, self._editing.desk
        if last is not None and last.is_of(change):
            is_made, why = last.is_made, last.why or "no reason given"
        else:  # others were over since, or this is another life of the charger
            is_made = version.number > change.base and (version.who, version.why) == (change.who, change.why)
            why = "the charger knows of it no more"
        it = f"{change.id} by {change.who or 'somebody'}"
        if is_made:
            self._tell(f"{it} is made: version {version.number} is in force", "strong")
            if self.is_mine and desk.by_hand is None:
                desk.all_done()
                self._editing.run(self._editing.load, "config-load")
                return True
        elif self._sent is not None and desk.put_back(self._sent):
            self._tell(f"{it} is not made, and is a draft again: {why}", "high")
            self._editing.run(self._editing.check, "config-check")
        else:
            self._tell(f"{it} is not made: {why}", "high")
        return False

    def _tell(self, words: str, role: str) -> None:
        self._editing.desk.outcome = (words, role)
        self._app.tell(words, role)

    # --- looking at it, and giving it up -----------------------------------------------------------------------------

    def show(self) -> None:
        """What waits for a word, and what waits for sessions with its plan."""
        topic = self._app.store.config
        if topic is None or (topic.unconfirmed is None and topic.waiting is None):
            self._app.tell("Nothing waits, neither for a word nor for sessions")
            return
        found: list[PlanView | str] = [""]
        screen = WaitingScreen(
            self._app.scene,
            "What waits",
            "Esc closes",
            lambda scene, width: pages.what_waits(scene, found[0], width),
            ("drop",),
        )
        self._app.push_screen(screen, lambda answer: self.ask_to_give_up() if answer else None)
        if topic.waiting is not None:
            self._fetch_plan(topic.waiting.id, found)

    def _fetch_plan(self, name: str, found: list[PlanView | str]) -> None:
        async def asked() -> None:
            try:
                plan = PlanView.read(await self._charger.call("config.check", waiting=name))
                found[0] = attrs.evolve(plan, beside="")  # it is the one that waits itself
            except ConsoleError as refused:
                found[0] = clean(str(refused))
            self._app.draw()

        self._editing.run(asked, "config-waiting")

    def ask_to_give_up(self) -> None:
        """Asks for its name to be typed, then gives up that one, whatever waits meanwhile."""
        topic = self._app.store.config
        waiting = topic.waiting if topic is not None else None
        if waiting is None:
            self._app.tell("No change waits for sessions")
            return
        name = waiting.id

        def still_possible(scene: Scene) -> str:
            now = scene.store.config
            if scene.stale or now is None:
                return "no link to the charger"
            return "" if now.waiting is not None and now.waiting.id == name else f"{name} does not wait any more"

        why = f": {waiting.why}" if waiting.why else ""
        question = Question(
            title=_TITLE,
            about=[line(span(f"{name} by {waiting.who or 'somebody'}{why}", "strong"))],
            effect="It is not made. What is in force stays as it is.",
            prompt=f"Type its name, {name}:",
            check=lambda typed: "" if typed.lower() == name else f"{name} must be typed, that was {typed or 'nothing'}",
        )

        def answered(answer: str | None) -> None:
            if answer:
                self._editing.applying.ask(f"Give up {name}", "config.revert", waiting=name)
            else:
                self._app.tell(f"{_TITLE}: left, nothing was done")

        self._app.push_screen(ConfirmScreen(self._app.scene, question, still_possible), answered)
