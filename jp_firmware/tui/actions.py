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
        places=("connector", "planner", "faults"),
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

_KEY_NAMES: Final = {"escape": "Esc", "colon": ":", "enter": "Enter"}


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
