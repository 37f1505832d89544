"""Any edit of any key, on a charger that runs: made and undone byte for byte, or refused and nothing touched."""

from __future__ import annotations

import tempfile
from pathlib import Path
from types import NoneType
from typing import Any, get_args

from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st
from trio.testing import MockClock

from jp_firmware.config.effects import effects
from jp_firmware.config.key import Known
from jp_firmware.config.told.explain import all_keys
from jp_firmware.console.calls import CallRefused
from tests.whole.configured import TEXT, Json, Site
from tests.whole.other_values import concrete, in_force_of

CABINET = in_force_of(TEXT).cabinet
MOVING = ("bridges", "switches", "bus_bars")  # of another cabinet
KEYS = [
    one
    for one in all_keys()
    if not one.is_table
    and not one.key.secret
    and one.path[0] not in MOVING
    and not effects([concrete(one)], CABINET).whole
]


def values(known: Known) -> st.SearchStrategy[Any]:
    """Of the declared type, mostly in the declared range, and now and then anything at all."""
    declared = known.key
    kind = next(one for one in get_args(known.type) or (known.type,) if one is not NoneType)
    anything = (
        st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=8) | st.lists(st.integers(), max_size=2)
    )
    some: st.SearchStrategy[Any]
    if known.is_list:
        some = st.lists(st.sampled_from(declared.one_of or (1, 2)), unique=True, max_size=2)
    elif declared.one_of:
        some = st.sampled_from(declared.one_of)
    elif kind is bool:
        some = st.booleans()
    elif declared.between and kind is int:
        some = st.integers(int(declared.between[0]), int(declared.between[1]))
    elif declared.between:
        some = st.floats(*declared.between)
    else:
        some = st.text(max_size=12) | st.sampled_from(["#010203", "19", "copy"])
    return st.one_of(some, some, some, anything)


@st.composite
def edits(draw: st.DrawFn) -> Json:
    known = draw(st.sampled_from(KEYS))
    if draw(st.integers(0, 5)) == 0:
        return {"remove": concrete(known)}
    return {"put": concrete(known), "value": draw(values(known))}


async def asked(site: Site, some: list[Json]) -> Json:
    try:
        return await site.process.apply(*some, confirm_s=0)
    except CallRefused as refusal:  # what nobody could do
        return {"result": "refused", "why": str(refusal)}


@settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    changes=st.lists(st.lists(edits(), min_size=1, max_size=3), min_size=6, max_size=6),
    newline=st.sampled_from(("\n", "\r\n")),
)
async def test_any_edit_is_made_and_undone_byte_for_byte_or_refused(
    changes: list[list[Json]], newline: str, autojump_clock: MockClock
) -> None:
    with tempfile.TemporaryDirectory() as directory:
        site = Site.of(Path(directory), TEXT.replace("\n", newline))
        began = site.file
        async with site.running():
            await site.world.until(site.is_settled)
            for some in changes:
                before = site.process.store.current.number
                answer = await asked(site, some)
                event(answer["result"])
                if answer["result"] == "applied" and site.process.store.current.number != before:
                    assert site.file.decode() == answer["text"]
                    undone = await site.process.call("config.rollback", version=1, confirm_s=0)
                    assert undone["result"] == "applied", undone
                else:
                    assert answer["result"] in ("refused", "applied")
                assert site.file == began
                assert site.process.store.unconfirmed is None
            await site.world.until(site.is_settled)
            assert site.process.controller.cabinet == CABINET
