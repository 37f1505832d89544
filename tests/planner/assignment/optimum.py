"""The best worst-off level that whole modules allow, by mixed-integer programming (HiGHS)."""

from __future__ import annotations

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import coo_array

from tests.planner.assignment.instances import Instance


class Unproven(Exception):
    """The time was up before the optimum was proven."""


def worst_off(instance: Instance, time_limit_s: float = 2.0) -> float:
    """The largest level (W for each unit of weight) at which every connector that wants power can be served at once."""
    situation, feeds = instance.situation, instance.topology.feeds
    wanting = [each for each, target_w in instance.targets_w.items() if target_w > 0]
    pairs = [
        (module, way.connector, feed.power_at(situation.voltages_v[way.connector]))
        for module, feed in enumerate(feeds)
        for way in feed.ways
        if way.connector in wanting
    ]
    level = len(pairs)  # the last variable, in kW
    rows, columns, values = [], [], []
    for column, (module, connector, power_w) in enumerate(pairs):
        rows += [module, len(feeds) + wanting.index(connector)]
        columns += [column, column]
        values += [1.0, power_w / 1000]
    for at, connector in enumerate(wanting):
        rows.append(len(feeds) + at)
        columns.append(level)
        values.append(-situation.weights.get(connector, 1.0))
    shape = (len(feeds) + len(wanting), level + 1)
    highest = min(instance.targets_w[each] / situation.weights.get(each, 1.0) for each in wanting) / 1000
    result = milp(
        c=np.append(np.zeros(level), -1.0),
        constraints=LinearConstraint(
            coo_array((values, (rows, columns)), shape=shape).tocsr(),
            lb=np.concatenate([np.full(len(feeds), -np.inf), np.zeros(len(wanting))]),
            ub=np.concatenate([np.ones(len(feeds)), np.full(len(wanting), np.inf)]),
        ),
        integrality=np.append(np.ones(level), 0.0),
        bounds=Bounds(np.zeros(level + 1), np.append(np.ones(level), highest)),
        options={"time_limit": time_limit_s, "mip_rel_gap": 1e-6},
    )
    if result.status == 1:
        raise Unproven(result.message)
    if result.status != 0:
        raise RuntimeError(result.message)
    return float(result.x[-1]) * 1000
