"""Every key of the configuration over OCPP: found by its name, told as text, read back, and no secret among them."""

from pathlib import Path

import attrs
import pytest

from jp_firmware.config import store
from jp_firmware.config.draft import InForce, draft, effective
from jp_firmware.config.schema import Authorize, Backend, Chain, Feeder, LocalTag, SiteMeter, Watchdog
from jp_firmware.config.text.edits import Put, Remove, key_of, laid_over, leaves
from jp_firmware.config.told.explain import all_keys
from jp_firmware.model.ids import ConnectorId
from jp_firmware.ocpp.v16.parameters import NotPermitted, parameter, parameters

ROOT = Path(__file__).parents[2]
FILES = [ROOT / f"profiles/cabinets/{name}.toml" for name in ("demo", "matrix", "ring")]
MATRIX = store.load(ROOT / "profiles/cabinets/matrix.toml")
RING = store.load(ROOT / "profiles/cabinets/ring.toml")
TAGGED = attrs.evolve(
    MATRIX,
    authorize=Authorize(local_list=(LocalTag(uid="04A1B2C3D4E5F6", name="Ana"),)),
    chains=(Chain(name="A", connectors=(ConnectorId(1), ConnectorId(2)), cap_w=200_000),),
    feeders=(Feeder(name="north", connectors=(ConnectorId(1),), limit_w=150_000),),
    site_meter=SiteMeter(wire="rs485-0", unit=40),
    watchdogs=(Watchdog(path="wires/can0/*", period_s=3.0),),
)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_all_keys_with_a_value_are_listed_but_the_tags(path):
    cabinet = store.load(path)
    found = {one.key: one.value for one in parameters(cabinet)}

    filled = [key for key, value in leaves(effective(cabinet)).items() if value != []]
    expected = {key_of(key) for key in filled if key[:2] != ("authorize", "local_list")}
    assert expected == {key for key, value in found.items() if value not in (None, ())}


def test_every_kind_of_key_is_listed_where_a_charger_has_it():
    tables = {one.path for one in all_keys() if one.is_table}
    told = {one.known.path for cabinet in (TAGGED, RING) for one in parameters(cabinet)}
    never = {one.name for one in all_keys() if one.path not in tables | told}

    assert never == {f"authorize.local_list.*.{name}" for name in ("uid", "name", "status")}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_what_a_central_system_may_write_stops_no_part_and_wants_no_confirmation(path):
    text = path.read_text()
    base = InForce(number=1, text=text, cabinet=store.load(path))
    for one in parameters(base.cabinet):
        if not one.writable or one.value is None:
            continue
        edit = one.edit(one.text)
        other = draft(base, edits=[edit]).effects
        assert not other.confirm
        assert other.steps == (), one.name
    assert any(one.writable for one in parameters(base.cabinet))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_what_is_told_can_be_said_again_and_changes_nothing(path):
    cabinet = store.load(path)
    for one in parameters(cabinet):
        if one.text is not None:
            edit = one.edit(one.text)
            wanted = effective(cabinet)
            assert isinstance(edit, Put) == (one.value is not None), one.name
            if isinstance(edit, Put):
                assert laid_over(wanted, [edit]) == wanted, one.name


@pytest.mark.parametrize("key", ["site.limit_w", "SITE.Limit_W", "connectors.2.weight", "modules.MODULE-1.address"])
def test_a_key_is_found_whatever_its_case(key):
    assert parameter(MATRIX, key).key == key.lower()


@pytest.mark.parametrize(
    "key", ["", ".", "site", "connectors", "connectors.2", "connectors.99.weight", "site.limit", "a\nb"]
)
def test_what_is_no_key_of_this_charger_is_not_found(key):
    assert parameter(MATRIX, key) is None


def test_tags_are_there_for_who_names_them():
    one = parameter(TAGGED, "authorize.local_list.04A1B2C3D4E5F6.name")

    assert ("Ana", True) == (one.text, one.writable)
    assert not any("local_list" in other.key for other in parameters(TAGGED))


@pytest.mark.parametrize(
    ("key", "writable"),
    [
        ("site.limit_w", True),
        ("connectors.2.max_current_a", True),  # in force with the next session
        ("charger.name", True),
        ("ocpp.heartbeat_interval_s", True),
        ("backend.url", False),  # takes another connection
        ("modules.module-1.address", False),  # takes a restart of the module
        ("charger.model", False),
        ("brand.name", False),  # the manufacturer's
        ("process.guard_deadline_s", False),
    ],
)
def test_a_central_system_writes_what_an_installer_may_and_what_stops_nothing(key, writable):
    assert writable is parameter(MATRIX, key).writable


def test_a_secret_has_no_value_and_cannot_be_written():
    cabinet = attrs.evolve(MATRIX, backend=Backend(url="wss://csms.example.com/ocpp", password="correct horse"))
    one = parameter(cabinet, "backend.password")

    assert (None, False) == (one.text, one.writable)
    assert not any("correct horse" in f"{other!r} {other.text}" for other in parameters(cabinet))


@pytest.mark.parametrize(
    ("key", "text", "value"),
    [
        ("site.limit_w", "120000.5", 120_000.5),
        ("site.limit_w", "120000", 120_000),
        ("planner.borrowing", "FALSE", False),
        ("charger.name", 'Bay "4"', 'Bay "4"'),
        ("connectors.2.tier", "3", 3),
        ("chains.A.connectors", "1, 2", [1, 2]),
        ("authorize.local_list.04A1B2C3D4E5F6.status", "Blocked", "blocked"),
    ],
)
def test_a_value_is_read_by_the_type_of_its_key(key, text, value):
    assert Put(key, value) == parameter(TAGGED, key).edit(text)


def test_an_empty_text_leaves_out_what_may_be_left_out():
    left_out, named = parameter(MATRIX, "connectors.2.cable_max_current_a"), parameter(MATRIX, "charger.name")

    assert Remove("connectors.2.cable_max_current_a") == attrs.evolve(left_out, value=150.0).edit("")
    assert ("", None) == (left_out.text, left_out.edit("")), "there is nothing to leave out"
    assert Put("charger.name", "") == named.edit("")


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("site.limit_w", "a lot"),
        ("site.limit_w", ""),
        ("site.limit_w", "nan"),
        ("site.limit_w", "1e3"),
        ("site.limit_w", "99999999"),
        ("connectors.2.tier", "1.0"),
        ("planner.borrowing", "1"),
        ("chains.A.connectors", "1,two"),
        ("authorize.local_list.04A1B2C3D4E5F6.status", "lost"),
    ],
)
def test_a_value_that_does_not_fit_its_key_is_not_permitted(key, text):
    with pytest.raises(NotPermitted):
        parameter(TAGGED, key).edit(text)
