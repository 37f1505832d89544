"""The table of actions: one source for keys, footer, help and menu, and none of it dangerous by accident."""

from collections import Counter
from datetime import UTC

import pytest

from jp_firmware.tui.action import ROUTE_KEY, UNSAFE_ALONE, Action, Risk, key_name, key_names
from jp_firmware.tui.actions import ACTIONS, BY_ID, in_footer
from jp_firmware.tui.incidents import FaultView
from jp_firmware.tui.possible import why_not
from jp_firmware.tui.store import Store
from jp_firmware.tui.symbols import FULL
from jp_firmware.tui.text import plain
from jp_firmware.tui.views.help import help_lines
from jp_firmware.tui.views.scene import Scene
from tests.tui import cabinet

each_action = pytest.mark.parametrize("action", ACTIONS, ids=lambda one: one.id)


def scene(connector: int = 1, *, status=None, up: bool = True) -> Scene:
    store = Store()
    if up:
        store.link_up(0.0)
        store.put("status", status or cabinet.status(), 1.0)
    return Scene(store=store, symbols=FULL, now_s=1.0, now=cabinet.NOW, zone=UTC, connector=connector)


def test_ids_keys_and_routes_are_each_used_once() -> None:
    for used in (
        [one.id for one in ACTIONS],
        [key for one in ACTIONS for key in one.keys],
        [one.route for one in ACTIONS if one.route],
    ):
        assert [name for name, count in Counter(used).items() if count > 1] == []


@each_action
def test_no_bare_letter_digit_or_route_changes_anything_but_the_view(action: Action) -> None:
    if action.risk is not Risk.VIEW:
        assert all(key.startswith("ctrl+") or (key.startswith("f") and key[1:].isdecimal()) for key in action.keys)
        assert action.route == ""


@each_action
def test_what_changes_something_asks_the_charger_and_the_view_does_not(action: Action) -> None:
    assert bool(action.call) == (action.risk is not Risk.VIEW)


@each_action
def test_what_changes_the_plant_says_what_it_does_before(action: Action) -> None:
    assert bool(action.effect) == (action.risk is Risk.PLANT)


@each_action
def test_no_action_depends_on_a_key_that_terminals_keep_for_themselves(action: Action) -> None:
    if action.keys:
        assert set(action.keys) - UNSAFE_ALONE
    assert ROUTE_KEY not in action.keys


@pytest.mark.parametrize("action", [one for one in ACTIONS if one.risk is Risk.VIEW and one.keys], ids=lambda o: o.id)
def test_every_view_on_a_function_key_has_another_way(action: Action) -> None:
    """VT220 and serial consoles may have no function keys; Esc and Ctrl keys they do have."""
    if all(key.startswith("f") and key[1:].isdecimal() for key in action.keys):
        assert action.route


@each_action
def test_help_is_one_sentence_or_more(action: Action) -> None:
    assert action.title
    assert action.help.endswith((".", "!"))


@pytest.mark.parametrize("workspace", ["overview", "connector", "planner", "config", "faults"])
def test_footer_starts_with_help_and_ends_with_the_way_out_and_fits(workspace: str) -> None:
    actions = in_footer(workspace)
    text = "  ".join(f"{key_name(one.keys[0])} {one.short}" for one in actions)

    assert (actions[0].id, actions[-1].id) == ("help", "quit")
    assert len(f" {text}") <= 80


@pytest.mark.parametrize("workspace", ["overview", "connector", "planner", "config", "faults"])
def test_help_names_every_action_with_its_keys(workspace: str) -> None:
    text = "\n".join(plain(row) for row in help_lines(workspace, 70))

    for action in ACTIONS:
        assert action.title in text
        assert key_names(action) in text


class TestWhyNot:
    def test_start_needs_a_connector_that_is_free_and_in_service(self) -> None:
        start = BY_ID["connector.start"]

        assert why_not(start, scene(3)) == ""
        assert why_not(start, scene(1)) == "a session is running"
        assert why_not(start, scene(4)) == "the connector is faulted"
        assert why_not(start, scene(9)) == "there is no connector 9"
        status = cabinet.status()
        status["connectors"]["3"]["operative"] = False
        assert why_not(start, scene(3, status=status)) == "out of service"

    def test_stop_needs_a_session(self) -> None:
        assert why_not(BY_ID["connector.stop"], scene(1)) == ""
        assert why_not(BY_ID["connector.stop"], scene(3)) == "no session is running"

    def test_service_is_taken_and_given_once(self) -> None:
        assert why_not(BY_ID["connector.disable"], scene(3)) == ""
        assert why_not(BY_ID["connector.enable"], scene(3)) == "already in service"

    def test_only_a_fault_whose_cause_is_gone_can_be_cleared(self) -> None:
        clear, acknowledge = BY_ID["fault.clear"], BY_ID["fault.acknowledge"]
        present = FaultView.read(cabinet.EMERGENCY_STOP)
        gone = FaultView.read(cabinet.EMERGENCY_STOP | {"cause_present": False})

        assert why_not(clear, scene(), present) == "its cause is still present"
        assert why_not(clear, scene(), gone) == ""
        assert why_not(acknowledge, scene(), present) == ""
        assert why_not(acknowledge, scene(), FaultView.read(cabinet.FROZEN_METER)) == "already acknowledged"
        assert why_not(acknowledge, scene(), FaultView.read(cabinet.LOST_BOARD)) == "no active fault is chosen"
        assert why_not(acknowledge, scene(), None) == "no active fault is chosen"

    @each_action
    def test_without_a_link_nothing_can_be_asked_and_everything_can_be_seen(self, action: Action) -> None:
        refused = why_not(action, scene(up=False), FaultView.read(cabinet.EMERGENCY_STOP))
        assert refused == ("no link to the charger" if action.call else "")
