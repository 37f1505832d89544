"""What a site needs of its machine before anything is started: ports that stay its own, and patience."""

from __future__ import annotations

import socket

import pytest
import trio

from jp_firmware.demo.site import SiteError, free_tcp_ports, wait_for


async def test_ports_are_kept_from_others_refuse_until_they_are_served_and_are_free_again() -> None:
    with free_tcp_ports(2) as (port, other):
        assert port != other
        with socket.socket() as stranger, pytest.raises(OSError, match="in use"):
            stranger.bind(("127.0.0.1", port))
        with pytest.raises(OSError, match="all attempts to connect"):
            await trio.open_tcp_stream("127.0.0.1", port)

        (listener,) = await trio.open_tcp_listeners(port, host="127.0.0.1")
        async with listener, await trio.open_tcp_stream("127.0.0.1", port), await listener.accept():
            pass

    with socket.socket() as stranger:
        stranger.bind(("127.0.0.1", other))


def test_a_wait_in_vain_says_what_is_missing_at_its_end() -> None:
    looks: list[int] = []

    def looked() -> None:
        looks.append(len(looks))

    with pytest.raises(SiteError, match=r"waited 0 s for more than 1 looks"):
        wait_for(looked, lambda: f"more than {len(looks)} looks", 0.0)
    assert wait_for(lambda: "value", "a value") == "value"
