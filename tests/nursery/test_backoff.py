"""Back-off between restarts."""

from __future__ import annotations

import pytest

from jp_firmware.nursery.backoff import Backoff


def test_the_first_delay_doubles_up_to_the_cap() -> None:
    backoff = Backoff(first_s=0.5, cap_s=3.0)

    assert [backoff.delay_s(n) for n in range(6)] == [0.0, 0.5, 1.0, 2.0, 3.0, 3.0]


def test_years_of_failures_do_not_overflow() -> None:
    assert Backoff(first_s=1.0, factor=10.0, cap_s=30.0).delay_s(10**9) == 30.0


def test_jitter_only_ever_shortens_and_only_by_its_share() -> None:
    backoff = Backoff(first_s=10.0, jitter=0.2)
    delays = {backoff.delay_s(1) for _ in range(200)}

    assert min(delays) > 8.0
    assert max(delays) <= 10.0
    assert len(delays) > 100


@pytest.mark.parametrize("wrong", [{"first_s": -1.0}, {"factor": 0.5}, {"cap_s": -1.0}, {"jitter": 1.0}])
def test_terms_that_make_no_sense_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError):
        Backoff(**wrong)
