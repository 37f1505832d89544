"""The site limit of a controller that has not read its configuration yet, or that a test moves."""

from __future__ import annotations

from jp_firmware.controller import Controller
from jp_firmware.model.limits import Limit
from jp_firmware.planner.rules import CONFIGURED, SITE_LIMIT


def set_site_limit(controller: Controller, limit_w: float) -> None:
    """As if `site.limit_w` had this value: the set-points that follow are on the wire when this returns."""
    controller.planner.limits.set(Limit(owner=SITE_LIMIT, scope="site", value_w=limit_w, reason=CONFIGURED))
