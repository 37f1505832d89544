"""Which actions can be done now, and why the others cannot."""

from __future__ import annotations

from jp_firmware.tui.action import Action, Target
from jp_firmware.tui.incidents import FaultView
from jp_firmware.tui.views.scene import Scene


def why_not(action: Action, scene: Scene, fault: FaultView | None = None) -> str:
    """Why an action cannot be done now, in a few words; empty if it can."""
    if not action.call:
        return ""
    if scene.stale or scene.store.status is None:
        return "no link to the charger"
    if action.target is Target.FAULT:
        return _why_not_fault(action, fault)
    if action.target is Target.CONNECTOR:
        return _why_not_connector(action, scene)
    if action.target is Target.CONFIGURATION:
        return _why_not_configuration(action, scene)
    plan = scene.store.plan
    if action.target is Target.LIMIT and plan is not None and not scene.plan_stale and not plan.lifted_here:
        return "no limit of the operator's is in force"
    return ""


def _why_not_fault(action: Action, fault: FaultView | None) -> str:
    if fault is None or fault.cleared_at is not None:
        return "no active fault is chosen"
    if action.id == "fault.acknowledge" and fault.acknowledged:
        return "already acknowledged"
    if action.id == "fault.clear" and fault.cause_present:
        return "its cause is still present"
    return ""


def _why_not_configuration(action: Action, scene: Scene) -> str:
    topic, desk = scene.store.config, scene.desk
    waits = topic is not None and topic.unconfirmed is not None
    if action.id == "config.confirm":
        return "" if waits else "no version waits to be confirmed"
    if action.id == "config.revert":
        waiting = topic is not None and topic.waiting is not None
        return "" if waits or waiting else "no change waits, for a word or for sessions"
    if not desk.dirty:
        return "there is no unsaved change"
    if desk.theirs is None and (refused := why_no_change(scene)):  # else what somebody else changed is only shown
        return refused
    if desk.is_checked and desk.plan is not None and desk.plan.errors:
        return f"the draft has {'an error' if desk.plan.errors == 1 else f'{desk.plan.errors} errors'}"
    return ""


def why_no_change(scene: Scene) -> str:
    """Why the configuration cannot be changed now, whatever the change is: one at a time, but for one that waits."""
    topic = scene.store.config
    if topic is None:
        return ""
    if topic.unconfirmed is not None:
        return f"version {topic.unconfirmed.version} waits to be confirmed: Ctrl-Y keeps it, Ctrl-U undoes it"
    return "another change is being made" if topic.change is not None else ""


def _why_not_connector(action: Action, scene: Scene) -> str:
    connector = scene.chosen
    if connector is None:
        return f"there is no connector {scene.connector}"
    if action.id == "connector.start":
        if connector.in_session:
            return "a session is running"
        if connector.operative is False or connector.state == "unavailable":
            return "out of service"
        if connector.state == "faulted":
            return "the connector is faulted"
    if action.id == "connector.stop" and not connector.in_session:
        return "no session is running"
    if action.id == "connector.disable" and connector.operative is False:
        return "already out of service"
    if action.id == "connector.enable" and connector.operative is not False:
        return "already in service"
    return ""
