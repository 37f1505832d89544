"""Charging profiles as limits: who set them, until when, and what a plan makes of them as time goes on."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import attrs
import pytest
import trio
from trio.testing import MockClock

from jp_firmware.composition.profile_limits import LOOK_EVERY_S, ProfileLimits, local_w
from jp_firmware.config import store
from jp_firmware.config.schema import Cabinet
from jp_firmware.controller import Controller
from jp_firmware.model.connector import ConnectorState
from jp_firmware.model.ids import ConnectorId, SessionId
from jp_firmware.model.limits import Limit
from jp_firmware.model.power import Demand
from jp_firmware.model.session import Session, TokenSource
from jp_firmware.ocpp.v16.profile_book import ProfileBook
from jp_firmware.planner.explain import explain
from jp_firmware.planner.limits import LimitBook
from jp_firmware.planner.task import Planner
from tests.ocpp.bench import TAG, Charger, Lifeline, MemoryJournal, wall
from tests.ocpp.profiles_rig import at, read, told
from tests.site_limit import set_site_limit

ONE, TWO = ConnectorId(1), ConnectorId(2)


@attrs.define(eq=False)
class Site:
    """Two cars that want 100 kW each on a site of 150 kW, and the profiles of its central system."""

    book: ProfileBook
    planner: Planner
    limits: ProfileLimits
    charger: Charger
    shift: timedelta = timedelta()  # of the wall clock, as somebody sets it

    async def set(self, connector: int, *periods: tuple[int, float], **more: Any) -> None:
        await self.book.install(read(connector, told(*periods, **more), self.book.now_ms))

    def limited(self, scope: str = "connector-1") -> bool:
        return self.planner.limits.has("central system", scope)

    def limit(self, scope: str = "connector-1") -> Limit:
        (found,) = [one for one in self.planner.limits.all() if (one.owner, one.scope) == ("central system", scope)]
        return found

    def allowed_w(self, connector: ConnectorId = ONE) -> float:
        plan = self.planner.plan.signal.value
        assert plan is not None
        return plan.allocations[connector].allowed_w

    def begin(self, connector: ConnectorId = ONE) -> None:
        """A session begins, as its runner reports it."""
        session = Session(
            id=SessionId("s1"), connector_id=connector, token=TAG, started_at=wall(), meter_start_wh=0, boot_id="b"
        )
        self.charger.show(int(connector), ConnectorState.CHARGING, session=session)


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    journal, charger = MemoryJournal(), Charger()
    made: list[Site] = []
    book = ProfileBook((ONE, TWO), charger, journal, lambda: wall() + made[0].shift)  # type: ignore[arg-type]
    planner = Planner(
        lambda: [_wants(ONE), _wants(TWO)], LimitBook(scopes=frozenset({"site", "connector-1", "connector-2"}))
    )
    made.append(Site(book, planner, ProfileLimits(book, planner.limits), charger))
    planner.limits.set(Limit(owner="site limit", scope="site", value_w=150_000, reason="configured"))
    yield made[0]
    journal.close()


def _wants(connector: ConnectorId) -> Demand:
    return Demand(
        connector_id=connector,
        requested_w=100_000,
        offered_w=120_000,
        measured_w=100_000,
        active=True,
        capacity_w=120_000,
    )


async def test_a_profile_is_a_limit_of_the_central_system_that_names_it_and_ends_with_its_period(
    autojump_clock: MockClock, site: Site
) -> None:
    await site.set(1, (0, 30_000), (3600, 50_000), schedule={"startSchedule": at()})

    limit = site.limit()

    assert ("central system", "profile 7, stack level 2") == (limit.owner, limit.reason)
    assert (30_000, 50_000) == (limit.value_w, limit.safe_w)
    assert 3600 == pytest.approx(limit.expires_at_s, abs=0.01)
    assert not site.limited("connector-2")


async def test_the_plan_obeys_it_when_it_has_been_installed(autojump_clock: MockClock, site: Site) -> None:
    assert [75_000, 75_000] == [site.allowed_w(ONE), site.allowed_w(TWO)]
    await site.set(1, (0, 30_000))

    assert [30_000, 100_000] == [site.allowed_w(ONE), site.allowed_w(TWO)]


async def test_the_stations_profile_limits_all_connectors_together(autojump_clock: MockClock, site: Site) -> None:
    await site.set(0, (0, 60_000), purpose="ChargePointMaxProfile")

    assert [30_000, 30_000] == [site.allowed_w(ONE), site.allowed_w(TWO)]


async def test_a_limit_of_nothing_pauses_and_what_is_silent_limits_nothing(
    autojump_clock: MockClock, site: Site
) -> None:
    await site.set(1, (0, 0), schedule={"startSchedule": at(), "duration": 60})
    assert 0 == site.allowed_w()
    await site.set(1, (0, 0), schedule={"startSchedule": at(1)})

    assert not site.limited()
    assert 75_000 == site.allowed_w()


async def test_why_names_the_profile_and_until_when(autojump_clock: MockClock, site: Site) -> None:
    await site.set(1, (0, 30_000), schedule={"startSchedule": at(), "duration": 6 * 3600})
    plan = site.planner.plan.signal.value
    assert plan is not None

    assert (
        "Connector 1 gets 30 kW because the central system (profile 7, stack level 2) limits it to 30 kW until 18:00; "
        "the car asks for 100 kW" in explain(plan, ONE, trio.current_time(), wall()).sentence
    )


async def test_clearing_it_gives_the_power_back_at_once(autojump_clock: MockClock, site: Site) -> None:
    await site.set(1, (0, 30_000))
    await site.book.clear(lambda _: True)

    assert not site.limited()
    assert 75_000 == site.allowed_w()


# --- as time goes on -------------------------------------------------------------------------------------------------


async def test_each_piece_of_a_schedule_is_in_force_from_its_first_moment_to_its_last(
    autojump_clock: MockClock, site: Site, nursery: trio.Nursery
) -> None:
    nursery.start_soon(site.planner.run, Lifeline())
    nursery.start_soon(site.limits.run, Lifeline())
    await trio.testing.wait_all_tasks_blocked()
    start = {"startSchedule": at(1 / 60), "duration": 120}
    await site.set(1, (0, 30_000), (60, 20_000), schedule=start)
    seen = []
    for at_s in (59.9, 60.05, 119.9, 120.05, 179.9, 180.05):
        await trio.sleep_until(at_s)
        seen.append(site.allowed_w())

    assert [75_000, 30_000, 30_000, 20_000, 20_000, 75_000] == seen


async def test_a_schedule_that_begins_before_the_next_look_was_due_begins_in_time(
    autojump_clock: MockClock, site: Site, nursery: trio.Nursery
) -> None:
    nursery.start_soon(site.limits.run, Lifeline())
    await trio.sleep(10.1)
    await site.set(1, (0, 30_000), schedule={"startSchedule": at(10.4 / 3600)})
    assert not site.limited()
    await trio.sleep(0.35)

    assert site.limited()


async def test_the_planner_goes_on_to_the_next_piece_by_itself(
    autojump_clock: MockClock, site: Site, nursery: trio.Nursery
) -> None:
    """The limit says what comes after it; nobody has to be in time."""
    nursery.start_soon(site.planner.run, Lifeline())
    await site.set(1, (0, 30_000), (60, 20_000), schedule={"startSchedule": at()})
    await trio.sleep(61)

    assert 20_000 == site.allowed_w()


async def test_a_wall_clock_that_was_set_is_followed_within_a_second(
    autojump_clock: MockClock, site: Site, nursery: trio.Nursery
) -> None:
    nursery.start_soon(site.limits.run, Lifeline())
    await site.set(1, (0, 30_000), schedule={"startSchedule": at(), "duration": 3600})
    site.shift = timedelta(hours=2)
    await trio.sleep(LOOK_EVERY_S + 0.1)
    assert not site.limited()
    site.shift = timedelta(minutes=30)
    await trio.sleep(LOOK_EVERY_S + 0.1)

    assert 1800 == pytest.approx(site.limit().expires_at_s, abs=0.01)


async def test_a_limit_that_has_not_changed_is_not_set_again(
    autojump_clock: MockClock, site: Site, nursery: trio.Nursery
) -> None:
    await site.set(1, (0, 30_000), schedule={"startSchedule": at(), "duration": 3600})
    before = site.limit()
    nursery.start_soon(site.limits.run, Lifeline())
    await trio.sleep(60)

    assert site.limit() is before


async def test_a_profile_for_all_connectors_is_one_change_of_the_plan(autojump_clock: MockClock, site: Site) -> None:
    plan = site.planner.plan.signal.value
    await site.set(0, (0, 30_000))

    assert [30_000, 30_000] == [site.limit(f"connector-{one}").value_w for one in (ONE, TWO)]
    assert plan is not None
    assert site.planner.plan.signal.value is not None
    assert plan.revision + 1 == site.planner.plan.signal.value.revision


async def test_it_gives_a_sign_of_life_every_second(
    autojump_clock: MockClock, site: Site, nursery: trio.Nursery
) -> None:
    lifeline = Lifeline()
    nursery.start_soon(site.limits.run, lifeline)
    await trio.sleep(10.5)

    assert lifeline.is_ready
    assert 11 == len(lifeline.fed_at_s)


async def test_a_piece_that_only_goes_on_has_no_end(autojump_clock: MockClock, site: Site) -> None:
    """Another profile that is silent at both sides of its validity changes nothing."""
    await site.set(1, (0, 30_000), schedule={"startSchedule": at()})
    await site.set(1, (0, 1), chargingProfileId=8, stackLevel=1, schedule={"startSchedule": at(-5), "duration": 60})
    later = {"startSchedule": at(-5), "duration": 60}
    await site.set(1, (0, 1), chargingProfileId=9, stackLevel=9, validFrom=at(1), validTo=at(2), schedule=later)

    assert math.inf == site.limit().expires_at_s


async def test_an_end_in_thousands_of_years_is_none(autojump_clock: MockClock, site: Site) -> None:
    """No calendar reaches there, and explaining it must not fail."""
    await site.set(1, (0, 30_000), validTo="9999-12-31T23:59:59Z")
    plan = site.planner.plan.signal.value
    assert plan is not None

    assert math.inf == site.limit().expires_at_s
    assert "profile 7" in explain(plan, ONE, trio.current_time(), datetime.max.replace(tzinfo=wall().tzinfo)).sentence


# --- sessions --------------------------------------------------------------------------------------------------------


async def test_a_relative_schedule_counts_from_the_report_of_its_session(
    autojump_clock: MockClock, site: Site, nursery: trio.Nursery
) -> None:
    nursery.start_soon(site.limits.run, Lifeline())
    await site.set(1, (0, 30_000), (60, 20_000), kind="Relative")
    await trio.sleep(300)
    assert (30_000, math.inf) == (site.limit().value_w, site.limit().expires_at_s)
    site.begin()
    assert 360 == pytest.approx(site.limit().expires_at_s, abs=0.01)
    await trio.sleep(61)

    assert 20_000 == site.limit().value_w


async def test_a_profile_of_a_remote_start_limits_before_anybody_else_has_read_of_the_session(
    autojump_clock: MockClock, site: Site
) -> None:
    seen: list[float] = []
    site.charger.reports[ONE].subscribe(lambda: seen.append(site.limit().value_w))
    profile = read(1, told((0, 11_000), purpose="TxProfile"), site.book.now_ms)
    site.book.announce(None, TAG.uid, profile)
    session = Session(
        id=SessionId("s1"),
        connector_id=ONE,
        token=attrs.evolve(TAG, source=TokenSource.REMOTE),
        started_at=wall(),
        meter_start_wh=0,
        boot_id="b",
    )
    site.charger.show(1, ConnectorState.CHARGING, session=session)

    assert [11_000] == seen


# --- what the charger can do, for the composite schedule -------------------------------------------------------------


async def test_local_limits_are_those_of_the_wiring_of_others_and_of_the_connector_but_not_the_profiles_own(
    autojump_clock: MockClock, site: Site
) -> None:
    cabinet = store.load(store.find("demo"))
    connector = cabinet.connectors[0]
    rated_w = min(connector.max_power_w, connector.max_voltage_v * connector.max_current_a)
    await site.set(1, (0, 10))
    assert rated_w == local_w(cabinet, site.planner.limits, connector.id)
    site.planner.limits.set(Limit(owner="operator", scope=f"connector-{connector.id}", value_w=5_000, reason=""))

    assert 5_000 == local_w(cabinet, site.planner.limits, connector.id)
    assert 150_000 == local_w(cabinet, site.planner.limits, 0)
    assert 0 == local_w(cabinet, LimitBook(), 0)


# --- the central system is configured anew ---------------------------------------------------------------------------


def _controller(tmp_path: Path) -> Controller:
    controller = Controller(store.load(store.find("demo")), tmp_path, tmp_path, tmp_path / "socket")
    set_site_limit(controller, 150_000)
    return controller


def _with_url(controller: Controller, url: str) -> Cabinet:
    return attrs.evolve(controller.cabinet, backend=attrs.evolve(controller.cabinet.backend, url=url))


def _installed_without_a_disk(controller: Controller) -> ProfileBook:
    client = controller.central_system.client
    assert client is not None
    profile = read(1, told((0, 30_000)), client.profiles.now_ms)
    client.profiles._take_over([profile])
    return client.profiles


async def test_another_address_of_the_central_system_changes_no_limit(
    autojump_clock: MockClock, tmp_path: Path
) -> None:
    controller = _controller(tmp_path)
    book = _installed_without_a_disk(controller)
    controller.central_system.configure(_with_url(controller, "ws://elsewhere/ocpp"))
    client = controller.central_system.client
    assert client is not None

    assert client.profiles is book
    assert controller.planner.limits.has("central system", "connector-1")
    book._take_over([])
    assert not controller.planner.limits.has("central system", "connector-1")


def _with_backend(controller: Controller, **backend: object) -> Cabinet:
    return attrs.evolve(controller.cabinet, backend=attrs.evolve(controller.cabinet.backend, **backend))


@pytest.mark.parametrize(
    ("backend", "goes_on"),
    [
        ({"call_timeout_s": 20.0, "retry_cap_s": 90.0}, True),
        ({"url": "ws://elsewhere/ocpp"}, False),
        ({"password": "0123456789abcdef"}, False),
    ],
)
async def test_other_terms_of_the_same_connection_are_no_start_of_the_charger(
    autojump_clock: MockClock, tmp_path: Path, backend: dict[str, object], goes_on: bool
) -> None:
    controller = _controller(tmp_path)
    former = controller.central_system.client
    controller.central_system.configure(_with_backend(controller, **backend))
    client = controller.central_system.client
    assert client is not None
    assert former is not None

    assert client is not former
    assert goes_on == (client.boot is former.boot)


async def test_another_identity_introduces_itself(autojump_clock: MockClock, tmp_path: Path) -> None:
    controller = _controller(tmp_path)
    former = controller.central_system.client
    charger = attrs.evolve(controller.cabinet.charger, identity="JP-OTHER")
    controller.central_system.configure(attrs.evolve(controller.cabinet, charger=charger))
    client = controller.central_system.client
    assert client is not None
    assert former is not None

    assert client.boot is not former.boot


async def test_without_a_central_system_its_limits_are_lifted_and_none_comes_again(
    autojump_clock: MockClock, tmp_path: Path
) -> None:
    controller = _controller(tmp_path)
    book = _installed_without_a_disk(controller)
    reports = controller.charger.reports.values()
    listening = [len(source._listeners) for source in reports]
    controller.central_system.configure(_with_url(controller, ""))
    assert not controller.planner.limits.has("central system", "connector-1")
    assert [number - 1 for number in listening] == [len(source._listeners) for source in reports]
    book._take_over([read(1, told((0, 30_000)), book.now_ms)])

    assert not controller.planner.limits.has("central system", "connector-1")
