"""The site meter as an input of the planner: from one reading to a limit of the site. Pure.

The building comes first: chargers get what it leaves of the site's connection. A reading counts until it is too old;
then the limit falls by itself to what is left beside the configured load of the building.
"""

from __future__ import annotations

import math

from jp_firmware.config.schema import SiteMeter
from jp_firmware.model.limits import Limit

OWNER = "site meter"


def building_limit(
    connection_w: float,
    meter: SiteMeter,
    power_w: float | None = None,
    chargers_w: float = 0.0,
    read_at_s: float = -math.inf,
    efficiency: float = 1.0,
) -> Limit:
    """What the building leaves of `connection_w`. `power_w` is what the meter read at `read_at_s`, None for never.

    `chargers_w` is what all connectors drew at that time, for a meter that includes them; not-a-number counts as
    nothing, so that all that was read is taken for the building's. A building that feeds in gives nobody more.

    All but `chargers_w` is at the grid, where the chargers take that over their `efficiency`. Where they lose less
    than it says, the building is taken for too little by as much as the limit's share at the connectors is too small:
    what the meter reads stays within the connection.
    """
    left_w = max(0.0, connection_w - meter.fallback_w)
    if power_w is None or math.isnan(power_w):
        return Limit(owner=OWNER, scope="site", value_w=left_w, reason="the site meter is silent", safe_w=left_w)
    own_w = chargers_w / efficiency if meter.includes_chargers and chargers_w > 0 else 0.0
    building_w = max(0.0, power_w - own_w)
    return Limit(
        owner=OWNER,
        scope="site",
        value_w=max(0.0, connection_w - building_w),
        reason=f"the building takes {building_w / 1000:.1f} kW",
        expires_at_s=read_at_s + meter.watchdog_s,
        safe_w=left_w,
    )
