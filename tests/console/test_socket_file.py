"""The socket's place: taken, left over, forbidden, and given back."""

from __future__ import annotations

import os
import socket
import stat
from pathlib import Path

import pytest

from jp_firmware.console.protocol import ConsoleError
from jp_firmware.console.socket_file import claim, remove_left_over


def test_a_claimed_place_has_its_directory_and_is_open_to_the_group_only(socket_path: Path) -> None:
    place = claim(socket_path)

    assert stat.S_IMODE(socket_path.stat().st_mode) == 0o660
    place.release()
    assert not socket_path.exists()
    place.release()


def test_a_left_over_of_a_killed_charger_is_replaced(socket_path: Path) -> None:
    socket_path.parent.mkdir()
    left_over = socket.socket(socket.AF_UNIX)
    left_over.bind(os.fspath(socket_path))
    left_over.close()
    place = claim(socket_path)

    with socket.socket(socket.AF_UNIX) as client:
        client.connect(os.fspath(socket_path))
    place.release()


def test_a_place_where_somebody_answers_is_refused_and_left_alone(socket_path: Path) -> None:
    first = claim(socket_path)
    with pytest.raises(ConsoleError, match="another charger is running there; stop it"):
        claim(socket_path)
    with pytest.raises(ConsoleError, match="another charger is running there"):
        remove_left_over(socket_path)

    assert first.is_ours()
    first.release()


def test_a_place_whose_queue_is_full_counts_as_taken(socket_path: Path) -> None:
    first = claim(socket_path)
    waiting = [socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK) for _ in range(64)]
    refused = 0
    for one in waiting:
        try:
            one.connect(os.fspath(socket_path))
        except BlockingIOError:
            refused += 1
    assert refused
    with pytest.raises(ConsoleError, match="another charger is running there"):
        claim(socket_path)

    for one in waiting:
        one.close()
    first.release()


def test_a_file_that_is_no_socket_is_never_removed(socket_path: Path) -> None:
    socket_path.parent.mkdir()
    socket_path.write_text("precious")
    with pytest.raises(ConsoleError, match="it exists and is no socket; remove it"):
        claim(socket_path)

    assert socket_path.read_text() == "precious"


def test_a_place_that_cannot_be_made_is_told_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for path in (tmp_path / "file" / "console.sock", tmp_path / ("x" * 200)):
        with pytest.raises(ConsoleError, match="cannot serve consoles at") as caught:
            claim(path)
        assert "\n" not in str(caught.value)


def test_release_leaves_a_successors_file_alone(socket_path: Path) -> None:
    first = claim(socket_path)
    socket_path.unlink()
    second = claim(socket_path)
    assert not first.is_ours()
    first.release()

    assert second.is_ours()
    second.release()
