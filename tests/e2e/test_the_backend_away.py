"""The central system away: sessions run as configured, and what it missed is delivered once and in order."""

from __future__ import annotations

from jp_firmware.demo.site import Site, wait_for
from tests.e2e.driving import (
    TAG,
    agree,
    charge,
    ended_session,
    is_online,
    lose_the_backend,
    plug,
    queued,
    transactions_of,
)


def test_a_whole_session_without_the_backend_is_delivered_once_and_in_order(site: Site) -> None:
    lose_the_backend(site)
    plug(site, 1)
    site.wait_state(1, "preparing")
    site.sim("swipe", uid=TAG)
    wait_for(lambda: (site.connector(1)["energy_wh"] or 0) > 60, "some energy")
    site.call("connector.stop", connector=1)
    session = ended_session(site, 1)
    assert transactions_of(site, session) == []
    assert (queued(site) or 0) >= 2

    site.csms("accept")
    wait_for(lambda: queued(site) == 0, "the queue to be delivered")
    agree(site, session)
    mine = [
        one["action"]
        for one in site.csms("messages")
        if one["action"] in ("StartTransaction", "StopTransaction", "MeterValues")
    ]
    assert mine.count("StopTransaction") >= 1
    last_start = len(mine) - 1 - mine[::-1].index("StartTransaction")
    assert mine[last_start:][0] == "StartTransaction"
    assert mine[last_start:][-1] == "StopTransaction"


def test_a_link_cut_in_a_session_changes_nothing_for_the_car(site: Site) -> None:
    charge(site, 2)
    lose_the_backend(site)
    reason = site.status()["backend"]["reason"]  # type: ignore[index]
    assert reason
    assert site.connector(2)["state"] == "charging"
    site.csms("accept")
    wait_for(lambda: is_online(site), "the link to be back")
    assert site.connector(2)["state"] == "charging"
    site.call("connector.stop", connector=2)
    agree(site, ended_session(site, 2))
