"""What is asked before a command: the object as it is now, the effect, and what must be typed to do it."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final

from jp_firmware.tui import formatters as fmt
from jp_firmware.tui.action import Action, Target
from jp_firmware.tui.incidents import FaultView
from jp_firmware.tui.screens.dialogs import Question
from jp_firmware.tui.snapshot import ConnectorView
from jp_firmware.tui.text import Line, line, span
from jp_firmware.tui.views.scene import SEVERITY_WORDS, Scene

# The range of the key `site.limit_w` of the configuration.
_MOST_KW: Final = 10_000.0


def question_about(action: Action, scene: Scene, fault: FaultView | None) -> Question:
    """The question for `action` on what is chosen in `scene`."""
    if action.target is Target.CONNECTOR:
        number = str(scene.connector)
        return Question(
            title=f"{action.title}: connector {number}",
            about=_about_connector(scene, scene.chosen),
            effect=action.effect,
            prompt=f"Type the connector's number, {number}:",
            check=_same(number),
        )
    if action.target is Target.SITE:
        return Question(
            title=action.title,
            about=_about_site(scene),
            effect=action.effect,
            prompt="New site limit in kW:",
            check=_power_kw,
        )
    code = fault.code if fault is not None else ""
    return Question(
        title=f"{action.title}: {code}",
        about=_about_fault(scene, fault),
        effect=action.effect,
        prompt=f"Type the fault's code, {code}:",
        check=_same(code),
    )


def question_to_lift(action: Action, scene: Scene, scope: str) -> Question:
    """The question before the operator's limit at `scope` is lifted."""
    plan = scene.store.plan
    limit = next((one for one in plan.lifted_here if one.scope == scope), None) if plan is not None else None
    about: list[Line] = []
    if limit is not None:
        value = fmt.with_unit(fmt.power_kw(limit.value_w), "kW")
        until = "" if limit.expires_at is None else f"  until {scene.clock(limit.expires_at)}"
        about = [
            scene.row("Limit", scene.value(value, "strong"), span(until, "label")),
            scene.row("Why", scene.value(limit.reason)),
        ]
    return Question(
        title=f"{action.title}: {scope}",
        about=about,
        effect=action.effect,
        prompt=f"Type the place, {scope}:",
        check=_same(scope),
    )


def _same(expected: str) -> Callable[[str], str]:
    def check(typed: str) -> str:
        return "" if typed.upper() == expected.upper() else f"{expected} must be typed, that was {typed or 'nothing'}"

    return check


def _power_kw(typed: str) -> str:
    try:
        value = float(typed)
    except ValueError:
        return "a number of kW is needed"
    return "" if math.isfinite(value) and 0 <= value <= _MOST_KW else f"between 0 and {_MOST_KW:.0f} kW"


def _about_connector(scene: Scene, connector: ConnectorView | None) -> list[Line]:
    if connector is None:
        return []
    rows = [scene.row("State", scene.value(connector.state, "strong"), f"  {connector.stage_text}")]
    if connector.in_session:
        energy = fmt.with_unit(fmt.energy_kwh(connector.energy_wh), "kWh")
        power = fmt.with_unit(fmt.power_kw(connector.power_w), "kW")
        rows.append(scene.row("Session", scene.value(power), ", ", scene.value(energy), span(" so far", "label")))
        rows.append(scene.row("Token", scene.value(connector.token)))
    else:
        plugged = "" if connector.plugged is None else "a car is plugged in" if connector.plugged else "no car"
        rows.append(scene.row("Vehicle", scene.value(plugged)))
    return rows


def _about_site(scene: Scene) -> list[Line]:
    status = scene.store.status
    if status is None:
        return []
    limit = fmt.with_unit(fmt.power_kw(status.site.limit_w), "kW")
    measured = fmt.with_unit(fmt.power_kw(status.site.measured_w), "kW")
    return [
        scene.row("Limit now", scene.value(limit, "strong")),
        scene.row("Measured", scene.value(measured), span(f", {status.charging} charging", "label")),
    ]


def _about_fault(scene: Scene, fault: FaultView | None) -> list[Line]:
    if fault is None:
        return []
    return [
        line(span(f"{fault.code} {fault.title}", "strong")),
        line(
            span(f"{SEVERITY_WORDS[fault.severity]} at {fault.source}, since {scene.clock(fault.raised_at)}", "label")
        ),
    ]
