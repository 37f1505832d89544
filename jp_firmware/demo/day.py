"""A believable day at the charger, compressed: small batteries and short stays. Time itself is never scaled.

Each connector has visitors, one after another. They plug in, identify themselves (by card, by an app through the
central system, or with a card that is refused), charge, leave. In between the site's limit moves.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence

import attrs

from jp_firmware.console.protocol import CallFailed, ConsoleError
from jp_firmware.csms.failure import CsmsError
from jp_firmware.demo.sampler import Sampler
from jp_firmware.demo.scenario import Scenario
from jp_firmware.demo.site import Site

VEHICLES_SEED = 7  # the same day each time
CARDS = ("04A1B2C3D4E5F6", "04C0FFEE123456", "04BADA55C0DE99", "0402468ACE1357")
LOST_CARD = "04DEADBEEF0102"  # blocked in the local list
WIND_DOWN_S = 12.0  # nobody arrives this shortly before the end
PATIENCE_S = 45.0  # a visitor whose session does not start leaves


@attrs.define(eq=False)
class Visitor:
    """One connector's visitors, one after another."""

    connector: int
    site: Site
    scenario: Scenario
    say: Callable[[str], None]
    vehicles: Sequence[str]
    rng: random.Random
    arrives_at_s: float
    present: bool = False
    arrived_s: float = 0.0
    had_session: bool = False
    visits: int = 0

    def step(self, now_s: float, state: str, arrivals: bool) -> None:
        """Looks at the connector and does what its visitor would."""
        if not self.present:
            if arrivals and now_s >= self.arrives_at_s and state == "available":
                self._arrive(now_s)
            return
        if state in ("charging", "suspended by EVSE", "suspended by EV"):
            self.had_session = True
        gave_up = not self.had_session and now_s - self.arrived_s > PATIENCE_S
        if (self.had_session and state in ("finishing", "faulted", "preparing")) or gave_up:
            self._leave(now_s)

    def leave_now(self) -> None:
        """The day is over."""
        if self.present:
            self.site.call("connector.stop", connector=self.connector)

    def _arrive(self, now_s: float) -> None:
        vehicle = self.rng.choice(self.vehicles)
        soc = self.rng.uniform(*self.scenario.soc_percent)
        battery_kwh = self.rng.uniform(*self.scenario.battery_kwh)
        car = {"vehicle": vehicle, "soc": soc, "battery_kwh": battery_kwh, "leave_at": 80.0}
        self.site.sim("plug", connector=self.connector, **car)
        self.say(f"connector {self.connector}: {vehicle} plugs in at {soc:.0f} %")
        self._identify()
        self.present, self.arrived_s, self.had_session = True, now_s, False
        self.visits += 1

    def _identify(self) -> None:
        card = CARDS[(self.connector + self.visits) % len(CARDS)]
        if self.scenario.lost_card and self.connector == 3 and self.visits == 0:
            self.site.sim("swipe", uid=LOST_CARD)
            self.say(f"connector {self.connector}: a lost card is tried first")
        if self.connector % 2 == 0 and self._start_by_app(card):
            self.say(f"connector {self.connector}: started by app")
        else:
            self.site.sim("swipe", uid=card)
            self.say(f"connector {self.connector}: card {card}")

    def _start_by_app(self, card: str) -> bool:
        """RemoteStart through the central system; False if it is away or refuses."""
        try:
            answer = self.site.csms(
                "call",
                station=self.site.cabinet.charger.identity,
                action="RemoteStartTransaction",
                payload={"connectorId": self.connector, "idTag": card},
            )
        except CsmsError:
            return False
        return isinstance(answer, dict) and answer.get("status") == "Accepted"

    def _leave(self, now_s: float) -> None:
        self.site.sim("unplug", connector=self.connector)
        self.say(f"connector {self.connector}: unplugged after {now_s - self.arrived_s:.0f} s")
        self.present = False
        self.arrives_at_s = now_s + self.rng.uniform(*self.scenario.gap_s)


@attrs.define(eq=False)
class Day:
    """Runs visitors and the site's limit until told to stop. `say` prints one line of progress."""

    site: Site
    scenario: Scenario
    vehicles: Sequence[str]
    say: Callable[[str], None]
    sampler: Sampler | None = attrs.field(init=False)
    _visitors: list[Visitor] = attrs.field(factory=list)
    _limit_share: float = 1.0

    def __attrs_post_init__(self) -> None:
        now_s = time.monotonic()
        self.sampler = Sampler(self.site) if self.scenario.sampled else None
        if self.sampler:
            self.sampler.limit_set(self.site.cabinet.site.limit_w)
        for order, connector in enumerate(self.site.cabinet.connectors):
            self._visitors.append(
                Visitor(
                    connector=connector.id,
                    site=self.site,
                    scenario=self.scenario,
                    say=self.say,
                    vehicles=self.vehicles,
                    rng=random.Random(VEHICLES_SEED + connector.id),
                    arrives_at_s=now_s + 1.0 + self.scenario.first_apart_s * order,
                )
            )

    def step(self, elapsed_s: float, for_s: float | None) -> None:
        """One look at the charger and whatever follows; call it a few times a second."""
        status = self.site.status()
        if status is None:
            return
        arrivals = for_s is None or elapsed_s < for_s - WIND_DOWN_S
        for visitor in self._visitors:
            visitor.step(time.monotonic(), status["connectors"][str(visitor.connector)]["state"], arrivals)
        self._move_limit(elapsed_s)

    def end(self) -> None:
        """Everybody leaves: sessions end in order."""
        for visitor in self._visitors:
            try:
                visitor.leave_now()
            except ConsoleError:
                continue  # that session has just ended by itself

    def _move_limit(self, elapsed_s: float) -> None:
        share = self.scenario.limit_share_at(elapsed_s)
        if share == self._limit_share:
            return
        limit_w = self.site.cabinet.site.limit_w * share
        try:
            self.site.call("limit.set", site_w=limit_w)
        except CallFailed:
            raise
        except ConsoleError:
            return  # it starts anew, perhaps as somebody at the terminal wished; the next look asks it again
        self._limit_share = share
        if self.sampler:
            self.sampler.limit_set(limit_w)
        self.say(f"site limit {limit_w / 1000:.0f} kW")
