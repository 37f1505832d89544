"""What a change takes: for every key there is, some part of the tree takes it over, in the way of its class."""

from __future__ import annotations

from pathlib import Path

import attrs
import pytest

from jp_firmware.config import store
from jp_firmware.config.effects import effects
from jp_firmware.config.key import Known, Reload, Role
from jp_firmware.config.schema import Cabinet, SiteMeter
from jp_firmware.config.told.explain import UnknownKey, all_keys
from jp_firmware.config.uses import WHOLE, uses
from jp_firmware.config.watchdogs import watches

ROOT = Path(__file__).parents[2]
MATRIX = attrs.evolve(store.load(ROOT / "profiles/cabinets/matrix.toml"), site_meter=SiteMeter(wire="rs485-0", unit=40))
LEAVES = [one for one in all_keys() if not one.is_table]
_NAMES = {
    "wires": "can0",
    "modules": "module-3",
    "meters": "meter-2",
    "plc_boards": "plc-1",
    "readers": "reader-0",
    "connectors": "2",
}


def in_the_matrix(one: Known) -> str:
    """The key of one item that there is, or could be."""
    return ".".join(_NAMES.get(one.path[at - 1], "0") if word == "*" else word for at, word in enumerate(one.path))


def paths_of(cabinet: Cabinet) -> set[str]:
    leaves = set(watches(cabinet))
    return leaves | {path.rpartition("/")[0] for path in leaves if "/" in path} | {WHOLE}


@pytest.mark.parametrize("one", LEAVES, ids=lambda one: one.name)
def test_every_key_is_taken_over_by_somebody_in_the_way_of_its_class(one: Known) -> None:
    steps = effects([in_the_matrix(one)], MATRIX).steps
    assert steps, "nobody uses it"
    assert {step.how for step in steps} == {one.key.reload}
    if one.key.reload in (Reload.LIVE, Reload.NEXT_SESSION):
        assert not any(step.stops for step in steps)


def test_parts_are_named_as_the_tree_names_them() -> None:
    assert {use.path for use in uses(MATRIX)} <= paths_of(MATRIX)


def test_a_device_alone_is_restarted_for_its_address() -> None:
    (step,) = effects(["modules.module-3.address"], MATRIX).steps
    assert (step.path, step.stops) == ("wires/can0/module-3", True)


def test_the_heaviest_key_decides_how_a_part_takes_all_of_them() -> None:
    (step,) = effects(["site_meter.unit", "site_meter.watchdog_s"], MATRIX).steps
    assert (step.path, step.how) == ("wires/rs485-0/site-meter", Reload.RESTART_CHILD)


@pytest.mark.parametrize("key", ["modules.module-9", "switches.3", "modules.module-3.connector", "wires.can0.kind"])
def test_what_no_part_can_take_over_alone_all_start_anew_with(key: str) -> None:
    told = effects([key, "site.limit_w"], MATRIX)
    (step,) = told.steps
    assert told.whole
    assert step.keys == (key, "site.limit_w")


@pytest.mark.parametrize("key", ["chains.B", "authorize.local_list.0F0F", "watchdogs.7", "feeders.NORTH"])
def test_items_that_cost_nothing_come_and_go_live(key: str) -> None:
    assert {step.how for step in effects([key], MATRIX).steps} == {Reload.LIVE}


def test_what_could_lock_somebody_out_wants_to_be_confirmed() -> None:
    assert effects(["charger.identity"], MATRIX).confirm
    assert not effects(["site.limit_w"], MATRIX).confirm


def test_the_highest_role_decides_who_may() -> None:
    assert effects(["charger.name"], MATRIX).role is Role.OPERATOR
    assert effects(["charger.name", "charger.serial"], MATRIX).role is Role.MANUFACTURER


def test_a_key_that_there_is_not() -> None:
    with pytest.raises(UnknownKey, match="did you mean"):
        effects(["site.limit"], MATRIX)
