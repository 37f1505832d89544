"""Configuration keys: what is permitted, what is kept, and whose word counts."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jp_firmware.config.schema import Authorize, Backend
from jp_firmware.ocpp.v16.keys import Changed, Key, Keys, Kind, table

REBOOT = Key("NeedsReboot", Kind.INTEGER, "1", reboot=True)


def keys(backend=None, **options):
    return Keys(table(backend or Backend(), Authorize(), 2, **{"rules_writable": True, **options}))


def test_every_default_is_permitted_by_its_own_row():
    for row in table(Backend(), Authorize(), 2, rules_writable=True):
        assert row.kind is Kind.TEXT or row.default == row.read(row.default), row.name


def test_a_key_that_needs_a_restart_says_so():
    assert (Changed.REBOOT_REQUIRED, "NeedsReboot") == Keys((REBOOT,)).judge("needsreboot", "2")


def test_a_boolean_is_kept_in_lower_case_and_a_list_in_the_spelling_of_the_table():
    some = keys()
    some.change("AuthorizationCacheEnabled", "FALSE")
    some.change("MeterValuesSampledData", "soc, VOLTAGE,soc")

    assert ("false", ("SoC", "Voltage")) == (
        some.text("AuthorizationCacheEnabled"),
        some.words("MeterValuesSampledData"),
    )


def test_what_was_changed_is_kept_and_read_back():
    some = keys()
    some.change("HeartbeatInterval", "60")
    other = keys()
    other.load(some.dump())

    assert 60 == other.number("HeartbeatInterval")


def test_a_configuration_that_was_changed_since_overrules_what_was_kept():
    some = keys()
    some.change("WebSocketPingInterval", "99")
    same, other = keys(), keys(Backend(ping_interval_s=50))
    same.load(some.dump())
    other.load(some.dump())

    assert (99, 50) == (same.number("WebSocketPingInterval"), other.number("WebSocketPingInterval"))


@pytest.mark.parametrize(
    "kept",
    [
        None,
        [],
        {"HeartbeatInterval": "60"},
        {"HeartbeatInterval": ["60"]},
        {"HeartbeatInterval": [60, "300"]},
        {"HeartbeatInterval": ["-1", "300"]},
        {"Gone": ["1", "2"]},
        {"NumberOfConnectors": ["9", "2"]},
    ],
)
def test_what_cannot_be_used_any_more_is_left_out(kept):
    some = keys()
    some.load(kept)

    assert {} == some.dump()


def test_rules_that_nobody_changed_stay_exactly_as_they_are_configured():
    configured, some = Authorize(plug_timeout_s=60.5), keys()
    some.change("LocalPreAuthorize", "false")

    assert Authorize(plug_timeout_s=60.5, local_pre_authorize=False) == some.authorize(configured)


def test_listeners_hear_each_change_until_they_leave():
    some, heard = keys(), []
    leave = some.subscribe(heard.append)
    some.change("HeartbeatInterval", "60")
    leave()
    some.change("HeartbeatInterval", "61")

    assert ["HeartbeatInterval"] == heard


@settings(max_examples=100, deadline=None)
@given(
    st.sampled_from([row.name for row in table(Backend(), Authorize(), 2, rules_writable=True)]), st.text(max_size=30)
)
def test_a_value_that_is_taken_stays_the_same_when_it_is_read_again(name, text):
    some = keys()
    verdict, own_name = some.judge(name, text)
    if verdict is not Changed.ACCEPTED:
        assert verdict is Changed.REJECTED
        return
    some.change(own_name, text)
    once = some.text(own_name)
    some.change(own_name, once)

    assert once == some.text(own_name)
