"""Topics are made at most every 100 ms for all clients together, and a provider's defect stays its own."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from jp_firmware.console.topics import SHARED_FOR_S, Topics, TopicUnavailable

from .conftest import Charger


def test_a_provider_is_asked_once_in_a_tenth_of_a_second(charger: Charger) -> None:
    topics = Topics(charger.topics)
    for now_s in (10.0, 10.01, 10.0 + SHARED_FOR_S * 0.99):
        topics.snapshot("status", now_s)
    assert charger.asked == 1
    topics.snapshot("status", 10.0 + SHARED_FOR_S * 1.01)

    assert charger.asked == 2


def test_a_failing_provider_is_not_asked_more_often_and_is_logged_once(
    charger: Charger, caplog: pytest.LogCaptureFixture
) -> None:
    topics = Topics(charger.topics)
    charger.broken = True
    with caplog.at_level(logging.ERROR):
        for step in range(10):
            with pytest.raises(TopicUnavailable, match=r"KeyError: 'measured_w'"):
                topics.snapshot("status", step * 0.05)

    assert charger.asked == 5
    assert len(caplog.records) == 1


def test_a_snapshot_is_a_copy_that_its_provider_cannot_change_afterwards() -> None:
    mutable: dict[str, Any] = {"site": {"limit_w": 1}}
    topics = Topics({"status": lambda: mutable})
    told = topics.snapshot("status", 0.0)
    mutable["site"]["limit_w"] = 2

    assert told == {"site": {"limit_w": 1}}
    assert topics.snapshot("status", 1.0) == {"site": {"limit_w": 2}}


@pytest.mark.parametrize("made", [{1: "a number for a key"}, [], None, {"x": object()}])
def test_what_is_no_snapshot_makes_the_topic_unavailable(made: Any) -> None:
    with pytest.raises(TopicUnavailable, match="TypeError"):
        Topics({"status": lambda: made}).snapshot("status", 0.0)
