"""A central system changes the configuration of a charger that runs: like anybody else, and with an answer in time."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any, TypeVar
from unittest import mock

import pytest
import trio

from jp_firmware.composition.configuration import central_changes
from jp_firmware.composition.configuration.central_changes import ANSWER_S, KEPT_BEFORE, CentralChanges
from jp_firmware.composition.configuration.change import CONFIRM_S, Change, Wish
from jp_firmware.composition.configuration.configuring import Configuring
from jp_firmware.config.kept.versions import Origin
from jp_firmware.config.schema import MEASURANDS
from jp_firmware.config.text.edits import Edit, Put
from jp_firmware.journal import state
from jp_firmware.ocpp.endpoint import Endpoint
from jp_firmware.ocpp.failure import Kind, LinkFailure
from jp_firmware.ocpp.v16.charging_profile import Mains
from jp_firmware.ocpp.v16.client import Backend16
from jp_firmware.ocpp.v16.configuration import Undecided
from jp_firmware.ocpp.v16.smart_charging import SmartCharging
from tests.ocpp.pipes import PipeEnd, pipe
from tests.whole.charger import ONE
from tests.whole.configured import Site

T = TypeVar("T")
Clock = trio.testing.MockClock

HEARTBEAT = Put("ocpp.heartbeat_interval_s", 60)


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    made = Site.of(tmp_path)
    async with made.running():
        await trio.sleep(2.0)
        yield made


def changes(site: Site) -> CentralChanges:
    return site.process.controller.central_system.changes


def client(site: Site) -> Backend16:
    found = site.process.controller.central_system.client
    assert found is not None
    return found


def noted(site: Site) -> list[str]:
    return [one["text"] for one in site.process.controller.logbook.snapshot()["items"]]


async def test_a_change_is_in_force_on_the_disk_and_in_the_history(autojump_clock: Clock, site: Site) -> None:
    why_not = await changes(site).change(HEARTBEAT, "ChangeConfiguration of HeartbeatInterval")

    assert why_not == ""
    assert client(site).keys.number("HeartbeatInterval") == 60
    assert b"[ocpp]\nheartbeat_interval_s = 60" in site.file
    latest = site.process.store.current
    assert (latest.origin, latest.who) == (Origin("central system"), "127.0.0.1")
    assert latest.why == "ChangeConfiguration of HeartbeatInterval"
    assert site.process.store.unconfirmed is None


async def test_a_rollback_undoes_it_and_the_client_follows_at_once(autojump_clock: Clock, site: Site) -> None:
    first, link = site.process.store.current.number, client(site)
    await changes(site).change(HEARTBEAT, "")
    started = site.process.started()
    assert (await site.process.call("config.rollback", version=first))["result"] == "applied"

    assert client(site) is link
    assert link.keys.number("HeartbeatInterval") == 300
    assert site.process.started() == started


async def test_what_is_so_already_makes_no_version(autojump_clock: Clock, site: Site) -> None:
    before = site.process.store.current
    assert await changes(site).change(Put("ocpp.heartbeat_interval_s", 300), "") == ""
    assert site.process.store.current == before


async def test_who_may_charge_changes_at_once(autojump_clock: Clock, site: Site) -> None:
    await changes(site).change(Put("authorize.local_pre_authorize", False), "")
    await changes(site).change(Put("authorize.plug_timeout_s", 90), "")

    controller = site.process.controller
    assert not controller.authorizing.rules.local_pre_authorize
    assert controller.charger.plug_timeout_s == controller.charger.runners[ONE].machine.limits.plug_s == 90
    assert client(site).keys.number("ConnectionTimeOut") == 90


async def test_the_patience_with_the_link_grows_with_the_interval_of_pings(autojump_clock: Clock, site: Site) -> None:
    await changes(site).change(Put("backend.ping_interval_s", 3600), "")

    part = site.process.parts()["backend/ocpp-1.6"]
    assert part.child.watchdog_s > 2 * 3600


async def expected(site: Site, connector: int, unit: str = "W") -> float:
    """What the composite schedule says of the present."""
    asked = {"connectorId": connector, "duration": 60, "chargingRateUnit": unit}
    smart_charging = SmartCharging(client(site).profiles, client(site).local_w, client(site).transaction_of)
    (period,) = (await smart_charging.composite_schedule(asked))["chargingSchedule"]["chargingSchedulePeriod"]
    return float(period["limit"])


async def test_the_composite_schedule_follows_the_ratings_that_are_in_force(autojump_clock: Clock, site: Site) -> None:
    """The client is the same all along: it may not go on with what it was made with."""
    made, before_w = client(site), await expected(site, 1)
    await changes(site).change(Put("connectors.1.max_power_w", 50_000), "")
    assert [180_000, 50_000] == [before_w, await expected(site, 1)]  # of 1000 V and the cable's 180 A
    await changes(site).change(Put("connectors.1.cable_max_current_a", 40), "")
    assert await expected(site, 1) == 40_000
    await changes(site).change(Put("site.limit_w", 120_000), "")

    assert [120_000, 40_000] == [await expected(site, connector) for connector in (0, 1)]
    assert client(site) is made


async def test_the_supply_that_is_in_force_says_what_an_ampere_is(autojump_clock: Clock, site: Site) -> None:
    before_a = await expected(site, 0, "A")
    await changes(site).change(Put("site.phase_voltage_v", 277), "")
    profiles = client(site).profiles

    assert [289.8, 240.6] == [before_a, await expected(site, 0, "A")]  # 200 kW
    assert profiles.mains == Mains(phase_voltage_v=277)
    await changes(site).change(Put("site.phases", 1), "")
    await changes(site).change(Put("site.efficiency", 0.9), "")
    assert profiles.mains == Mains(phase_voltage_v=277, phases=1, efficiency=0.9)


@pytest.mark.parametrize(
    ("edit", "why"),
    [
        (Put("connectors.9.weight", 2), "there is no 9"),
        (Put("connectors.1.derate_from_c", 110), "derate"),
        (Put("charger.model", "Other"), "manufacturer"),
        (Put("backend.url", "ws://127.0.0.1:8/ocpp"), "backend would have to start anew"),
    ],
)
async def test_what_is_refused_changes_nothing_and_is_an_event(
    autojump_clock: Clock, site: Site, edit: Edit, why: str
) -> None:
    before = site.file
    assert why in await changes(site).change(edit, "ChangeConfiguration of X")

    assert site.file == before
    assert any("ChangeConfiguration of X by 127.0.0.1 was refused" in one and why in one for one in noted(site))


async def test_what_somebody_has_still_to_confirm_is_not_changed_underneath(autojump_clock: Clock, site: Site) -> None:
    await site.process.apply({"put": "site.limit_w", "value": 150_000}, confirm_s=60)

    assert "confirm" in await changes(site).change(HEARTBEAT, "")
    assert client(site).keys.number("HeartbeatInterval") == 300


async def test_a_change_of_somebody_quicker_is_no_hindrance(autojump_clock: Clock, site: Site) -> None:
    apply, quicker = Configuring.apply, [{"put": "site.limit_w", "value": 150_000}]

    async def apply_after(configuring: Configuring, wish: Wish) -> Change:
        if quicker:
            await site.process.apply(quicker.pop())
        return await apply(configuring, wish)

    with mock.patch.object(Configuring, "apply", apply_after):
        assert await changes(site).change(HEARTBEAT, "") == ""

    cabinet = site.process.controller.cabinet
    assert (cabinet.site.limit_w, cabinet.ocpp.heartbeat_interval_s) == (150_000, 60)


async def test_a_disk_that_is_slow_is_not_waited_for(autojump_clock: Clock, site: Site) -> None:
    async def slowly(do: Callable[[], T]) -> T:
        await trio.sleep(3 * ANSWER_S)
        return do()

    start_s = trio.current_time()
    with mock.patch("jp_firmware.composition.configuration.threads.in_thread", slowly):
        with pytest.raises(Undecided):
            await changes(site).change(HEARTBEAT, "")
        assert trio.current_time() - start_s == pytest.approx(ANSWER_S)


async def test_keys_of_the_command_line_are_fixed(autojump_clock: Clock, site: Site) -> None:
    configuring = site.process.controller.configuring
    assert configuring is not None
    configuring.overrides = ("backend.ping_interval_s=20", 'wires."can0".port = x')

    keys = ("backend.ping_interval_s", "wires.can0.port", "site.limit_w")
    assert [changes(site).is_fixed(key) for key in keys] == [True, True, False]


# --- the password ----------------------------------------------------------------------------------------------------

PASSWORD = "0123456789abcdef0123"


def lets_in(*passwords: str) -> mock._patch[Any]:
    """A central system that accepts whoever comes with one of these."""

    @asynccontextmanager
    async def open_link(at: Endpoint, **_: object) -> AsyncIterator[PipeEnd]:
        await trio.sleep(0.1)
        if at.password not in passwords:
            raise LinkFailure(Kind.HTTP, "401")
        near, far = pipe()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(answer, far)
            yield near
            nursery.cancel_scope.cancel()

    async def answer(far: PipeEnd) -> None:
        while True:
            _, id_, action, _ = json.loads(await far.receive())
            boot = {"status": "Accepted", "currentTime": "2026-11-20T12:00:00Z", "interval": 300}
            await far.send(json.dumps([3, id_, boot if action == "BootNotification" else {}]))

    return mock.patch("jp_firmware.composition.central_system.Backend16", partial(Backend16, open_link=open_link))


async def give(site: Site, password: str) -> None:
    """Prepares a new password, and begins with it as if the answer were out."""
    begin = await changes(site).password(password)
    assert callable(begin)
    begin()
    await trio.sleep(1.0)


async def test_a_password_that_the_central_system_accepts_stays(autojump_clock: Clock, site: Site) -> None:
    with lets_in(PASSWORD):
        await give(site, PASSWORD)
        await trio.sleep(2 * CONFIRM_S)

        store = site.process.store
        assert client(site).online
        assert store.unconfirmed is None
        assert store.secrets == {"backend.password": PASSWORD}
        assert (store.current.origin, store.current.secrets_changed) == (Origin("central system"), True)
    assert PASSWORD not in site.file.decode() + str(noted(site))


async def test_a_password_that_it_does_not_accept_is_undone(autojump_clock: Clock, site: Site) -> None:
    before = client(site).config.password
    with lets_in("another one altogether"):
        await give(site, PASSWORD)
        assert client(site).config.password == PASSWORD
        await trio.sleep(CONFIRM_S + 5.0)

        assert client(site).config.password == before
        assert site.process.store.unconfirmed is None
        assert site.process.store.current.origin.kind == "revert"


async def test_the_password_that_it_has_is_no_change(autojump_clock: Clock, site: Site) -> None:
    with lets_in(PASSWORD):
        await give(site, PASSWORD)
        await trio.sleep(2.0)
        link, version = client(site), site.process.store.current
        await give(site, PASSWORD)

        assert (client(site), site.process.store.current) == (link, version)


async def test_a_password_waits_for_nobody(autojump_clock: Clock, site: Site) -> None:
    await site.process.apply({"put": "site.limit_w", "value": 150_000}, confirm_s=60)
    told = await changes(site).password(PASSWORD)

    assert isinstance(told, str)
    assert "waits to be confirmed" in told


async def test_one_that_somebody_on_site_changed_waits_for_their_word(autojump_clock: Clock, site: Site) -> None:
    with lets_in(PASSWORD):
        await site.process.apply(secrets={"backend.password": PASSWORD})
        await trio.sleep(5.0)

        assert client(site).online
        assert site.process.store.unconfirmed is not None


# --- what an earlier version of the program kept ---------------------------------------------------------------------


async def start_with(tmp_path: Path, kept: object) -> Site:
    made = Site.of(tmp_path)
    made.process.journal.post(state.Put(KEPT_BEFORE, kept))
    return made


async def still_kept(site: Site) -> object:
    return await site.process.journal.read(lambda db: state.get(db, KEPT_BEFORE))


async def test_what_was_kept_before_comes_into_the_configuration_once(autojump_clock: Clock, tmp_path: Path) -> None:
    kept = {
        "LocalAuthorizeOffline": ["false", "true"],
        "MeterValuesSampledData": ["SoC,Voltage", ",".join(MEASURANDS[:5])],
        "ConnectionTimeOut": ["90", "45"],  # the configuration has changed since
        "HeartbeatInterval": ["-5", "300"],
        "Gone": ["1", "2"],
        "WebSocketPingInterval": "30",
    }
    site = await start_with(tmp_path, kept)
    async with site.running():
        await trio.sleep(2.0)
        cabinet, versions = site.process.controller.cabinet, len(site.process.store.history())

        assert (cabinet.authorize.local_authorize_offline, cabinet.authorize.plug_timeout_s) == (False, 60)
        assert cabinet.ocpp.meter_values_sampled_data == ("SoC", "Voltage")
        assert cabinet.ocpp.heartbeat_interval_s == 300
        assert site.process.store.current.origin == Origin("central system")
        assert await still_kept(site) is None
        await site.process.controller.central_system.changes.adopt(client(site).keys)
        assert len(site.process.store.history()) == versions


async def test_what_cannot_be_taken_over_now_waits_for_the_next_start(autojump_clock: Clock, tmp_path: Path) -> None:
    kept = {"LocalAuthorizeOffline": ["false", "true"]}
    site = await start_with(tmp_path, kept)
    with mock.patch.object(central_changes, "_refusal", return_value="not now"):
        async with site.running():
            await trio.sleep(2.0)

            assert await still_kept(site) == kept
            assert any("LocalAuthorizeOffline, waits for the next start: not now" in one for one in noted(site))
