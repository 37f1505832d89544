"""One site of real processes for all end-to-end tests; each test leaves it as it found it."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from typing import TypeVar

import pytest

from jp_firmware.demo.site import Site, wait_for
from tests.e2e.driving import is_online, tidy
from tests.unhurried import PROGRAM

S = TypeVar("S", bound=Site)

# Cars and modules at the pace of a bench: what a session waits for is tested, not how long.
# The machine that runs the tests may stand still for seconds by itself; the guard, which sees that, has tests of its
# own. A central system that comes back is found soon, however long a test kept it away.
PATIENT = ("process.guard_deadline_s=5", "backend.retry_cap_s=2")
BRISK = ("--walk-in-s", "0.2", "--ramp-s", "0.5")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "tests/e2e" in str(item.path):
            item.add_marker(pytest.mark.e2e)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A failure brings along what the site's processes had to say; not how long the steps of a busy machine took."""
    report = yield
    if report.failed and hasattr(item, "funcargs"):
        for site in {id(one): one for one in item.funcargs.values() if isinstance(one, Site)}.values():
            for name in ("controller", "csms", "sim"):
                lines = [one for one in site.log_of(name).splitlines() if " jp: loop " not in one]
                report.sections.append((f"{name} log", "\n".join(lines[-60:])))
    return report


@contextmanager
def whole(site: S) -> Iterator[S]:
    """The site when it can do everything: all connectors are available, and the central system is online."""
    with site:
        site.start_all()
        wait_for(lambda: all_available(site), "all connectors to be available")
        wait_for(lambda: is_online(site), "the central system to be online")
        yield site


@pytest.fixture(scope="package")
def running_site() -> Iterator[Site]:
    """Ended with the last of these tests: nobody else's time is spent on it."""
    with whole(Site(settings=PATIENT, sim_arguments=BRISK, program=PROGRAM)) as site:
        yield site


@pytest.fixture
def site(running_site: Site) -> Iterator[Site]:
    """The site, idle and whole; what a test broke is repaired after it."""
    yield running_site
    tidy(running_site)
    assert_no_traceback(running_site)


@pytest.fixture
def own_site() -> Iterator[Site]:
    """A site for a test that kills parts of it."""
    with whole(Site(settings=PATIENT, sim_arguments=BRISK, program=PROGRAM)) as site:
        yield site
        assert_no_traceback(site)


def assert_no_traceback(site: Site) -> None:
    """Whatever broke was told in sentences."""
    for name in ("controller", "csms", "sim"):
        assert "Traceback" not in site.log_of(name), site.log_of(name)


def all_available(site: Site) -> bool:
    status = site.status()
    return status is not None and all(one["state"] == "available" for one in status["connectors"].values())
