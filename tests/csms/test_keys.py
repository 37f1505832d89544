"""What a person asks of a station's configuration keys becomes messages that fit their schemas."""

from __future__ import annotations

import argparse
from typing import Any

import pytest

from jp_firmware.csms import keys
from jp_firmware.ocpp.schema import check_call


@pytest.mark.parametrize(
    ("words", "action", "payload"),
    [
        (("get", "CP1"), "GetConfiguration", {}),
        (("get", "CP1", "A", "JP.b"), "GetConfiguration", {"key": ["A", "JP.b"]}),
        (("set", "CP1", "HeartbeatInterval", "60"), "ChangeConfiguration", {"key": "HeartbeatInterval", "value": "60"}),
        (("set", "CP1", "A", ""), "ChangeConfiguration", {"key": "A", "value": ""}),
    ],
)
def test_words_become_a_message(words: tuple[str, ...], action: str, payload: dict[str, Any]) -> None:
    parser = argparse.ArgumentParser()
    keys.add_verbs(parser.add_subparsers(dest="verb", required=True))

    assert keys.request(parser.parse_args(words)) == (action, payload)
    assert check_call(action, payload) is None
