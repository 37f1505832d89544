"""The ideal day: the energy that the same cars would have taken from a charger without any delay. Pure.

Power is a fluid here: shared anew at each moment, exactly and without start-up, ramps or whole modules, under the same
limits. No charger can deliver more; what ours delivers is told as a share of it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import attrs

from jp_firmware.planner.waterfill import Cap, Leaf, waterfill

STEP_S = 0.1

CurveW = Callable[[float], float]


@attrs.frozen(kw_only=True)
class Stay:
    """One car at one connector, from the moment it might charge to the moment it was gone. Monotonic seconds."""

    connector: int
    from_s: float
    until_s: float
    soc_percent: float
    leave_at_percent: float
    capacity_wh: float
    power_w: CurveW  # what the car takes at a state of charge


@attrs.frozen(kw_only=True)
class Bounds:
    """What the charger can do: each connector by itself, all modules together, and the site at any time."""

    connector_w: Mapping[int, float]
    modules_w: float
    site_w: Callable[[float], float]


def ideal_wh(stays: Sequence[Stay], bounds: Bounds, step_s: float = STEP_S) -> float:
    """Energy of all stays, Wh, with the power shared fairly at each of the steps."""
    if not stays:
        return 0.0
    soc = {id(stay): stay.soc_percent for stay in stays}
    total_wh = 0.0
    now_s, end_s = min(stay.from_s for stay in stays), max(stay.until_s for stay in stays)
    while now_s < end_s:
        here = [stay for stay in stays if stay.from_s <= now_s < stay.until_s and soc[id(stay)] < stay.leave_at_percent]
        leaves = [
            Leaf(name=str(id(stay)), high_w=min(stay.power_w(soc[id(stay)]), bounds.connector_w[stay.connector]))
            for stay in here
        ]
        shares = waterfill(Cap(name="site", cap_w=min(bounds.site_w(now_s), bounds.modules_w), below=leaves))
        for stay in here:
            energy_wh = shares[str(id(stay))].power_w * step_s / 3600
            left_wh = (stay.leave_at_percent - soc[id(stay)]) / 100 * stay.capacity_wh
            taken_wh = min(energy_wh, left_wh)
            soc[id(stay)] += 100 * taken_wh / stay.capacity_wh
            total_wh += taken_wh
        now_s += step_s
    return total_wh
