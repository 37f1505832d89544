"""The authorization cache: what was said last, for as long as it holds."""

from datetime import timedelta

import pytest

from jp_firmware.model.session import AuthorizationStatus
from jp_firmware.ocpp.v16.cache import AuthorizationCache
from tests.ocpp.bench import START

ACCEPTED = {"status": "Accepted"}


def status(cache, tag, now=START):
    verdict = cache.verdict(tag, now)
    return verdict and verdict.status


def test_the_last_word_counts_whatever_the_case_of_the_tag():
    cache = AuthorizationCache()
    cache.update("ab12", {"status": "Blocked"}, START)
    cache.update("AB12", ACCEPTED, START)

    assert AuthorizationStatus.ACCEPTED is status(cache, "Ab12")
    assert 1 == len(cache)


def test_an_accepted_tag_flips_to_expired_at_its_date():
    cache = AuthorizationCache()
    cache.update("A", {"status": "Accepted", "expiryDate": "2026-11-20T13:00:00Z"}, START)

    assert AuthorizationStatus.ACCEPTED is status(cache, "A", START + timedelta(minutes=59))
    assert AuthorizationStatus.EXPIRED is status(cache, "A", START + timedelta(hours=1))


def test_a_date_that_is_none_is_no_date():
    cache = AuthorizationCache()
    cache.update("A", {"status": "Accepted", "expiryDate": "tomorrow"}, START)

    assert AuthorizationStatus.ACCEPTED is status(cache, "A")


def test_invalid_tags_are_dropped_first_then_the_oldest():
    cache = AuthorizationCache(capacity=3)
    for tag, said in (("A", "Accepted"), ("B", "Blocked"), ("C", "Accepted"), ("D", "Accepted")):
        cache.update(tag, {"status": said}, START)
    assert [True, False, True, True] == [cache.verdict(tag, START) is not None for tag in "ABCD"]
    cache.update("E", ACCEPTED, START)

    assert [False, True, True, True] == [cache.verdict(tag, START) is not None for tag in "ACDE"]


def test_an_update_makes_a_tag_young_again():
    cache = AuthorizationCache(capacity=2)
    for tag in "ABAC":
        cache.update(tag, ACCEPTED, START)

    assert cache.verdict("A", START)
    assert cache.verdict("B", START) is None


def test_only_news_has_to_be_written_down():
    cache = AuthorizationCache(["LISTED"])

    assert [True, False, True, False] == [
        cache.update("A", ACCEPTED, START),
        cache.update("A", ACCEPTED, START),
        cache.update("A", {"status": "Blocked"}, START),
        cache.update("listed", ACCEPTED, START),
    ]


def test_what_was_written_down_is_read_back_in_its_order():
    cache = AuthorizationCache()
    cache.update("A", {"status": "Accepted", "expiryDate": "2026-11-20T13:00:00Z"}, START)
    cache.update("B", {"status": "Blocked"}, START)
    other = AuthorizationCache(["B"])
    other.load(cache.dump())

    assert cache.dump() == {**other.dump(), "B": cache.dump()["B"]}
    assert 1 == len(other)


@pytest.mark.parametrize(
    "kept", [None, 7, [], {"A": None}, {"A": ["Accepted"]}, {"A": [1, None, "x"]}, {"A": ["Accepted", None, "x"]}]
)
def test_what_cannot_be_read_is_left_out(kept):
    cache = AuthorizationCache()
    cache.load(kept)

    assert 0 == len(cache)
