"""The planner in the composition: what the site's meter leaves it, and what it has to say to those who ask why."""

from __future__ import annotations

import math
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import attrs
import trio

from jp_firmware.config.schema import Cabinet
from jp_firmware.hw.meters.site_meter import SiteMeter
from jp_firmware.model.ids import ConnectorId
from jp_firmware.model.limits import Limit
from jp_firmware.model.power import Plan
from jp_firmware.planner.building import building_limit
from jp_firmware.planner.explain import explain
from jp_firmware.planner.forecast import Arrivals, Forecast
from jp_firmware.planner.headroom import headroom
from jp_firmware.planner.site_words import site_sentence
from jp_firmware.planner.task import Planner

if TYPE_CHECKING:
    from jp_firmware.controller import Controller

Json = dict[str, Any]


@attrs.define(eq=False)
class Building:
    """Keeps the limit that the building leaves of the site's connection, at each reading of the site's meter."""

    cabinet: Cabinet
    planner: Planner
    meter: SiteMeter

    def __attrs_post_init__(self) -> None:
        self.meter.power.subscribe(self.look)

    def look(self) -> None:
        """A new limit in force when this returns. A meter that is silent leaves what its fallback says, by itself."""
        config, power = self.cabinet.site_meter, self.meter.power.signal
        assert config is not None  # or there were no such meter
        known = power.fresh(trio.current_time(), config.watchdog_s)
        self.planner.limits.set(
            building_limit(
                self.cabinet.site.limit_w,
                config,
                known.power_w if known else None,
                self._chargers_w(),
                power.at_s,
                self.cabinet.site.efficiency,
            )
        )

    def _chargers_w(self) -> float:
        """What the chargers drew when the meter was read: the least of the last plan's time and of now.

        While their power moves the two differ; of the building never less is believed than it may take.
        """
        plan = self.planner.plan.signal.value or Plan()
        last_w = sum(one.measured_w for one in plan.allocations.values())
        now_w = sum(one.measured_w for one in self.planner.demands())
        return math.nan if math.isnan(last_w + now_w) else min(last_w, now_w)


def why(controller: Controller, connector: ConnectorId) -> Json:
    """The call `plan.why`. Raises UnknownConnector."""
    return explain(_plan(controller), connector, trio.current_time(), datetime.now().astimezone()).as_json()


def site(controller: Controller) -> Json:
    """The call `plan.site`: what is used and free, what is short, and what is to be expected. Powers in W."""
    plan, ahead, known = _plan(controller), controller.planner.forecast.signal.value, controller.arrivals.known
    room = headroom(plan)
    return {
        "limit_w": round(plan.site_limit_w),
        "grid_limit_w": round(plan.site_limit_w / plan.efficiency),
        "reserve_w": round(plan.reserve_w),
        "used_w": round(room.used_w),
        "headroom_w": round(room.headroom_w),
        "utilisation": round(room.utilisation, 3),
        "short_by_w": round(room.short_by_w),
        "forecast": _forecast(ahead, plan, known) if ahead else None,
        "sentence": site_sentence(plan, room, ahead, known),
    }


def forecast_json(ahead: Forecast, plan: Plan) -> Json:
    """The worst of the time ahead."""
    return {
        "within_s": round(ahead.times_s[-1]),
        "p50_w": round(ahead.peak_p50_w),
        "p90_w": round(ahead.peak_p90_w),
        "short_by_w": round(ahead.short_by_w(plan)),
        "arrivals": round(ahead.arrivals, 2),
    }


def _forecast(ahead: Forecast, plan: Plan, known: Arrivals) -> Json:
    return forecast_json(ahead, plan) | {"arrival_w": round(known.power_w), "weeks_seen": known.weeks}


async def losses(controller: Controller) -> list[Json]:
    """The call `plan.losses`: what the loss of each module would mean now.

    In a worker thread, since it is nobody's control path, and may take seconds that the loop has not got.
    """
    told = controller.choice.losses()
    return [
        {
            "module": one.module,
            "connector": one.connector,
            "had_w": round(one.had_w),
            "keeps_w": round(one.keeps_w),
            "regains_w": round(one.regains_w),
            "moves": one.moves,
            "covered": one.is_covered,
            "sentence": one.sentence(),
        }
        for one in await trio.to_thread.run_sync(tuple, told)
    ]


def snapshot(controller: Controller) -> Json:
    """The topic `planner`: the site, every connector's chain of limits, and all limits there are."""
    plan, now_s, wall_time = _plan(controller), trio.current_time(), datetime.now().astimezone()
    return {
        "revision": plan.revision,
        "age_s": round(now_s - plan.at_s, 2),
        "borrowing": controller.planner.rules.borrowing,
        "site": site(controller),
        "connectors": {str(key): explain(plan, key, now_s, wall_time).as_json() for key in plan.allocations},
        "limits": [_limit(one, now_s, wall_time) for one in plan.limits],
    }


def _limit(limit: Limit, now_s: float, wall_time: datetime) -> Json:
    left_s = limit.expires_at_s - now_s if now_s < limit.expires_at_s < math.inf else None
    return {
        "owner": limit.owner,
        "scope": limit.scope,
        "reason": limit.reason,
        "value_w": round(bound_w) if (bound_w := limit.bound_w(now_s)) < float("inf") else None,
        "expires_in_s": None if left_s is None else round(left_s, 1),
        "expires_at": None if left_s is None else (wall_time + timedelta(seconds=left_s)).isoformat(timespec="seconds"),
        "safe_w": round(limit.safe_w) if max(limit.expires_at_s, limit.safe_w) < float("inf") else None,
    }


def _plan(controller: Controller) -> Plan:
    return controller.planner.plan.signal.value or Plan()
