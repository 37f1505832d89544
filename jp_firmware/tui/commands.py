"""How a command gets to the charger: what is asked before, what is called, and how the answer is told.

The charger decides what is allowed; nothing is called twice, and nothing about an object that was not named before.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import attrs

from jp_firmware.console.protocol import ConsoleError
from jp_firmware.tui import formatters as fmt
from jp_firmware.tui.action import Action, Risk, Target
from jp_firmware.tui.incidents import FaultView
from jp_firmware.tui.possible import why_not
from jp_firmware.tui.screens.dialogs import ConfirmScreen
from jp_firmware.tui.screens.limits import LimitScreen, limits_to_lift, places_to_limit
from jp_firmware.tui.screens.questions import question_about, question_to_lift
from jp_firmware.tui.text import clean
from jp_firmware.tui.views.scene import Scene

if TYPE_CHECKING:
    from jp_firmware.tui.application import Charger, ConsoleApp


@attrs.frozen(eq=False)
class Commands:
    """The commands of one terminal."""

    _app: ConsoleApp
    _charger: Charger

    def give(self, action: Action) -> None:
        """Asks what must be asked, then calls the charger; what is not possible now is told instead."""
        scene = self._app.scene()
        fault = self._app.main.chosen_fault(scene)
        refused = why_not(action, scene, fault)
        if refused:
            self._app.tell(f"{action.title}: not possible, {refused}", "warn")
        elif action.target is Target.CONFIGURATION:
            self._app.editing.applying.give(action)
        elif action.risk is not Risk.PLANT:
            self._call(action, scene, fault, "")
        elif action.target is Target.PLACE:
            self._put_limit(action)
        elif action.target is Target.LIMIT:
            self._lift_limit(action)
        else:
            self._confirm(action, scene, fault)

    def _confirm(self, action: Action, scene: Scene, fault: FaultView | None) -> None:
        def still_possible(now: Scene) -> str:
            """Judged for what was asked about, whatever is chosen meanwhile."""
            same = (
                None if fault is None else next((one for one in now.store.faults.active if one.key == fault.key), None)
            )
            return why_not(action, attrs.evolve(now, connector=scene.connector), same)

        screen = ConfirmScreen(self._app.scene, question_about(action, scene, fault), still_possible)
        self._app.push_screen(
            screen, self._unless_left(action, lambda answer: self._call(action, scene, fault, answer))
        )

    def _unless_left(self, action: Action, then: Callable[[str], None]) -> Callable[[str | None], None]:
        def answered(answer: str | None) -> None:
            if answer:
                then(answer)
            else:
                self._app.tell(f"{action.title}: left, nothing was done")

        return answered

    # --- limits ------------------------------------------------------------------------------------------------------

    def _put_limit(self, action: Action) -> None:
        """Above the planner, where its effect is seen: the place, then the limit."""
        self._app.go("planner")

        def asked(scope: str) -> None:
            form = LimitScreen(self._app.scene, scope, action.effect, lambda now: why_not(action, now))

            def put(_scope: str) -> None:
                value = f"{fmt.power_kw(form.params['value_w'])} kW"
                self._ask(action, f"{action.title}: {scope} to {value}", form.params)

            self._app.push_screen(form, self._unless_left(action, put))

        self._app.push_screen(places_to_limit(self._app.scene), self._unless_left(action, asked))

    def _lift_limit(self, action: Action) -> None:
        """Above the planner: which of the operator's limits, then its name to be typed."""
        self._app.go("planner")

        def asked(scope: str) -> None:
            def lift(_answer: str) -> None:
                self._ask(action, f"{action.title}: {scope}", {"scope": scope})

            def still_possible(now: Scene) -> str:
                plan = now.store.plan
                known = plan is not None and any(one.scope == scope for one in plan.lifted_here)
                return why_not(action, now) or ("" if known else "it is lifted already")

            question = question_to_lift(action, self._app.scene(), scope)
            screen = ConfirmScreen(self._app.scene, question, still_possible)
            self._app.push_screen(screen, self._unless_left(action, lift))

        self._app.push_screen(limits_to_lift(self._app.scene), self._unless_left(action, asked))

    # --- the call ----------------------------------------------------------------------------------------------------

    def _call(self, action: Action, scene: Scene, fault: FaultView | None, answer: str) -> None:
        params: dict[str, Any] = dict(action.params)
        about = ""
        if action.target is Target.CONNECTOR:
            params["connector"], about = scene.connector, f" at connector {scene.connector}"
        elif action.target is Target.FAULT and fault is not None:
            params |= {"code": fault.code, "source": fault.source}
            about = f" {fault.code} at {fault.source}"
        elif action.target is Target.SITE:
            params["site_w"] = float(answer) * 1000
            about = f" to {fmt.power_kw(params['site_w'])} kW"
        self._ask(action, f"{action.title}{about}", params)

    def _ask(self, action: Action, what: str, params: dict[str, Any]) -> None:
        self._app.tell(f"{what}: asked")
        self._app.run_worker(self._answered(action, what, params), group="calls")

    async def _answered(self, action: Action, what: str, params: dict[str, Any]) -> None:
        try:
            answer = await self._charger.call(action.call, **params)
        except ConsoleError as refused:
            self._app.tell(f"{what}: refused, {clean(str(refused))}", "high")
        else:
            told = answer if isinstance(answer, dict) else {}
            verdict = f"kept at {told['kept_at']}" if told.get("kept_at") else told.get("result") or "accepted"
            self._app.tell(f"{what}: {clean(str(verdict))}", "strong")
