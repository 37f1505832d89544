"""What all tests share: properties are checked for truth, not for speed, on a machine that others use too."""

from __future__ import annotations

import signal

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile("shared machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("shared machine")

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # Begun in the background of a script: what is started from here would ignore a Ctrl-C, and some of it is tested.
    signal.signal(signal.SIGINT, signal.default_int_handler)

LONG = ("tests/uml/", "tests/whole/")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes minutes begins first: at the end, one of several processes would be left alone with it."""
    items.sort(key=lambda item: not item.nodeid.startswith(LONG))
