"""One site of real processes for all end-to-end tests; each test leaves it as it found it."""

from __future__ import annotations

from collections.abc import Generator, Iterator

import pytest

from jp_firmware.demo.site import Site, wait_for
from tests.e2e.driving import tidy

# Cars and modules at the pace of a bench: what a session waits for is tested, not how long.
# The machine that runs the tests may stand still for a second by itself; the guard has tests of its own.
PATIENT = ("process.guard_deadline_s=5",)
BRISK = ("--walk-in-s", "0.2", "--ramp-s", "0.5")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "tests/e2e" in str(item.path):
            item.add_marker(pytest.mark.e2e)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A failure brings along what the site's processes had to say."""
    report = yield
    if report.failed and hasattr(item, "funcargs"):
        for site in item.funcargs.values():
            if isinstance(site, Site):
                for name in ("controller", "csms", "sim"):
                    report.sections.append((f"{name} log", site.log_of(name)[-6000:]))
    return report


@pytest.fixture(scope="package")
def running_site() -> Iterator[Site]:
    """Ended with the last of these tests: nobody else's time is spent on it."""
    with Site(settings=PATIENT, sim_arguments=BRISK) as site:
        site.start_all()
        wait_for(lambda: all_available(site), "all connectors to be available")
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
    with Site(settings=PATIENT, sim_arguments=BRISK) as site:
        site.start_all()
        wait_for(lambda: all_available(site), "all connectors to be available")
        yield site
        assert_no_traceback(site)


def assert_no_traceback(site: Site) -> None:
    """Whatever broke was told in sentences."""
    for name in ("controller", "csms", "sim"):
        assert "Traceback" not in site.log_of(name), site.log_of(name)


def all_available(site: Site) -> bool:
    status = site.status()
    return status is not None and all(one["state"] == "available" for one in status["connectors"].values())
