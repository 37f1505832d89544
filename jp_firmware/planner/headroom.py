"""What a plan leaves of the site's limit, and what is missing. Pure, read from a plan."""

from __future__ import annotations

import attrs

from jp_firmware.model.power import Plan


@attrs.frozen(kw_only=True)
class Headroom:
    """Watts, but for `utilisation`, a share of the site's limit (0 where that is 0)."""

    used_w: float  # for each connector the larger of what is assigned and what is measured
    headroom_w: float  # what is left of the limit after the reserve; negative while more flows than may
    utilisation: float
    short_by_w: float  # what cars ask for and connectors could give, beyond what is allowed


def headroom(plan: Plan) -> Headroom:
    """The headroom of a plan."""
    used_w = sum(one.reserved_w for one in plan.allocations.values())
    wanted_w = sum(min(one.requested_w, one.offered_w) for one in plan.allocations.values() if one.active)
    allowed_w = sum(one.allowed_w for one in plan.allocations.values())
    return Headroom(
        used_w=used_w,
        headroom_w=plan.site_limit_w - plan.reserve_w - used_w,
        utilisation=used_w / plan.site_limit_w if plan.site_limit_w > 0 else 0.0,
        short_by_w=max(0.0, wanted_w - allowed_w),
    )
