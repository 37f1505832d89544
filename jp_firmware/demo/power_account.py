"""What a busy day came to in power: limits kept or not, and how much of the ideal was delivered."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import attrs

from jp_firmware.config.schema import Cabinet
from jp_firmware.demo.fluid import Bounds, ideal_wh
from jp_firmware.demo.sampler import Sampler, Violation
from jp_firmware.demo.site import Site
from jp_firmware.hw.modules.driver import load_profile
from jp_firmware.planner.wiring import topology_of

MOVES = "modules_switched"
SHOWN = 5  # violations that are listed


@attrs.frozen(kw_only=True)
class PowerAccount:
    """The account of a sampled day. Energies in Wh."""

    samples: int
    late: int
    violations: tuple[Violation, ...]
    peak_w: float
    delivered_wh: float
    ideal_wh: float  # from the plug, without any delay
    ideal_charging_wh: float  # from each car's first current
    sessions: int
    switches: Mapping[str, int]  # moves of modules, and what must never happen at a relay or a contactor

    @classmethod
    def of(cls, site: Site, sampler: Sampler, delivered_wh: float) -> PowerAccount:
        """Closes the sampler's books. Raises what asking the site raises."""
        sampler.end()
        bounds = Bounds(
            connector_w=_connector_w(site.cabinet),
            modules_w=sum(load_profile(one.profile).max_power_w for one in site.cabinet.modules),
            site_w=sampler.site_w,
        )
        return cls(
            samples=sampler.samples,
            late=sampler.late,
            violations=tuple(sampler.violations),
            peak_w=sampler.peak_w,
            delivered_wh=delivered_wh,
            ideal_wh=ideal_wh(sampler.stays, bounds),
            ideal_charging_wh=ideal_wh(sampler.charging, bounds),
            sessions=len(sampler.charging),
            switches=sampler.switches,
        )

    def disagreements(self) -> list[str]:
        """Every limit that was exceeded, the first few of them."""
        found = [f"limit exceeded at {one}" for one in self.violations[:SHOWN]]
        if len(self.violations) > SHOWN:
            found.append(f"and {len(self.violations) - SHOWN} samples more")
        crimes = {what: count for what, count in self.switches.items() if what != MOVES and count}
        found += [f"relays and contactors: {count} {what.replace('_', ' ')}" for what, count in crimes.items()]
        return found

    def lines(self) -> Iterator[str]:
        """For people."""
        yield (
            f"power: {self.samples} samples, {self.late} late, peak {self.peak_w / 1000:.1f} kW, "
            f"{len(self.violations)} above a limit"
        )
        yield (
            f"energy: {self.delivered_wh:.0f} Wh, {_share(self.delivered_wh, self.ideal_charging_wh)} of the ideal "
            f"from the first ampere ({self.ideal_charging_wh:.0f} Wh), {_share(self.delivered_wh, self.ideal_wh)} "
            f"from the plug ({self.ideal_wh:.0f} Wh)"
        )
        moves = self.switches.get(MOVES, 0)
        yield f"module moves: {moves}, {moves / max(1, self.sessions):.1f} a session"


def _connector_w(cabinet: Cabinet) -> dict[int, float]:
    """What each connector can have with all modules that reach it."""
    ratings = {one.id: load_profile(one.profile).rating for one in cabinet.modules}
    topology = topology_of(cabinet, ratings)
    reach = {key: topology.reach_of(key) for key in ratings}
    power_w = {one.id: load_profile(one.profile).max_power_w for one in cabinet.modules}
    return {
        one.id: min(one.max_power_w, sum(power_w[module] for module, reached in reach.items() if one.id in reached))
        for one in cabinet.connectors
    }


def _share(part: float, whole: float) -> str:
    return f"{part / whole:.1%}" if whole else "---"
