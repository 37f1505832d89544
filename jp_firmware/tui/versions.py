"""The history of the configuration: all versions, what differs since one, and the way back to it."""

from __future__ import annotations

from collections.abc import Hashable
from functools import partial
from typing import TYPE_CHECKING, Final

from jp_firmware.console.protocol import ConsoleError
from jp_firmware.tui.actions import BY_ID
from jp_firmware.tui.applying import Applying
from jp_firmware.tui.configuration.told import DifferenceView, PlanView, VersionView
from jp_firmware.tui.possible import why_no_change
from jp_firmware.tui.screens.config_forms import ApplyScreen
from jp_firmware.tui.screens.config_pages import DecideScreen
from jp_firmware.tui.screens.forms import PickScreen
from jp_firmware.tui.text import clean
from jp_firmware.tui.told import objects_of
from jp_firmware.tui.views import config_pages as pages
from jp_firmware.tui.views.scene import Scene

if TYPE_CHECKING:
    from jp_firmware.tui.application import Charger, ConsoleApp
    from jp_firmware.tui.editing import Editing

_VERSIONS: Final = 100  # that the history shows


class Versions:
    """One terminal's look at them. Going back is a change as any other: `applying` carries it out."""

    def __init__(self, app: ConsoleApp, charger: Charger, editing: Editing, applying: Applying) -> None:
        self._app = app
        self._charger = charger
        self._editing = editing
        self._applying = applying

    def show(self) -> None:
        """All versions, the newest first."""

        async def asked() -> None:
            try:
                answer = await self._charger.call("config.history", limit=_VERSIONS)
            except ConsoleError as refused:
                self._app.tell(f"History: not told, {clean(str(refused))}", "warn")
                return
            versions = [VersionView.read(one) for one in objects_of({"versions": answer}, "versions")]
            items: list[tuple[Hashable, VersionView]] = [(one.number, one) for one in versions]
            screen = PickScreen(
                self._app.scene, "History", lambda _scene: items, pages.history_row, pages.history_header
            )
            self._app.push_screen(screen, lambda chosen: self._show_version(chosen, versions))

        self._editing.run(asked, "config-history")

    def _show_version(self, chosen: str | None, versions: list[VersionView]) -> None:
        known = next((one for one in versions if str(one.number) == chosen), None)
        if known is None:
            return
        latest = max(one.number for one in versions)
        found: list[DifferenceView | None] = [None]
        screen = DecideScreen(
            self._app.scene,
            f"Version {known.number}",
            "Esc closes",
            lambda scene, width: pages.version(scene, known, latest, found[0], width),
            ("enter",) if known.number != latest else (),
        )
        self._app.push_screen(screen, lambda answer: self._plan_rollback(known) if answer else None)
        if known.number != latest:
            numbers = {"from": known.number, "to": latest}
            self._applying.fetch_difference(numbers, partial(found.__setitem__, 0))

    def _plan_rollback(self, known: VersionView) -> None:
        """What going back takes, then on which terms."""
        title = f"Go back to version {known.number}"

        async def planned() -> None:
            try:
                told = await self._charger.call("config.show", version=known.number)
                text = told.get("text") if isinstance(told, dict) else told
                plan = PlanView.read(await self._charger.call("config.check", text=text))
            except ConsoleError as refused:
                self._app.tell(f"{title}: not possible, {clean(str(refused))}", "warn")
                return
            screen = DecideScreen(
                self._app.scene,
                title,
                "Enter goes on, Esc leaves it",
                lambda scene, width: pages.plan(scene, plan, (), width),
                ("enter",) if not plan.errors else (),
            )
            self._app.push_screen(screen, lambda answer: self._rollback(title, known, plan) if answer else None)

        self._editing.run(planned, "config-history")

    def _rollback(self, title: str, known: VersionView, plan: PlanView) -> None:
        action = BY_ID["config.apply"]

        def still_possible(scene: Scene) -> str:
            return "no link to the charger" if scene.stale else why_no_change(scene)

        form = ApplyScreen(self._app.scene, title, plan, action.effect, still_possible)

        def asked(answer: str | None) -> None:
            topic = self._app.store.config
            if not answer or topic is None:
                self._app.tell(f"{title}: left, nothing was done")
                return
            self._applying.carry_out(
                title, "config.rollback", topic.version.number, {"version": known.number} | form.params
            )

        self._app.push_screen(form, asked)
