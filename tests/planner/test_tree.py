"""The tree of caps: groups nest, in whatever order they are written; those that do not are refused."""

from __future__ import annotations

import itertools

import pytest

from jp_firmware.model.ids import ConnectorId
from jp_firmware.planner.limits import LimitBook, UnknownScope
from jp_firmware.planner.tree import NotNested, Tree
from tests.planner.scenes import allowed, group, limit, rules, wants

NESTED = (group("feeder-ALL", 1, 2, 3, 4), group("chain-A", 1, 2), group("chain-B", 3), group("feeder-N", 1, 2, 3))


@pytest.mark.parametrize("order", list(itertools.permutations(NESTED)))
def test_the_order_in_which_groups_are_written_does_not_matter(order: tuple[object, ...]) -> None:
    tree = Tree(order)  # type: ignore[arg-type]

    assert ("chain-A", "feeder-N", "feeder-ALL", "site") == tree.path(ConnectorId(2))
    assert ("feeder-ALL", "site") == tree.path(ConnectorId(4))
    assert ("site",) == tree.path(ConnectorId(9))


def test_a_feeder_of_the_same_connectors_stands_above_the_chain() -> None:
    tree = Tree((group("feeder-N", 1, 2), group("chain-A", 1, 2)))

    assert ("chain-A", "feeder-N", "site") == tree.path(ConnectorId(1))


def test_groups_that_overlap_halfway_are_refused() -> None:
    with pytest.raises(NotNested, match="chain-A and feeder-N overlap"):
        Tree((group("chain-A", 1, 2), group("feeder-N", 2, 3)))


def test_every_level_of_the_tree_binds_where_it_is_the_tightest() -> None:
    terms = rules(*NESTED)
    demands = [wants(n, 100) for n in (1, 2, 3, 4)]
    limits = [limit("site", 300), limit("feeder-ALL", 250), limit("feeder-N", 120), limit("chain-A", 60)]

    assert [30, 30, 60, 100] == allowed(demands, limits, terms)


def test_of_several_limits_of_one_scope_the_tightest_binds_whoever_set_it() -> None:
    limits = [limit("site", 300), limit("site", 80, owner="central system"), limit("site", 90, owner="grid operator")]

    assert [40, 40] == allowed([wants(1, 100), wants(2, 100)], limits)


def test_a_limit_on_what_does_not_exist_is_refused() -> None:
    book = LimitBook(scopes=frozenset({"site", "connector-1"}))
    book.set(limit("connector-1", 30))

    with pytest.raises(UnknownScope, match=r'no "connector-7".*connector-1, site'):
        book.set(limit("connector-7", 30))
    assert ["connector-1"] == [one.scope for one in book.all()]


def test_several_limits_are_one_change_and_all_or_none() -> None:
    changes: list[int] = []
    book = LimitBook(lambda: changes.append(len(book.all())), frozenset({"site", "connector-1"}))
    book.set(limit("site", 60, owner="A"), limit("connector-1", 30, owner="A"))
    with pytest.raises(UnknownScope):
        book.set(limit("site", 50), limit("connector-7", 30))
    assert [60_000.0, 30_000.0] == [one.value_w for one in book.all()]
    book.lift("A", "connector-1", "connector-7", "site")
    book.lift("nobody", "site")
    book.set()

    assert [2, 0] == changes


def test_the_book_knows_when_the_next_limit_expires() -> None:
    book = LimitBook()
    for number, expires_at_s in enumerate((30.0, 10.0, 20.0)):
        book.set(limit(f"connector-{number}", 30, expires_at_s=expires_at_s))

    assert [10.0, 20.0, float("inf")] == [book.next_expiry_s(now_s) for now_s in (0.0, 10.0, 30.0)]
