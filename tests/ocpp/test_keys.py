"""Configuration keys: each stands for one of the charger's own, or says how the charger is."""

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jp_firmware.config.draft import effective
from jp_firmware.config.schema import Authorize, Backend, Cabinet, Ocpp
from jp_firmware.config.structure import structure
from jp_firmware.config.text.edits import Put, laid_over
from jp_firmware.ocpp.v16.keys import Keys, table
from jp_firmware.ocpp.v16.parameters import NotPermitted, parameter, parameters
from tests.ocpp.bench import cabinet

CHANGEABLE = [row for row in table(2) if row.key]


def test_each_key_of_ocpp_stands_for_one_that_a_central_system_may_write():
    found = {row.name: row.parameter(cabinet()) for row in CHANGEABLE}

    assert {} == {name: one for name, one in found.items() if one is None or not one.writable}


def test_all_that_is_agreed_with_the_central_system_has_a_name_in_ocpp():
    agreed = {one.key for one in parameters(cabinet()) if one.key.startswith("ocpp.")}

    assert agreed <= {row.key for row in CHANGEABLE}


@pytest.mark.parametrize("row", CHANGEABLE, ids=lambda row: row.name)
def test_what_a_key_says_can_be_said_to_it(row):
    edit = row.edit(cabinet(), row.text(cabinet()))

    assert isinstance(edit, Put)
    assert effective(cabinet()) == laid_over(effective(cabinet()), [edit])


def test_seconds_are_whole_ones():
    some = Keys(cabinet(ping_interval_s=20.4, authorize=Authorize(plug_timeout_s=60.6)))

    assert ("20", "61") == (some.text("WebSocketPingInterval"), some.text("ConnectionTimeOut"))


@pytest.mark.parametrize("text", ["60.0", "-1", " 60", "+60", "", "true", "\u0663", "99999999999999", "86401", "0"])
def test_a_number_is_whole_and_within_its_range(text):
    row = Keys(cabinet()).row("heartbeatinterval")

    with pytest.raises(NotPermitted):
        row.edit(cabinet(), text)


def test_a_list_takes_the_spelling_of_its_words_and_each_of_them_once():
    row = Keys(cabinet()).row("MeterValuesSampledData")

    assert ["SoC", "Voltage"] == row.edit(cabinet(), "soc, VOLTAGE,soc").value


def test_listeners_hear_of_what_changed_until_they_leave():
    some, heard = Keys(cabinet()), []
    leave = some.subscribe(heard.append)
    some.configure(cabinet(ocpp=Ocpp(heartbeat_interval_s=60, minimum_status_duration_s=3)))
    some.configure(cabinet(ocpp=Ocpp(heartbeat_interval_s=60, minimum_status_duration_s=3)))
    leave()
    some.configure(cabinet())

    assert ["HeartbeatInterval", "MinimumStatusDuration"] == heard


def test_what_was_told_otherwise_counts_until_the_key_changes():
    some = Keys(cabinet())
    some.tell("HeartbeatInterval", "40")
    told = [some.number("HeartbeatInterval")]
    some.configure(attrs.evolve(cabinet(), backend=Backend(ping_interval_s=30)))
    told.append(some.number("HeartbeatInterval"))
    some.configure(cabinet(ocpp=Ocpp(heartbeat_interval_s=70)))
    told.append(some.number("HeartbeatInterval"))

    assert [40, 40, 70] == told


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(CHANGEABLE), st.one_of(st.text(max_size=30), st.integers(-10, 100_000).map(str)))
def test_a_value_that_is_taken_is_a_good_one_and_stays_the_same_when_it_is_read_again(row, text):
    try:
        edit = row.edit(cabinet(), text)
    except NotPermitted:
        return
    changed = structure(laid_over(effective(cabinet()), [edit]), Cabinet)
    once = row.text(changed)

    assert once == row.text(structure(laid_over(effective(changed), [row.edit(changed, once)]), Cabinet))
    assert parameter(changed, row.key).value == (tuple(edit.value) if isinstance(edit.value, list) else edit.value)
