"""What the demo does when its charger is not there for a moment, and when it says no."""

from __future__ import annotations

from typing import Any

import attrs
import pytest

from jp_firmware.config import store
from jp_firmware.config.schema import Cabinet
from jp_firmware.console.protocol import CallFailed, ConsoleError, ErrorCode
from jp_firmware.demo.day import Day
from jp_firmware.demo.scenario import DAY

LOWERED_S, LATER_S = 20.0, 20.5  # of the day: when the limit is lowered, and the next look
LOWERED_W = 0.6 * 150_000


@attrs.define
class FakeSite:
    """A charger with nothing to do, which answers calls or fails."""

    cabinet: Cabinet = attrs.field(factory=lambda: store.load(store.find("demo")))
    failure: Exception | None = None
    limits_w: list[float] = attrs.field(factory=list)

    def status(self) -> dict[str, Any]:
        return {"connectors": {str(one.id): {"state": "unavailable"} for one in self.cabinet.connectors}}

    def call(self, method: str, *, site_w: float) -> None:
        assert method == "limit.set"
        if self.failure:
            raise self.failure
        self.limits_w.append(site_w)


def day_at(site: FakeSite) -> Day:
    return Day(site, DAY, ("volkswagen-id3",), lambda _: None)  # type: ignore[arg-type]


def test_a_charger_that_starts_anew_is_told_the_limit_at_the_next_look() -> None:
    site = FakeSite(failure=ConsoleError("the charger closed the link"))
    day = day_at(site)
    day.step(LOWERED_S, None)
    assert [] == site.limits_w

    site.failure = None
    day.step(LATER_S, None)
    day.step(LATER_S, None)

    assert [LOWERED_W] == site.limits_w


def test_a_limit_that_is_refused_ends_the_demo() -> None:
    day = day_at(FakeSite(failure=CallFailed(ErrorCode.REFUSED, "no")))

    with pytest.raises(CallFailed):
        day.step(LOWERED_S, None)
