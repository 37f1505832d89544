"""The configuration's editor at work: asks the charger, shows, and takes what is typed into the draft.

The draft is this terminal's own until it is applied; the charger judges it after each change.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Hashable
from typing import TYPE_CHECKING, Any

from jp_firmware.console.protocol import ConsoleError
from jp_firmware.tui.applying import Applying
from jp_firmware.tui.configuration.desk import Desk, Only
from jp_firmware.tui.configuration.draft import MISSING, value_at, with_item, without
from jp_firmware.tui.configuration.entry import typed_of, value_of
from jp_firmware.tui.configuration.keys import Catalogue, Declared, Kind, key_text, name_of
from jp_firmware.tui.configuration.told import InForce, PlanView
from jp_firmware.tui.configuration.tree import Row
from jp_firmware.tui.screens.config_forms import (
    DEFAULT,
    ItemScreen,
    SecretScreen,
    ValueScreen,
    choose_value,
)
from jp_firmware.tui.screens.config_pages import FindScreen, TextScreen
from jp_firmware.tui.screens.dialogs import ConfirmScreen, Question
from jp_firmware.tui.text import clean, line, span
from jp_firmware.tui.told import objects_of
from jp_firmware.tui.versions import Versions
from jp_firmware.tui.waiting import Waiting

if TYPE_CHECKING:
    from jp_firmware.tui.application import Charger, ConsoleApp


class Editing:
    """One terminal's. `who` is kept with the versions that are made here."""

    def __init__(self, app: ConsoleApp, charger: Charger, who: str) -> None:
        self._app = app
        self._charger = charger
        self.desk = Desk()
        self.applying = Applying(app, charger, self, who)
        self.waiting = Waiting(app, charger, self)
        self._versions = Versions(app, charger, self, self.applying)

    # --- what the charger tells --------------------------------------------------------------------------------------

    def look(self) -> None:
        """The workspace is looked at: what is in force is asked for, if it is not known."""
        topic, known = self._app.store.config, self.desk.in_force
        if known is None or (
            topic is not None and topic.version.number != known.version.number and not self.desk.dirty
        ):
            self.run(self.load, "config-load")
        elif not self.desk.is_checked:
            self.run(self.check, "config-check")

    def link_lost(self) -> None:
        """What was said before is not the last word any more."""
        self.applying.link_lost()
        self.waiting.link_lost()

    def link_up(self) -> None:
        """What could not be asked without it is asked now; what became of the configuration, the topic tells."""
        if self.desk.trouble and self._app.main.current == "config":
            self.look()

    def heard(self) -> None:
        """The topic `config` was told anew."""
        topic, desk = self._app.store.config, self.desk
        if topic is None:
            return
        self.applying.tell_fate(topic)
        is_loaded = self.waiting.heard(topic)
        if topic.change is not None:
            desk.progress = topic.change
        elif self.applying.is_under_way:
            self.applying.heard(topic)
        elif is_loaded:
            return
        elif desk.in_force is not None and topic.version.number != desk.in_force.version.number:
            if desk.dirty:
                desk.theirs = topic.version
            elif self._app.main.current == "config":
                self.run(self.load, "config-load")

    async def load(self) -> None:
        desk = self.desk
        try:
            if not desk.catalogue:
                keys = await self._charger.call("config.keys")
                desk.catalogue = Catalogue(Declared.read(one) for one in objects_of({"keys": keys}, "keys"))
            told = InForce.read(await self._charger.call("config.values"))
        except ConsoleError as refused:
            desk.trouble = clean(str(refused))
            self._app.draw()
            return
        desk.put_in_force(told)
        self._app.draw()
        await self.check()

    async def check(self) -> bool:
        """Has the charger check the draft. False if it could not."""
        desk, revision = self.desk, self.desk.revision
        try:
            plan = PlanView.read(await self._charger.call("config.check", **desk.params))
        except ConsoleError as refused:
            desk.trouble = clean(str(refused))
        else:
            if revision == desk.revision:
                desk.take_plan(plan, revision)
        self._app.draw()
        return desk.is_checked

    def _changed(self) -> None:
        self._app.draw()
        self.run(self.check, "config-check")

    def run(self, work: Callable[[], Awaitable[Any]], group: str) -> None:
        """Has something asked of the charger, in place of what is being asked in the same group."""
        self._app.run_worker(work, group=group, exclusive=True)

    # --- keys --------------------------------------------------------------------------------------------------------

    def opened(self, key: Hashable) -> None:
        """Enter on a row of the tree."""
        row = self._row()
        if row is None or row.key != key:
            return
        if row.is_group:
            self.desk.fold(row.parts, not row.is_open)
            self._app.draw()
        elif row.shape == "removed":
            self._take_back(row)
        elif self.desk.by_hand is not None and not row.declared.secret:
            self._app.tell("The text was written by hand: go on in the text (t), or discard the draft", "warn")
        elif row.shape == "add":
            self._add(row)
        elif row.declared.secret:
            self._ask_secret(row)
        else:
            self._ask_value(row)

    @property
    def is_unsaved(self) -> bool:
        """Whether there is a draft, or a text in the editor that is not in it yet."""
        screens = self._app.screen_stack
        return self.desk.dirty or any(isinstance(one, TextScreen) and one.is_changed for one in screens)

    def _row(self) -> Row | None:
        return self._app.main.configuration.chosen(self._app.scene())

    def _ask_value(self, row: Row) -> None:
        parts, key = row.parts, row.declared
        if key.kind in (Kind.CHOICE, Kind.FLAG):
            is_set = value_at(self.desk.data, parts) is not MISSING
            picked = choose_value(self._app.scene, parts, key, row.value, is_set)

            def chosen(answer: str | None) -> None:
                if answer == DEFAULT:
                    self.desk.edit(without(self.desk.data, parts))
                elif answer:
                    self._put(row, value_of(answer, key))
                self._changed()

            self._app.push_screen(picked, chosen)
            return
        form = ValueScreen(self._app.scene, parts, key, row.value)
        self._app.push_screen(form, lambda answer: self._put(row, form.value) if answer else None)

    def _put(self, row: Row, value: Any) -> None:
        """A value that is the key's as it is changes nothing, also where it stands in no file."""
        if row.source == "default" and typed_of(value) == typed_of(row.value) and row.value is not None:
            return
        before = value_at(self.desk.base, row.parts)
        if isinstance(before, float) and not isinstance(value, bool) and isinstance(value, int):
            value = before if before == value else value
        self.desk.put(row.parts, value)
        self._changed()

    def _ask_secret(self, row: Row) -> None:
        form = SecretScreen(self._app.scene, row.parts, row.declared)

        def typed(answer: str | None) -> None:
            if answer:
                self.desk.put_secret(row.parts, form.value)
                self._changed()

        self._app.push_screen(form, typed)

    def _add(self, row: Row) -> None:
        keys = self.desk.catalogue.below(row.declared.below)
        form = ItemScreen(self._app.scene, row.parts, row.declared, keys)

        def typed(answer: str | None) -> None:
            if not answer:
                return
            held = value_at(self.desk.data, row.parts)
            items = held if isinstance(held, list) else []
            word = name_of(form.item)
            if word is not None and any(name_of(one) == word for one in items):
                self._app.tell(f"There is a {word} in {key_text(row.parts)} already", "warn")
                return
            self.desk.edit(with_item(self.desk.data, row.parts, form.item))
            self.desk.fold((*row.parts, word or str(len(items))), True)
            self._changed()

        self._app.push_screen(form, typed)

    def _take_back(self, row: Row) -> bool:
        if not self.desk.take_back(row.parts):
            return False
        self._app.tell(f"{key_text(row.parts)}: as it was")
        self._changed()
        return True

    def _do_remove(self) -> None:
        """Undoes what the draft changes; else back to the default, or an item away."""
        row, desk = self._row(), self.desk
        if row is None or desk.as_text or row.shape == "add":
            return
        if desk.by_hand is not None:
            self._app.tell("The text was written by hand: go on in the text (t), or discard the draft", "warn")
        elif row.shape in ("value", "item", "removed") and row.mark and self._take_back(row):
            return
        elif row.shape == "item" or (
            row.shape == "value" and value_at(desk.data, row.parts) is not MISSING and not row.declared.required
        ):
            desk.edit(without(desk.data, row.parts))
            self._changed()
        else:
            self._app.tell(f"{key_text(row.parts)}: there is nothing to take back", "warn")

    # --- looking -----------------------------------------------------------------------------------------------------

    def do(self, action_id: str) -> None:
        """One of the editor's actions that change nothing at the charger."""
        if self._app.main.current != "config":
            self._app.go("config")
        getattr(self, f"_do_{action_id.removeprefix('config.')}")()

    def _do_find(self) -> None:
        screen = FindScreen(self._app.scene)

        def found(answer: str | None) -> None:
            if answer and screen.found is not None:
                self.desk.show(screen.found.parts)
                self._app.main.configuration.keys.put_cursor(screen.found.key)
                self._app.draw()

        self._app.push_screen(screen, found)

    def _do_only(self) -> None:
        ways = list(Only)
        self.desk.as_text = False
        self.desk.show_only(ways[(ways.index(self.desk.only) + 1) % len(ways)])
        self._app.draw()

    def _do_text(self) -> None:
        desk, workspace = self.desk, self._app.main.configuration
        row = None if desk.as_text else self._row()
        desk.as_text = not desk.as_text
        if row is not None and (number := workspace.line_of(self._app.scene(), row.parts)) is not None:
            workspace.lines.put_cursor(number)
        self._app.draw()

    def text_opened(self, number: Hashable) -> None:
        """Enter on a line of the text."""
        if self.desk.in_force is None:
            return
        screen = TextScreen(self._app.scene, self.desk.text, number if isinstance(number, int) else 1)

        def edited(answer: str | None) -> None:
            if answer:
                self.desk.write(screen.text)
                self._changed()

        self._app.push_screen(screen, edited)

    def _do_validate(self) -> None:
        async def checked() -> None:
            if await self.check() and (plan := self.desk.plan) is not None:
                verdict = f"{plan.errors} errors" if plan.errors else "valid"
                self._app.tell(f"Validated: {verdict}, {plan.warnings} warnings", "high" if plan.errors else "strong")

        self.run(checked, "config-check")

    def _do_preview(self) -> None:
        if self.desk.dirty:
            self.applying.preview()
        else:
            self._app.tell("There is no unsaved change")

    def _do_discard(self) -> None:
        if not self.desk.dirty:
            self._app.tell("There is no unsaved change")
            return
        question = Question(
            title="Discard the draft",
            about=[line(span(f"{self.desk.count} unsaved changes", "strong"))],
            effect="Drops them; what is in force stays.",
            prompt="Type discard:",
            check=lambda typed: (
                "" if typed.lower() == "discard" else f"discard must be typed, that was {typed or 'nothing'}"
            ),
        )

        def answered(answer: str | None) -> None:
            if answer:
                self.desk.drop()
                self._app.tell("Draft discarded")
                self.run(self.load, "config-load")

        self._app.push_screen(ConfirmScreen(self._app.scene, question, lambda _scene: ""), answered)

    def _do_waiting(self) -> None:
        self.waiting.show()

    def _do_history(self) -> None:
        self._versions.show()
