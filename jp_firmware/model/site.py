"""The site around the charger: what its meter measures."""

from __future__ import annotations

import attrs


@attrs.frozen(kw_only=True)
class SitePower:
    """One reading of the site's meter: power over all phases, import positive, export (solar) negative. W."""

    power_w: float
