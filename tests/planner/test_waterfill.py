"""Water-filling: the acceptance cases of the planner facts (E1-E8), and what must hold for any tree."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jp_firmware.planner.waterfill import Cap, Infeasible, Leaf, waterfill

KW = 1000.0


def shares(cap: Cap) -> dict[str, float]:
    return {name: round(share.power_w, 3) for name, share in waterfill(cap).items()}


def site(cap_kw: float, wants_kw: list[float], weights: list[float] | None = None, low_kw: float = 0.0) -> Cap:
    weights = weights or [1.0] * len(wants_kw)
    leaves = [
        Leaf(name=str(n), high_w=want * KW, weight=weight, low_w=low_kw * KW)
        for n, (want, weight) in enumerate(zip(wants_kw, weights, strict=True), start=1)
    ]
    return Cap(name="site", cap_w=cap_kw * KW, below=leaves)


@pytest.mark.parametrize(
    ("cap", "expected_kw"),
    [
        pytest.param(site(240, [60, 90, 120]), [60, 90, 90], id="E1 the poorest are served whole"),
        pytest.param(site(200, [60, 90, 120]), [60, 70, 70], id="E1b"),
        pytest.param(site(200, [60, 90, 120], [1, 1, 2]), [50, 50, 100], id="E1c weights"),
        pytest.param(site(70, [100, 100, 100], [1, 1, 5], low_kw=20), [20, 20, 30], id="E5 floors bind"),
        pytest.param(site(400, [60, 90, 120]), [60, 90, 120], id="room for all"),
        pytest.param(site(0, [60, 90]), [0, 0], id="nothing to share"),
    ],
)
def test_acceptance_cases(cap: Cap, expected_kw: list[float]) -> None:
    assert [power_kw * KW for power_kw in expected_kw] == list(shares(cap).values())


def nested(site_kw: float, second_kw: float = 90) -> Cap:
    chain_a = Cap(
        name="chain A", cap_w=136 * KW, below=[Leaf(name="1", high_w=56 * KW), Leaf(name="2", high_w=second_kw * KW)]
    )
    chain_b = Cap(name="chain B", cap_w=150 * KW, below=[Leaf(name="3", high_w=120 * KW)])
    return Cap(name="site", cap_w=site_kw * KW, below=[chain_a, chain_b])


def test_nested_caps_share_what_the_tighter_one_leaves() -> None:
    """E2, E3 and E4: a chain cap binds, then the site cap, then a limit on one connector frees power for the others."""
    assert {"1": 56 * KW, "2": 80 * KW, "3": 120 * KW} == shares(nested(300))
    assert {"1": 50 * KW, "2": 50 * KW, "3": 50 * KW} == shares(nested(150))
    assert {"1": 56 * KW, "2": 30 * KW, "3": 64 * KW} == shares(nested(150, second_kw=30))


def test_each_share_names_what_held_it_back() -> None:
    result = waterfill(nested(300))

    assert ["demand", "chain A", "demand"] == [result[name].limited_by for name in "123"]


def test_floors_that_exceed_a_cap_are_refused_by_name() -> None:
    with pytest.raises(Infeasible, match="site"):
        waterfill(site(50, [100, 100, 100], low_kw=20))


leaf_lists = st.lists(
    st.tuples(st.floats(0, 200_000), st.floats(0.1, 10)),
    min_size=1,
    max_size=8,
)


@settings(max_examples=150, deadline=None)
@given(leaf_lists, st.floats(0, 600_000), st.floats(0, 300_000), st.integers(0, 8))
def test_no_cap_is_exceeded_nothing_is_wasted_and_nobody_poorer_could_be_raised(
    wants: list[tuple[float, float]], site_w: float, chain_w: float, split: int
) -> None:
    leaves = [Leaf(name=str(n), high_w=high, weight=weight) for n, (high, weight) in enumerate(wants)]
    chain, rest = leaves[:split], leaves[split:]
    tree = Cap(name="site", cap_w=site_w, below=[Cap(name="chain", cap_w=chain_w, below=chain), *rest])
    power = {name: share.power_w for name, share in waterfill(tree).items()}

    chain_sum = sum(power[leaf.name] for leaf in chain)
    total = sum(power.values())
    assert chain_sum <= chain_w + 1e-3
    assert total <= site_w + 1e-3
    assert all(0 <= power[leaf.name] <= leaf.high_w + 1e-6 for leaf in leaves)
    best = min(site_w, min(chain_w, sum(leaf.high_w for leaf in chain)) + sum(leaf.high_w for leaf in rest))
    assert total == pytest.approx(best, abs=1e-2)
    for group, cap_w, used in ((chain, chain_w, chain_sum), (leaves, site_w, total)):
        held_back = [leaf for leaf in group if power[leaf.name] < leaf.high_w - 1e-3]
        if used > cap_w - 1e-3 or not held_back:
            continue
        assert group is chain or all(leaf in chain for leaf in held_back)  # only a full cap holds anyone back


@settings(max_examples=100, deadline=None)
@given(leaf_lists, st.floats(0, 400_000), st.floats(0, 100_000))
def test_a_higher_site_limit_lowers_nobody(wants: list[tuple[float, float]], site_w: float, more_w: float) -> None:
    leaves = [Leaf(name=str(n), high_w=high, weight=weight) for n, (high, weight) in enumerate(wants)]
    before = waterfill(Cap(name="site", cap_w=site_w, below=leaves))
    after = waterfill(Cap(name="site", cap_w=site_w + more_w, below=leaves))

    assert all(after[leaf.name].power_w >= before[leaf.name].power_w - 1e-3 for leaf in leaves)
