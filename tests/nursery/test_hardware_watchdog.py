"""The kernel's watchdog, on a file in its place: what is written, in which order; and its requests' answers."""

from __future__ import annotations

import fcntl
import os
import struct
from pathlib import Path

import pytest

from jp_firmware.nursery import hardware_watchdog
from jp_firmware.nursery.hardware_watchdog import GET_SUPPORT, GET_TIMEOUT, INFO, MAGIC_CLOSE, SET_TIMEOUT
from jp_firmware.nursery.hardware_watchdog import HardwareWatchdog as Watchdog


@pytest.fixture
def device(tmp_path: Path) -> Path:
    """Knows no request, as a driver may: a regular file answers ENOTTY."""
    path = tmp_path / "watchdog"
    path.touch()
    return path


class Driver:
    """A driver that knows its requests and gives at most `longest_s`."""

    def __init__(self, longest_s: int, options: int = MAGIC_CLOSE) -> None:
        self.longest_s, self.options, self.timeout_s = longest_s, options, 60

    def ioctl(self, fd: int, request: int, data: bytes) -> bytes:
        os.fstat(fd)  # raises if it is closed
        if request == GET_SUPPORT:
            return INFO.pack(self.options, 1, b"Test Watchdog".ljust(32, b"\0"))
        if request == SET_TIMEOUT:
            self.timeout_s = min(self.longest_s, struct.unpack("=i", data)[0])
        return struct.pack("=i", self.timeout_s)


def test_the_requests_are_those_of_the_kernel() -> None:
    """_IOR('W', 0, struct watchdog_info), _IOWR('W', 6, int), _IOR('W', 7, int)"""
    read, write = 2 << 30, 1 << 30
    kind = ord("W") << 8

    assert read | INFO.size << 16 | kind | 0 == GET_SUPPORT
    assert read | write | 4 << 16 | kind | 6 == SET_TIMEOUT
    assert read | 4 << 16 | kind | 7 == GET_TIMEOUT


def test_it_is_fed_when_opened_and_stopped_by_the_magic_character(device: Path) -> None:
    watchdog = Watchdog(str(device))
    watchdog.open(15)
    watchdog.feed()
    is_open = watchdog.is_open
    watchdog.close()

    assert is_open
    assert not watchdog.is_open
    assert device.read_bytes() == b"\0\0V"


def test_without_close_there_is_no_magic_character(device: Path) -> None:
    watchdog = Watchdog(str(device))
    watchdog.open(15)
    del watchdog

    assert b"V" not in device.read_bytes()


def test_closed_it_is_neither_fed_nor_closed_again(device: Path) -> None:
    watchdog = Watchdog(str(device))
    watchdog.feed()
    watchdog.close()

    assert device.read_bytes() == b""


def test_what_is_not_there_is_told_by_its_error(tmp_path: Path) -> None:
    watchdog = Watchdog(str(tmp_path / "none"))
    with pytest.raises(FileNotFoundError):
        watchdog.open(15)

    assert not watchdog.is_open


def test_the_driver_decides_about_the_time(device: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fcntl, "ioctl", Driver(longest_s=30).ioctl)
    watchdog = Watchdog(str(device))
    watchdog.open(15)
    as_asked = (watchdog.timeout_s, watchdog.identity, watchdog.can_be_stopped)
    granted = watchdog.set_timeout(120)

    assert as_asked == (15, "Test Watchdog", True)
    assert (granted, watchdog.timeout_s) == (False, 30)


def test_a_driver_without_magic_close_is_known(device: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fcntl, "ioctl", Driver(30, options=0).ioctl)
    watchdog = Watchdog(str(device))
    watchdog.open(15)

    assert not watchdog.can_be_stopped
    assert hardware_watchdog.MAGIC_CLOSE == 0x100


def test_opened_again_it_gets_its_time_and_is_fed(device: Path) -> None:
    watchdog = Watchdog(str(device))
    watchdog.open(15)
    watchdog.open(15)

    assert device.read_bytes() == b"\0\0"
