"""Fixtures of the OCPP room. Its tests ask for `autojump_clock` themselves: that is where pytest-trio looks for it."""

import pytest

from tests.ocpp.bench import Site


@pytest.fixture
async def site(nursery):
    """A site whose backend has not been started yet."""
    made = Site(nursery)
    yield made
    nursery.cancel_scope.cancel()
    made.journal.close()


@pytest.fixture
async def online(site):
    """A site whose charger has been accepted and has told its statuses."""
    await site.start()
    assert site.backend.online
    return site
