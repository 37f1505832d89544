"""Changes of the configuration as this terminal asks for them: planned, applied, followed to their end, undone.

A change that was asked for is followed by the topic `config`, also over a link that broke meanwhile because all of the
charger starts anew. Nothing is asked twice.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from jp_firmware.console.protocol import CallFailed, ConsoleError, ErrorCode
from jp_firmware.tui.action import Action
from jp_firmware.tui.actions import BY_ID
from jp_firmware.tui.configuration.desk import Sent
from jp_firmware.tui.configuration.told import (
    ChangeView,
    ConfigView,
    DifferenceView,
    PlanView,
    UnconfirmedView,
    VersionView,
)
from jp_firmware.tui.possible import why_not
from jp_firmware.tui.screens.config_forms import ApplyScreen
from jp_firmware.tui.screens.config_pages import DecideScreen, ProgressScreen
from jp_firmware.tui.screens.dialogs import ConfirmScreen, Dialog, Question
from jp_firmware.tui.store import Link
from jp_firmware.tui.text import clean, line, span
from jp_firmware.tui.told import count_of, numbers_of, text_of
from jp_firmware.tui.views import config_pages as pages
from jp_firmware.tui.views.scene import Scene

if TYPE_CHECKING:
    from jp_firmware.tui.application import Charger, ConsoleApp
    from jp_firmware.tui.editing import Editing

_ORIGIN: Final = "terminal"


class Applying:
    """One terminal's. `who` is kept with the versions that are made here."""

    def __init__(self, app: ConsoleApp, charger: Charger, editing: Editing, who: str) -> None:
        self._app = app
        self._charger = charger
        self._editing = editing
        self._who = who
        self._asked_of: int | None = None  # the version that a change was asked of, whose end is not known yet
        self._asking = False  # that change's answer has not come
        self._why = ""  # that change's
        self._sent: Sent | None = None  # the draft that it was asked with; None: it was none
        self._waits_for_link = False  # all parts start anew, and the link has not been cut yet
        self._waited: UnconfirmedView | None = None  # when the topic was told last

    # --- how a change ends -------------------------------------------------------------------------------------------

    @property
    def is_under_way(self) -> bool:
        """Whether a change was asked for here whose end is not known yet."""
        return self._asked_of is not None

    def link_lost(self) -> None:
        """What was said of a change before is not the last word on it."""
        self._waits_for_link = False

    def heard(self, now: ConfigView) -> None:
        """No change is under way at the charger."""
        settled = now.unconfirmed is None or now.unconfirmed.ends_at_s is not None  # it waits for nobody but a person
        if self._asked_of is not None and settled and not self._asking and not self._waits_for_link:
            self._settle(self._asked_of, now)

    def _settle(self, base: int, told: ConfigView) -> None:
        """How a change ended whose answer could not be heard. One that failed leaves the draft."""
        now, waiting, mine = told.version, told.waiting, (clean(self._who), clean(self._why))
        self._asked_of = None
        if waiting is not None and (waiting.who, waiting.why) == mine and not self._editing.waiting.is_mine:
            self._wait(waiting)
            return
        if now.number == base:
            self._end(f"Version {base} is still in force: the change was not made, or it was taken back", "high")
            return
        is_mine = (now.who, now.why) == mine
        if is_mine:
            self._done()
        words = f"In force is version {now.number} by {now.who}{': ' if now.why else ''}{now.why}"
        self._end(words, "strong" if is_mine else "high")
        self._editing.run(self._editing.load, "config-load")

    def _wait(self, change: ChangeView) -> None:
        """What was asked for here waits at the charger, which makes it by itself."""
        self._asked_of, self._editing.desk.progress = None, None
        self._editing.waiting.begins(change, self._sent)

    def _done(self) -> None:
        """What was asked for here is in force."""
        if self._sent is not None:
            self._editing.desk.taken(self._sent)
        self._editing.desk.all_done()

    def tell_fate(self, now: ConfigView) -> None:
        """What became of a version that waited to be confirmed, whoever made it."""
        waited, self._waited = self._waited, now.unconfirmed
        if waited is None or (now.unconfirmed is not None and now.unconfirmed.version == waited.version):
            return
        if now.version.number == waited.version:
            self._end(f"Configuration {waited.version} is confirmed", "strong")
        else:
            why = f": {now.version.why}" if now.version.why not in ("", "undone") else ""
            self._end(f"Configuration {waited.version} was undone{why}; in force is {now.version.number}", "high")

    def _end(self, words: str, role: str) -> None:
        self._editing.desk.outcome = (words, role)
        self._app.tell(words, role)

    # --- asking for one ----------------------------------------------------------------------------------------------

    def preview(self) -> None:
        """The plan of the draft, to be read."""
        self._with_plan("Preview the draft", to_apply=False)

    def _with_plan(self, title: str, *, to_apply: bool) -> None:
        """The plan of the draft as it is now; `to_apply`: with Enter on to its terms, unless it has errors."""

        async def planned() -> None:
            if not await self._editing.check():
                self._app.tell(
                    f"{title}: not possible, {self._editing.desk.trouble or 'the draft changed meanwhile'}", "warn"
                )
                return
            plan = self._editing.desk.plan
            assert plan is not None
            secrets = tuple(self._editing.desk.secrets)
            goes_on = to_apply and not plan.errors
            screen = DecideScreen(
                self._app.scene,
                title,
                "Enter goes on, Esc leaves it" if goes_on else "Esc closes",
                lambda scene, width: pages.plan(scene, plan, secrets, width),
                ("enter",) if goes_on else (),
            )
            self._app.push_screen(screen, lambda answer: self._ask_terms(plan) if answer else None)

        self._editing.run(planned, "config-check")

    def give(self, action: Action) -> None:
        """One of the editor's actions that change something at the charger, and are possible now."""
        if action.id == "config.confirm":
            self._confirm()
        elif action.id == "config.revert":
            topic = self._app.store.config
            if topic is not None and topic.unconfirmed is not None:
                self._ask_revert(action, topic.unconfirmed.version)
            else:
                self._editing.waiting.ask_to_give_up()
        else:
            if self._app.main.current != "config":
                self._app.go("config")
            if self._editing.desk.theirs is not None:
                self._show_theirs()
            else:
                self._with_plan("Apply the draft", to_apply=True)

    def _ask_terms(self, plan: PlanView) -> None:
        action = BY_ID["config.apply"]
        form = ApplyScreen(
            self._app.scene, "Apply the draft", plan, action.effect, lambda scene: why_not(action, scene)
        )

        def asked(answer: str | None) -> None:
            in_force = self._editing.desk.in_force
            if not answer or in_force is None:
                self._app.tell("Apply the draft: left, nothing was done")
                return
            base = in_force.version.number
            params = {**self._editing.desk.params, "base": base, "origin": _ORIGIN}
            self.carry_out("Apply the draft", "config.apply", base, params | form.params, self._editing.desk.sent())

        self._app.push_screen(form, asked)

    def carry_out(self, title: str, call: str, base: int, params: dict[str, Any], sent: Sent | None = None) -> None:
        """Asks for a change and shows how far it is. `sent` is the draft, where it is one that is asked for."""
        self._sent = sent
        self._editing.desk.progress, self._editing.desk.outcome = None, ("", "text")
        self._asked_of, self._asking, self._why = base, True, str(params["why"])
        self._app.push_screen(ProgressScreen(self._app.scene, title, pages.progress))
        answered = partial(self._answered, title, call, params | {"who": self._who})
        self._editing.run(answered, "config-apply")

    async def _answered(self, title: str, call: str, params: dict[str, Any]) -> None:
        try:
            answer = await self._charger.call(call, **params)
        except CallFailed as refused:
            self._asking = False
            if refused.code == ErrorCode.TIMED_OUT:  # it goes on, and the topic tells how it ends
                self._app.tell(f"{title}: takes longer than a call may; it goes on")
                return
            self._asked_of = None
            self._end(f"{title}: refused, {clean(str(refused))}", "high")
        except ConsoleError as lost:
            self._asking = False
            self._editing.desk.outcome = (
                f"The link broke ({clean(str(lost))}); how it ended is told when it is back",
                "warn",
            )
            self._app.draw()
        else:
            self._asking = False
            self._take_answer(title, answer if isinstance(answer, dict) else {})

    def _take_answer(self, title: str, answer: dict[str, Any]) -> None:
        result = answer.get("result")
        if result == "waiting":
            waiting = ChangeView(
                id=text_of(answer, "change"),
                state="waiting",
                who=clean(self._who),
                why=clean(self._why),
                base=count_of(answer, "base"),
                waits_for=numbers_of(answer, "waits_for"),
            )
            self._wait(waiting)
            return
        if result == "applied" and PlanView.read(answer).restarts_all:
            self._waits_for_link = self._app.store.link is Link.UP
            self._end(f"{title}: all parts start anew; how it ended is told when the charger is back", "warn")
            return
        self._asked_of = None
        if result == "applied":
            confirm_s = answer.get("confirm_s") or 0
            waits = f"; undone in {confirm_s:g} s unless confirmed: Ctrl-Y" if confirm_s else ""
            self._done()
            self._end(f"{title}: version {answer.get('version')} is in force{waits}", "strong")
            self._editing.run(self._editing.load, "config-load")
        elif result == "outdated":
            self._editing.desk.theirs = VersionView.read(answer)
            self._end(f"{title}: not done, somebody else changed the configuration meanwhile", "warn")
            while isinstance(self._app.screen, Dialog):
                self._app.pop_screen()
            self._show_theirs(DifferenceView.read(answer))
        else:
            part = f" by {answer['part']}" if answer.get("part") else ""
            self._end(f"{title}: refused{part}: {clean(str(answer.get('why') or 'no reason given'))}", "high")

    # --- two at once -------------------------------------------------------------------------------------------------

    def _show_theirs(self, told: DifferenceView | None = None) -> None:
        """Who changed what meanwhile; then the draft is laid over it, or dropped."""
        desk = self._editing.desk
        found = [told]
        screen = DecideScreen(
            self._app.scene,
            "Somebody else changed the configuration",
            "Enter keeps yours, Ctrl-D drops it, Esc",
            lambda scene, width: pages.outdated(scene, desk, found[0], width),
            ("enter", "drop"),
        )

        def decided(answer: str | None) -> None:
            if answer == "drop":
                desk.drop()
            if answer:
                self._editing.run(self._editing.load, "config-load")

        self._app.push_screen(screen, decided)
        if told is None and desk.in_force is not None and desk.theirs is not None:
            numbers = {"from": desk.in_force.version.number, "to": desk.theirs.number}
            self.fetch_difference(numbers, partial(found.__setitem__, 0))

    def fetch_difference(self, numbers: dict[str, int], take: Callable[[DifferenceView], None]) -> None:
        """Asks what differs between the versions `from` and `to`, and draws it once `take` has it."""

        async def asked() -> None:
            try:
                answer = await self._charger.call("config.diff", **numbers)
            except ConsoleError as refused:
                self._app.tell(f"Not told: {clean(str(refused))}", "warn")
                return
            take(DifferenceView.read(answer if isinstance(answer, dict) else {}))
            self._app.draw()

        self._editing.run(asked, "config-diff")

    # --- a word ------------------------------------------------------------------------------------------------------

    def _confirm(self) -> None:
        topic = self._app.store.config
        if topic is not None and topic.unconfirmed is not None:
            number = topic.unconfirmed.version
            self.ask(f"Keep configuration {number}", "config.confirm", version=number)

    def _ask_revert(self, action: Action, number: int) -> None:
        def still_possible(scene: Scene) -> str:
            """As long as it is this version that waits."""
            topic = scene.store.config
            is_there = topic is not None and topic.unconfirmed is not None and topic.unconfirmed.version == number
            return why_not(action, scene) or ("" if is_there else f"version {number} does not wait any more")

        question = Question(
            title=action.title,
            about=[line(span(f"This undoes version {number}.", "strong"))],
            effect=action.effect,
            prompt="Type undo:",
            check=lambda typed: "" if typed.lower() == "undo" else f"undo must be typed, that was {typed or 'nothing'}",
        )

        def answered(answer: str | None) -> None:
            if answer:
                self.ask(action.title, "config.revert", version=number)
            else:
                self._app.tell(f"{action.title}: left, nothing was done")

        self._app.push_screen(ConfirmScreen(self._app.scene, question, still_possible), answered)

    def ask(self, what: str, call: str, **params: Any) -> None:
        """Calls the charger, and tells in row 23 whether it accepts that."""

        async def asked() -> None:
            try:
                await self._charger.call(call, **params)
            except ConsoleError as refused:
                self._app.tell(f"{what}: refused, {clean(str(refused))}", "high")
            else:
                self._app.tell(f"{what}: accepted", "strong")

        self._app.tell(f"{what}: asked")
        self._editing.run(asked, "config-word")
