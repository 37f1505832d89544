"""What must hold for any site and any history: no cap exceeded, more for all from more, and nobody gains by asking.

Monotony in the site's limit and symmetry are claims about sharing; who is let in at all is a choice (a higher limit may
let another in, whose minimum comes from the others), so those two are made without a useful minimum.
"""

from __future__ import annotations

import random
from typing import TypeAlias

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jp_firmware.model.ids import ConnectorId
from jp_firmware.model.power import Demand, Plan
from jp_firmware.planner.planner import compute
from jp_firmware.planner.rules import Rules
from jp_firmware.planner.sharing import ROUNDS
from jp_firmware.planner.tree import Group, Tree
from tests.planner.scenes import KW, Fixed
from tests.planner.sites import Site, caps_of, random_site

W = 1e-3  # a milliwatt of watts: what floats may lose


@st.composite
def sites(draw: st.DrawFn, *, min_useful_kw: float = 0.0, shares: bool | None = None) -> Site:
    dice = random.Random(draw(st.integers(0, 2**32)))
    borrowed = draw(st.booleans()) if shares is None else shares
    return random_site(
        dice, draw(st.integers(2, 9)), tiers=draw(st.integers(1, 3)), shares=borrowed, min_useful_kw=min_useful_kw
    )


def share_of(site: Site) -> dict[ConnectorId, float]:
    plan = compute(site.demands, site.limits, Plan(), 0.0, site.rules)
    return {key: one.allowed_w for key, one in plan.allocations.items()}


def with_site_limit(site: Site, factor: float) -> Site:
    limits = [attrs.evolve(one, value_w=one.value_w * factor) if one.scope == "site" else one for one in site.limits]
    return attrs.evolve(site, limits=tuple(limits))


def holds_every_cap(plan: Plan, site: Site, name: str) -> None:
    for below, cap_w in caps_of(site, guaranteed=not site.rules.borrowing):
        assert sum(getattr(plan.allocations[key], name) for key in below) <= cap_w + W, sorted(below)


Car: TypeAlias = tuple[float, float, bool, bool]  # asks for so many kW, draws so much of what it has, active, stale

steps = st.lists(
    st.tuples(
        st.floats(0.0, 1.5),  # the site's limit, of its first
        st.lists(st.tuples(st.floats(0, 200), st.floats(0, 1.2), st.booleans(), st.booleans()), min_size=9, max_size=9),
        st.floats(0.1, 400),  # until the next plan
    ),
    min_size=1,
    max_size=8,
)


@settings(max_examples=120, deadline=None)
@given(sites(min_useful_kw=5.0), steps, st.booleans())
def test_whatever_happens_no_cap_is_exceeded_and_a_cut_is_immediate(
    site: Site, story: list[tuple[float, list[Car], float]], ramp: bool
) -> None:
    rules = attrs.evolve(site.rules, ramp_a_per_s=25.0) if ramp else site.rules
    plan, now_s = Plan(), 0.0
    for factor, cars, pause_s in story:
        now = with_site_limit(site, factor)
        demands = [_bent(one, *car, plan) for one, car in zip(now.demands, cars, strict=False)]
        before, plan = plan, compute(demands, now.limits, plan, now_s, rules)
        now_s += pause_s

        holds_every_cap(plan, now, "allowed_w")
        holds_every_cap(plan, now, "assigned_w")
        for demand in demands:
            one = plan.allocations[demand.connector_id]
            assert 0 <= one.assigned_w <= one.target_w + W
            assert one.target_w <= one.allowed_w + W
            assert one.allowed_w <= min(demand.requested_w, demand.offered_w) + W
            assert one.allowed_w < W or one.allowed_w >= min(5 * KW, demand.requested_w) - W or demand.stale
            if demand.stale and demand.connector_id in before.allocations:
                assert one.assigned_w <= before.allocations[demand.connector_id].assigned_w + W
        _rises_fit_into_measured_room(now, demands, before, plan)


def _bent(demand: Demand, requested_kw: float, drawn: float, active: bool, stale: bool, plan: Plan) -> Demand:
    """The same connector later on, drawing some of what it was given, or a bit more."""
    had = plan.allocations.get(demand.connector_id)
    return attrs.evolve(
        demand,
        requested_w=requested_kw * KW,
        measured_w=drawn * had.assigned_w if had else 0.0,
        active=active,
        stale=stale and had is not None,
        voltage_v=400.0,
    )


def _rises_fit_into_measured_room(site: Site, demands: list[Demand], before: Plan, plan: Plan) -> None:
    """Where anyone below a cap rises, what flows there and all rises together stay below it."""
    measured_w = {one.connector_id: one.measured_w for one in demands}
    for below, cap_w in caps_of(site, guaranteed=not site.rules.borrowing)[: 1 + len(site.rules.tree.groups)]:
        had_w = {key: before.allocations[key].assigned_w if key in before.allocations else 0.0 for key in below}
        risen_w = sum(max(0.0, plan.allocations[key].assigned_w - had_w[key]) for key in below)
        assert risen_w <= W or sum(measured_w[key] for key in below) + risen_w <= cap_w + W


@settings(max_examples=120, deadline=None)
@given(sites(), st.floats(1.0, 3.0))
def test_a_higher_site_limit_takes_nothing_from_anybody(site: Site, factor: float) -> None:
    before, after = share_of(site), share_of(with_site_limit(site, factor))

    assert all(after[key] >= before[key] - W for key in before)


@settings(max_examples=80, deadline=None)
@given(sites(), st.randoms(use_true_random=False))
def test_it_matters_to_nobody_which_number_is_painted_on_a_connector(site: Site, dice: random.Random) -> None:
    keys = [one.connector_id for one in site.demands]
    names = dict(zip(keys, dice.sample(keys, len(keys)), strict=True))
    other = _renamed(site, names)

    assert share_of(site) == pytest.approx({key: share_of(other)[names[key]] for key in keys}, abs=W)


def _renamed(site: Site, names: dict[ConnectorId, ConnectorId]) -> Site:
    demands = [attrs.evolve(one, connector_id=names[one.connector_id]) for one in site.demands]
    scopes = {f"connector-{old}": f"connector-{new}" for old, new in names.items()}
    groups = [
        Group(scope=one.scope, connectors=frozenset(names[key] for key in one.connectors), share_w=one.share_w)
        for one in site.rules.tree.groups
    ]
    return Site(
        tuple(sorted(demands, key=lambda one: one.connector_id)),
        tuple(attrs.evolve(one, scope=scopes.get(one.scope, one.scope)) for one in site.limits),
        Rules(tree=Tree(tuple(reversed(groups))), borrowing=site.rules.borrowing),
    )


@settings(max_examples=100, deadline=None)
@given(sites(), st.integers(0, 8), st.floats(1.01, 10))
def test_asking_for_more_helps_nobody_who_does_not_get_all_it_asks_for(site: Site, which: int, factor: float) -> None:
    asker = site.demands[which % len(site.demands)]
    greedy = attrs.evolve(asker, requested_w=asker.requested_w * factor + KW)
    before = share_of(site)
    after = share_of(attrs.evolve(site, demands=tuple(greedy if one is asker else one for one in site.demands)))

    if before[asker.connector_id] < asker.requested_w - W:
        assert after == pytest.approx(before, abs=W)
    assert all(after[key] <= before[key] + W for key in before if key != asker.connector_id)


@settings(max_examples=60, deadline=None)
@given(sites(shares=True), st.integers(0, 8))
def test_what_was_lent_is_back_in_one_recomputation(site: Site, which: int) -> None:
    """A chain that had nothing to do asks: its shares are at once what they would be, had nobody ever borrowed."""
    lender = site.rules.tree.groups[which % len([one for one in site.rules.tree.groups if "chain" in one.scope])]
    idle = [attrs.evolve(one, active=one.connector_id not in lender.connectors) for one in site.demands]
    lent = compute(idle, site.limits, Plan(), 0.0, site.rules)
    back = compute(site.demands, site.limits, lent, 0.5, site.rules)

    assert share_of(site) == pytest.approx({key: one.allowed_w for key, one in back.allocations.items()}, abs=W)
    assert all(one.assigned_w <= one.allowed_w + W for one in back.allocations.values()), (
        "the borrowers' cut is at once"
    )


@settings(max_examples=80, deadline=None)
@given(sites(), st.lists(st.floats(0, 150), min_size=9, max_size=9))
def test_with_modules_for_so_much_the_targets_are_the_shares_of_who_can_offer_no_more(
    site: Site, has_kw: list[float]
) -> None:
    has = {one.connector_id: power_kw for one, power_kw in zip(site.demands, has_kw, strict=False)}
    offering = [attrs.evolve(one, offered_w=has[one.connector_id] * KW) for one in site.demands]
    plan = compute(site.demands, site.limits, Plan(), 0.0, site.rules, Fixed(has))
    rounds_suffice = len(site.demands) <= ROUNDS

    holds_every_cap(plan, site, "allowed_w")
    for key, one in plan.allocations.items():
        assert one.assigned_w <= one.target_w + W
        assert one.target_w <= min(one.allowed_w, has[key] * KW) + W
    if rounds_suffice:
        expected = share_of(attrs.evolve(site, demands=tuple(offering)))
        assert {key: one.target_w for key, one in plan.allocations.items()} == pytest.approx(expected, abs=W)
