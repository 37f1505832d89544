"""The plan: four powers, cuts at once, rises only into measured room, and never more than the site allows."""

from __future__ import annotations

import attrs
import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st

from jp_firmware.model.ids import ConnectorId
from jp_firmware.model.limits import Limit
from jp_firmware.model.power import Demand, Plan
from jp_firmware.planner.limits import LimitBook
from jp_firmware.planner.planner import VALID_FOR_S, compute
from jp_firmware.planner.task import PERIOD_S, PIECES, RINGS_APART_S, Planner

KW = 1000.0


def site(limit_w: float, **more: object) -> Limit:
    return attrs.evolve(Limit(owner="site limit", scope="site", value_w=limit_w, reason="configured"), **more)


def wants(connector: int, requested_w: float, **more: object) -> Demand:
    demand = Demand(connector_id=ConnectorId(connector), requested_w=requested_w, offered_w=60 * KW)
    return attrs.evolve(demand, **more)


def assigned(plan: Plan) -> list[float]:
    return [round(one.assigned_w, 3) for one in plan.allocations.values()]


def test_a_first_plan_gives_everyone_the_fair_share() -> None:
    plan = compute([wants(1, 20 * KW), wants(2, 90 * KW), wants(3, 90 * KW)], [site(100 * KW)], Plan(), 0.0)

    assert [20 * KW, 40 * KW, 40 * KW] == assigned(plan)
    assert ["demand", "site limit", "site limit"] == [one.limited_by for one in plan.allocations.values()]
    assert plan.total("requested_w") == pytest.approx(200 * KW)


def test_a_cut_acts_at_once() -> None:
    before = compute([wants(1, 60 * KW), wants(2, 60 * KW)], [site(120 * KW)], Plan(), 0.0)
    flowing = [wants(1, 60 * KW, measured_w=60 * KW), wants(2, 60 * KW, measured_w=60 * KW)]
    after = compute(flowing, [site(50 * KW)], before, 1.0)

    assert [25 * KW, 25 * KW] == assigned(after)


def test_a_rise_waits_until_the_room_for_it_is_measured() -> None:
    alone = compute([wants(1, 60 * KW), wants(2, 0, active=False)], [site(60 * KW)], Plan(), 0.0)
    second_comes = [wants(1, 60 * KW, measured_w=60 * KW), wants(2, 60 * KW)]
    cut = compute(second_comes, [site(60 * KW)], alone, 1.0)

    assert [30 * KW, 0.0] == assigned(cut)

    first_fell = [wants(1, 60 * KW, measured_w=40 * KW), wants(2, 60 * KW)]
    partly = compute(first_fell, [site(60 * KW)], cut, 2.0)

    assert [30 * KW, 20 * KW] == assigned(partly)

    done = compute(
        [wants(1, 60 * KW, measured_w=30 * KW), wants(2, 60 * KW, measured_w=20 * KW)], [site(60 * KW)], partly, 3.0
    )

    assert [30 * KW, 30 * KW] == assigned(done)


def test_a_limit_on_one_connector_frees_power_for_the_others() -> None:
    profile = Limit(owner="OCPP profile", scope="connector-1", value_w=10 * KW, reason="TxProfile 7")
    plan = compute([wants(1, 60 * KW), wants(2, 60 * KW)], [site(60 * KW), profile], Plan(), 0.0)

    assert [10 * KW, 50 * KW] == assigned(plan)
    assert plan.allocations[ConnectorId(1)].limited_by == "OCPP profile"


def test_an_expired_limit_falls_to_its_safe_value() -> None:
    limit = site(100 * KW, expires_at_s=10.0, safe_w=5 * KW)

    assert [60 * KW] == assigned(compute([wants(1, 60 * KW)], [limit], Plan(), 9.9))
    assert [5 * KW] == assigned(compute([wants(1, 60 * KW)], [limit], Plan(), 10.0))


def test_without_a_site_limit_nothing_may_flow() -> None:
    plan = compute([wants(1, 60 * KW)], [], Plan(), 0.0)

    assert [0.0] == assigned(plan)
    assert plan.allocations[ConnectorId(1)].limited_by == "no limit set"


def test_a_stale_wish_keeps_its_power_and_gets_no_more() -> None:
    first = compute([wants(1, 20 * KW)], [site(100 * KW)], Plan(), 0.0)
    stale = compute([wants(1, 50 * KW, measured_w=20 * KW, stale=True)], [site(100 * KW)], first, 1.0)

    assert [20 * KW] == assigned(stale)
    assert stale.allocations[ConnectorId(1)].limited_by == "stale demand"


def test_a_connector_that_offers_less_than_the_car_wants_says_what_bounds_it() -> None:
    plan = compute([wants(1, 90 * KW, offered_by="cable")], [site(200 * KW)], Plan(), 0.0)

    assert plan.allocations[ConnectorId(1)].limited_by == "cable"


demand_lists = st.lists(
    st.tuples(st.floats(0, 100_000), st.floats(0, 100_000), st.booleans(), st.booleans()), min_size=4, max_size=4
)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(demand_lists, st.floats(0, 200_000)), min_size=1, max_size=6))
def test_whatever_happens_the_assigned_power_stays_within_the_site_limit_and_the_fair_share(
    history: list[tuple[list[tuple[float, float, bool, bool]], float]],
) -> None:
    plan = Plan()
    for step, (rows, limit_w) in enumerate(history):
        demands = [
            wants(n, requested, measured_w=measured, active=active, stale=stale)
            for n, (requested, measured, active, stale) in enumerate(rows, start=1)
        ]
        before, plan = plan, compute(demands, [site(limit_w)], plan, float(step))

        assert plan.total("assigned_w") <= limit_w + 1e-3
        for one in plan.allocations.values():
            assert one.assigned_w <= one.allowed_w + 1e-6
        risen = sum(
            max(0.0, one.assigned_w - (before.allocations[key].assigned_w if key in before.allocations else 0.0))
            for key, one in plan.allocations.items()
        )
        flowing = sum(demand.measured_w for demand in demands)
        assert risen == pytest.approx(0, abs=1e-6) or flowing + risen <= limit_w + 1e-3


async def test_a_changed_limit_is_in_the_plan_before_the_call_returns(autojump_clock: trio.testing.MockClock) -> None:
    planner = Planner(lambda: [wants(1, 60 * KW)], LimitBook())
    planner.limits.set(site(40 * KW))

    plan = planner.plan.signal.value
    assert plan is not None
    assert [40 * KW] == assigned(plan)


class Recorder:
    """Stands where the tree's record stands, and counts life signs."""

    def __init__(self) -> None:
        self.is_ready, self.feeds = False, 0

    def ready(self) -> None:
        self.is_ready = True

    def feed(self) -> None:
        self.feeds += 1


async def test_plans_are_renewed_before_they_expire(autojump_clock: trio.testing.MockClock) -> None:
    planner, lifeline = Planner(lambda: [wants(1, 60 * KW)]), Recorder()
    planner.limits.set(site(40 * KW))
    gaps: list[float] = []
    last = [trio.current_time()]

    def note() -> None:
        gaps.append(trio.current_time() - last[0])
        last[0] = trio.current_time()

    planner.plan.subscribe(note)
    with trio.move_on_after(20):
        await planner.run(lifeline)  # type: ignore[arg-type]

    assert lifeline.is_ready
    assert lifeline.feeds > 30
    assert max(gaps) <= PERIOD_S + 1e-6 < VALID_FOR_S


async def test_a_limit_falls_to_its_safe_value_when_it_ends_and_not_at_the_next_period(
    autojump_clock: trio.testing.MockClock,
) -> None:
    planner, cuts = Planner(lambda: [wants(1, 60 * KW)]), []
    planner.limits.set(site(40 * KW))

    def note() -> None:
        plan = planner.plan.signal.value
        assert plan is not None
        if assigned(plan) == [9 * KW]:
            cuts.append(trio.current_time())

    planner.plan.subscribe(note)
    start_s = trio.current_time()
    planner.limits.set(
        Limit(owner="csms", scope="site", value_w=30 * KW, reason="1", expires_at_s=start_s + 7.123, safe_w=9 * KW)
    )
    with trio.move_on_after(20):
        await planner.run(Recorder())  # type: ignore[arg-type]

    assert 7.123 == pytest.approx(cuts[0] - start_s, abs=0.021)


async def test_limits_that_end_between_a_plan_and_the_wait_for_the_next_do_not_wait_either(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """The planner lets a moment pass between two plans; two limits end in it, at the same instant."""
    planner, bounds = Planner(lambda: [wants(1, 60 * KW)]), []
    planner.limits.set(site(40 * KW))
    start_s = trio.current_time()
    ends_s = start_s + RINGS_APART_S / 2
    planner.limits.set(
        Limit(owner="csms", scope="site", value_w=30 * KW, reason="1", expires_at_s=ends_s, safe_w=9 * KW),
        Limit(owner="site meter", scope="site", value_w=30 * KW, reason="1", expires_at_s=ends_s, safe_w=7 * KW),
    )
    planner.plan.subscribe(lambda: bounds.append((trio.current_time() - start_s, assigned(planner.plan.signal.value))))
    with trio.move_on_after(2):
        await planner.run(Recorder())  # type: ignore[arg-type]

    cut_s = next(at_s for at_s, had_w in bounds if had_w == [7 * KW])
    assert cut_s <= RINGS_APART_S + 1e-6


async def test_the_quarter_of_an_hour_ahead_is_published_and_renewed(
    autojump_clock: trio.testing.MockClock,
) -> None:
    planner = Planner(lambda: [wants(1, 60 * KW, measured_w=40 * KW, soc_percent=20.0)])
    planner.limits.set(site(40 * KW))
    with trio.move_on_after(25):
        await planner.run(Recorder())  # type: ignore[arg-type]

    ahead = planner.forecast.fresh(trio.current_time(), 11.0)
    assert ahead is not None
    plan = planner.plan.signal.value
    assert plan is not None
    assert (60 * KW, 20 * KW) == (ahead.peak_p50_w, ahead.short_by_w(plan))


async def test_a_search_goes_on_after_each_plan_in_pieces_with_turns_of_the_loop_between(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """At most so many pieces a plan, none once it is done; and nobody who may run waits for more than two of them."""
    happened: list[str] = []
    pieces, woken = PIECES + 3, trio.Event()

    def ponder() -> bool:
        happened.append("p")
        woken.set()
        return happened.count("p") < pieces

    async def others() -> None:
        nonlocal woken
        while True:
            await woken.wait()
            woken = trio.Event()
            happened.append(".")

    planner = Planner(lambda: [wants(1, 60 * KW)], ponder=ponder)
    planner.limits.set(site(40 * KW))
    planner.plan.subscribe(lambda: happened.append("|"))
    with trio.move_on_after(1.7):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(others)
            nursery.start_soon(planner.run, Recorder())  # type: ignore[arg-type]
    told = "".join(happened)

    assert "ppp" not in told
    assert [PIECES, 3, 1] == [part.count("p") for part in told.split("|")][-3:]
