"""Everything an operator can do, in one table that feeds the footer, the help, the menu and the key bindings.

Terminal replies can arrive as key presses, so no bare letter or digit may change anything but the view: such an
action is on a function key or in the menu, and one that changes what the charger does is confirmed besides.
The table is data; it performs nothing.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from typing import Any, Final

import attrs

from jp_firmware.tui.incidents import FaultView
from jp_firmware.tui.views.scene import Scene

ROUTE_KEY: Final = "g"  # then a letter: the way for terminals without function keys


class Risk(enum.Enum):
    """What an action can change."""

    VIEW = "view"  # only what this terminal shows
    RECORD = "record"  # what the charger remembers, not what it does
    PLANT = "plant"  # what the charger does: always confirmed


class Target(enum.Enum):
    """What an action is about, and so what its call is told."""

    NONE = "none"
    CONNECTOR = "connector"
    FAULT = "fault"
    SITE = "site"  # asks for a power
    PLACE = "place"  # asks for a place in the tree of limits, then for the limit
    LIMIT = "limit"  # asks which of the operator's limits
    CONFIGURATION = "configuration"  # the draft, or the version that is in force


@attrs.frozen(kw_only=True)
class Action:
    """One entry. `keys` are Textual's key names; `route` is the letter after `g`; `call` is the console's method."""

    id: str
    title: str
    help: str
    short: str = ""  # for the footer; empty keeps it out
    keys: tuple[str, ...] = ()
    route: str = ""
    risk: Risk = Risk.VIEW
    target: Target = Target.NONE
    call: str = ""
    params: Mapping[str, Any] = attrs.field(factory=dict)
    places: tuple[str, ...] = ()  # workspaces whose footer and help name it first; empty is everywhere
    effect: str = ""  # what confirming it does, for the one who is asked
    local: bool = False  # its keys do something in its places only


ACTIONS: Final = (
    Action(
        id="help", title="Help", short="Help", help="What is on this screen, and all keys.", keys=("f1",), route="h"
    ),
    Action(
        id="menu",
        title="Menu of all actions",
        short="Menu",
        help="Everything that can be done now; type to find it.",
        keys=("f2", "ctrl+p", "colon"),
        route="m",
    ),
    Action(
        id="back",
        title="Back",
        short="Back",
        help="Close this, or return to the overview.",
        keys=("escape",),
        places=("connector", "planner", "faults", "config"),
    ),
    Action(
        id="go.overview",
        title="Overview",
        help="All connectors, site power, central system, health, events.",
        keys=("f3",),
        route="o",
        places=("connector", "planner", "faults"),
    ),
    Action(
        id="go.connector",
        title="Connector",
        short="Detail",
        help="One connector in full; the number of a connector after g opens that one.",
        keys=("f4",),
        route="c",
        places=("overview", "planner", "faults"),
    ),
    Action(
        id="go.faults",
        title="Fault centre",
        short="Faults",
        help="What is wrong, how bad, and what to do about it.",
        keys=("f5",),
        route="f",
        places=("overview", "connector", "planner"),
    ),
    Action(
        id="connector.start",
        title="Start charging",
        short="Start",
        help="Starts a session at the chosen connector, or arms it until a car is plugged in.",
        keys=("f6",),
        risk=Risk.PLANT,
        target=Target.CONNECTOR,
        call="connector.start",
        places=("overview", "connector"),
        effect="Authorizes a session in the operator's name. Power flows as soon as the car and the planner agree.",
    ),
    Action(
        id="connector.stop",
        title="Stop charging",
        short="Stop",
        help="Ends the session at the chosen connector in order.",
        keys=("f7",),
        risk=Risk.PLANT,
        target=Target.CONNECTOR,
        call="connector.stop",
        places=("overview", "connector"),
        effect="Ends the session in order: current to zero, contactors open, energy accounted for.",
    ),
    Action(
        id="alarm.next",
        title="Go to the next alarm",
        short="Alarm",
        help="Shows the worst fault that nobody has acknowledged.",
        keys=("f8",),
        route="a",
        places=("faults",),  # elsewhere the banner names the key while there is an alarm
    ),
    Action(
        id="fault.acknowledge",
        title="Acknowledge the chosen fault",
        short="Ack",
        help="Says that someone has seen it. It stays active until its cause is gone.",
        keys=("f9",),
        risk=Risk.RECORD,
        target=Target.FAULT,
        call="fault.acknowledge",
        places=("faults",),
    ),
    Action(
        id="fault.clear",
        title="Clear the chosen latched fault",
        help="Releases a fault whose cause is gone but which stays until someone has looked.",
        risk=Risk.PLANT,
        target=Target.FAULT,
        call="fault.clear",
        places=("faults",),
        effect="The connector may be used again at once. Clear it only after the remedy was carried out on site.",
    ),
    Action(
        id="connector.unlock",
        title="Unlock the plug",
        help="Ends a running session at the chosen connector, then releases its lock.",
        risk=Risk.PLANT,
        target=Target.CONNECTOR,
        call="connector.unlock",
        places=("connector",),
        effect="Ends a running session, then releases the plug's lock.",
    ),
    Action(
        id="connector.disable",
        title="Take out of service",
        help="No new sessions at the chosen connector; a running one ends as usual.",
        risk=Risk.PLANT,
        target=Target.CONNECTOR,
        call="connector.operative",
        params={"operative": False},
        places=("connector",),
        effect="Drivers can no longer start here. A running session goes on to its end.",
    ),
    Action(
        id="connector.enable",
        title="Put back into service",
        help="Sessions may start at the chosen connector again.",
        risk=Risk.PLANT,
        target=Target.CONNECTOR,
        call="connector.operative",
        params={"operative": True},
        places=("connector",),
        effect="Drivers can start here again at once.",
    ),
    Action(
        id="limit.set",
        title="Set the site limit",
        help="The most that all connectors together may draw.",
        risk=Risk.PLANT,
        target=Target.SITE,
        call="limit.set",
        places=("overview",),
        effect="A lower limit acts at once on running sessions; a higher one as room is measured.",
    ),
    Action(
        id="limit.put",
        title="Put a limit",
        help="Limits the site, a supply line, a chain or a connector, for a time or for good.",
        risk=Risk.PLANT,
        target=Target.PLACE,
        call="limit.put",
        places=("planner",),
        effect="Of several limits of one place the tightest counts. A cut acts at once on running sessions. This one "
        "stands in place of the operator's last limit there, and ends with the controller.",
    ),
    Action(
        id="limit.lift",
        title="Lift a limit",
        help="Takes away a limit that an operator put.",
        risk=Risk.PLANT,
        target=Target.LIMIT,
        call="limit.lift",
        places=("planner",),
        effect="Power rises as room is measured, up to the next tighter limit.",
    ),
    Action(
        id="plan.losses",
        title="If a module dies now",
        short="If lost",
        help="For each module, what its connector keeps without it, and what it has when others have moved to help.",
        keys=("ctrl+x",),
        route="x",
        places=("planner",),
    ),
    Action(
        id="go.planner",
        title="Planner",
        short="Plan",
        help="How power is shared: the four numbers, chains, modules that move, and why.",
        keys=("f12",),
        route="p",
        places=("overview", "connector", "faults"),
    ),
    Action(
        id="go.config",
        title="Configuration",
        help="All keys and their text: look up, change, check, apply, confirm, go back.",
        keys=("ctrl+e",),
        route="e",
        places=("overview", "connector", "planner", "faults"),
    ),
    Action(
        id="config.find",
        title="Find a key",
        short="Find",
        help="Searches keys and their explanations, and goes to the one that is chosen.",
        keys=("slash",),
        places=("config",),
        local=True,
    ),
    Action(
        id="config.only",
        title="Show all keys, those set, or those changed",
        help="Goes round: all keys, those that are not at their default, those that the draft changes.",
        keys=("c",),
        places=("config",),
        local=True,
    ),
    Action(
        id="config.text",
        title="Text or tree of the configuration",
        short="Text",
        help="The file as it would be, with line numbers; Enter on a line edits it. Again: the tree.",
        keys=("t",),
        places=("config",),
        local=True,
    ),
    Action(
        id="config.validate",
        title="Validate the draft",
        help="Has the charger check the draft again. It does so after each change by itself.",
        keys=("v",),
        places=("config",),
        local=True,
    ),
    Action(
        id="config.preview",
        title="Preview the draft",
        short="Preview",
        help="What applying it would take: keys, parts, sessions, who may, whether it must be confirmed.",
        keys=("p",),
        places=("config",),
        local=True,
    ),
    Action(
        id="config.apply",
        title="Apply the draft",
        short="Apply",
        help="Shows the plan, asks why, then makes the change: all of it, or nothing.",
        keys=("ctrl+o",),
        risk=Risk.PLANT,
        target=Target.CONFIGURATION,
        call="config.apply",
        places=("config",),
        effect="The charger makes the change on all parts that use these keys, or on none.",
        local=True,
    ),
    Action(
        id="config.remove",
        title="Take back, or remove, the chosen key or item",
        help="Undoes what the draft changes there; else the key goes back to its default, or the item is removed.",
        keys=("delete", "ctrl+d"),
        places=("config",),
        local=True,
    ),
    Action(
        id="config.discard",
        title="Discard the draft",
        help="Drops all unsaved changes of this terminal, after asking.",
        places=("config",),
    ),
    Action(
        id="config.history",
        title="History of the configuration",
        help="All versions: who, when, why, what differs; and the way back to one.",
        keys=("h",),
        places=("config",),
        local=True,
    ),
    Action(
        id="config.confirm",
        title="Keep the new configuration",
        help="Confirms the version that would be undone by itself otherwise.",
        keys=("ctrl+y",),
        risk=Risk.RECORD,
        target=Target.CONFIGURATION,
        call="config.confirm",
    ),
    Action(
        id="config.revert",
        title="Undo the change of the configuration",
        help="Undoes a version that is not confirmed yet at once, or gives up a change that waits for sessions.",
        keys=("ctrl+u",),
        risk=Risk.PLANT,
        target=Target.CONFIGURATION,
        call="config.revert",
        effect="All parts go back to what they were before the change; one that waits is not made.",
    ),
    Action(
        id="repaint",
        title="Repaint the screen",
        help="Draws everything anew, for a terminal that was disturbed.",
        keys=("ctrl+l",),
    ),
    Action(
        id="quit",
        title="Leave the terminal",
        short="Leave",
        help="Closes this terminal. The charger goes on.",
        keys=("f10", "ctrl+q"),
        route="q",
    ),
)

BY_ID: Final = {one.id: one for one in ACTIONS}

# Keys that terminals, multiplexers or browsers keep for themselves: never the only way to anything.
UNSAFE_ALONE: Final = frozenset(
    {f"ctrl+{letter}" for letter in "abchijmnqstwz"}
    | {"ctrl+left_square_bracket", "ctrl+right_square_bracket", "ctrl+enter", "ctrl+slash", "f11"}
)

_KEY_NAMES: Final = {"escape": "Esc", "colon": ":", "enter": "Enter", "slash": "/", "delete": "Del"}


def key_name(key: str) -> str:
    """A key as it is printed on the keyboard: `F1`, `Ctrl-L`, `Esc`."""
    if key in _KEY_NAMES:
        return _KEY_NAMES[key]
    if key.startswith("ctrl+"):
        return f"Ctrl-{key[5:].upper()}"
    return key.upper() if len(key) > 1 else key


def key_names(action: Action) -> str:
    """All ways to an action: `F2, Ctrl-P, :, g m`."""
    names = [key_name(key) for key in action.keys]
    if action.route:
        names.append(f"{ROUTE_KEY} {action.route}")
    return ", ".join(names)


def in_footer(workspace: str) -> list[Action]:
    """The actions that the footer of `workspace` names, in the table's order."""
    return [one for one in ACTIONS if one.short and (not one.places or workspace in one.places)]


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
        waiting = topic is not None and topic.change is not None and topic.change.state == "waiting"
        return "" if waits or waiting else "no change waits, for a word or for sessions"
    if not desk.dirty:
        return "there is no unsaved change"
    if waits and topic is not None and topic.unconfirmed is not None:
        return f"version {topic.unconfirmed.version} waits to be confirmed: Ctrl-Y keeps it, Ctrl-U undoes it"
    if desk.is_checked and desk.plan is not None and desk.plan.errors:
        return f"the draft has {'an error' if desk.plan.errors == 1 else f'{desk.plan.errors} errors'}"
    return ""


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
