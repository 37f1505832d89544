"""Which transaction of the central system is which session of the controller."""

from __future__ import annotations

from typing import Any

import pytest

from jp_firmware.demo.summary import is_of

SESSION = {"connector": 4, "meter_start_wh": 12345, "token": "TEST-4", "started_at": "2026-11-20T13:27:42+00:00"}


def transaction(**other: Any) -> dict[str, Any]:
    told = {"connector": 4, "meter_start_wh": 12345, "id_tag": "TEST-4", "started_at": "2026-11-20T13:27:42.947Z"}
    return told | other


def test_a_transaction_is_the_session_it_was_started_by() -> None:
    assert is_of(transaction(), SESSION)


@pytest.mark.parametrize(
    "other",
    [
        {"started_at": "2026-11-20T13:27:31.200Z"},
        {"connector": 3},
        {"id_tag": "TEST-3"},
        {"meter_start_wh": 12346},
    ],
)
def test_a_session_that_delivered_nothing_is_not_taken_for_the_next_one(other: dict[str, Any]) -> None:
    assert not is_of(transaction(**other), SESSION)
