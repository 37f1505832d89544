"""The fair share as a linear programme, by HiGHS: an independent way to the same numbers, a thousand times slower.

Weighted max-min is found level by level: raise the worst-off as far as possible, fix those whom the dual values prove
to be held at that level in every optimum, and go on with the rest. Powers in kW, which suits the solver's tolerances.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from scipy.optimize import linprog  # type: ignore[import-untyped]

from jp_firmware.model.ids import ConnectorId
from tests.planner.scenes import KW
from tests.planner.sites import Site, caps_of

Caps = Sequence[tuple[frozenset[ConnectorId], float]]
PROVEN = 1e-7  # a dual value that is not nothing


def fair_share_w(site: Site) -> dict[ConnectorId, float]:
    """What every connector of `site` shall get: guaranteed shares first, then borrowed ones, tier by tier."""
    keys = [one.connector_id for one in site.demands]
    given_kw = dict.fromkeys(keys, 0.0)
    given_kw = _by_tier(site, given_kw, caps_of(site, guaranteed=True))
    if site.rules.borrowing:
        given_kw = _by_tier(site, given_kw, caps_of(site, guaranteed=False))
    return {key: power_kw * KW for key, power_kw in given_kw.items()}


def largest_total_w(site: Site) -> float:
    """The most that can be given to all together, fair or not."""
    keys = [one.connector_id for one in site.demands]
    rows, bounds = _cap_rows(keys, caps_of(site, guaranteed=not site.rules.borrowing), 0)
    highs = [min(one.requested_w, one.offered_w) / KW for one in site.demands]
    found = linprog(-np.ones(len(keys)), A_ub=rows, b_ub=bounds, bounds=[(0, high) for high in highs])
    assert found.success, found.message
    return float(-found.fun) * KW


def _by_tier(site: Site, floors_kw: Mapping[ConnectorId, float], caps: Caps) -> dict[ConnectorId, float]:
    given_kw = dict(floors_kw)
    for tier in sorted({one.tier for one in site.demands}):
        free = {one.connector_id: one.weight for one in site.demands if one.tier == tier}
        ranges = {
            one.connector_id: (
                given_kw[one.connector_id],
                max(given_kw[one.connector_id], min(one.requested_w, one.offered_w) / KW)
                if one.connector_id in free
                else given_kw[one.connector_id],
            )
            for one in site.demands
        }
        given_kw = _level_by_level(free, ranges, caps)
    return given_kw


def _level_by_level(
    free: dict[ConnectorId, float], ranges: dict[ConnectorId, tuple[float, float]], caps: Caps
) -> dict[ConnectorId, float]:
    """Lexicographic weighted max-min of the `free` ones (by weight), everyone inside its range."""
    keys = list(ranges)
    cap_rows, cap_bounds = _cap_rows(keys, caps, 1)
    while True:
        waiting = list(free)
        rows = np.zeros((len(waiting), len(keys) + 1))
        for number, key in enumerate(waiting):
            rows[number, keys.index(key)], rows[number, -1] = -1.0, free[key]
        aim = np.zeros(len(keys) + 1)
        aim[-1] = -1.0  # the level, as high as possible
        found = linprog(
            aim,
            A_ub=np.vstack([rows, cap_rows]) if waiting else cap_rows,
            b_ub=np.concatenate([np.zeros(len(waiting)), cap_bounds]),
            bounds=[*(ranges[key] for key in keys), (None, None) if waiting else (0, 0)],
        )
        assert found.success, found.message
        if not waiting:
            return {key: float(found.x[number]) for number, key in enumerate(keys)}
        level = float(found.x[-1])
        held = [key for key, dual in zip(waiting, found.ineqlin.marginals, strict=False) if dual < -PROVEN]
        assert held, "the dual values of a bounded level add up to one"
        for key in held:
            power_kw = min(max(free.pop(key) * level, ranges[key][0]), ranges[key][1])
            ranges[key] = (power_kw, power_kw)


def _cap_rows(keys: Sequence[ConnectorId], caps: Caps, more: int) -> tuple[np.ndarray, np.ndarray]:
    finite = [(below, cap_w) for below, cap_w in caps if np.isfinite(cap_w)]
    rows = np.zeros((len(finite), len(keys) + more))
    for number, (below, _) in enumerate(finite):
        for key in below:
            rows[number, keys.index(key)] = 1.0
    return rows, np.array([cap_w / KW for _, cap_w in finite])
