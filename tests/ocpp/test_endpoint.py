"""The address is made of the URL and the identity; a mistake is told in one line that names the key."""

import pytest

from jp_firmware.config.schema import ConfigError
from jp_firmware.ocpp.endpoint import endpoint


@pytest.mark.parametrize(
    ("url", "identity", "whole"),
    [
        ("ws://h:9016/ocpp", "CP1", "ws://h:9016/ocpp/CP1"),
        ("ws://h:9016/ocpp/", "CP1", "ws://h:9016/ocpp/CP1"),
        ("ws://h:9016/ocpp/CP1", "CP1", "ws://h:9016/ocpp/CP1"),
        ("wss://h", "CP1", "wss://h/CP1"),
        ("wss://h:443/x", "CP1", "wss://h/x/CP1"),
        ("ws://[::1]:80/x?tenant=a", "CP1", "ws://[::1]/x/CP1?tenant=a"),
        ("ws://h/x", "Bay 7/ä", "ws://h/x/Bay%207%2F%C3%A4"),
        ("ws://h/x/Bay%207", "Bay 7", "ws://h/x/Bay%207"),
    ],
)
def test_the_identity_is_appended_once_and_percent_encoded(url, identity, whole):
    assert whole == endpoint(url, identity).url


@pytest.mark.parametrize(
    ("url", "identity", "password", "key"),
    [
        ("http://h/x", "CP1", "", "backend.url"),
        ("h:9016", "CP1", "", "backend.url"),
        ("ws://", "CP1", "", "backend.url"),
        ("ws://h:port/", "CP1", "", "backend.url"),
        ("ws://h:99999/", "CP1", "", "backend.url"),
        ("ws://user:pw@h/", "CP1", "", "backend.url"),
        ("ws://h/", "", "", "charger.identity"),
        ("ws://h/", "a:b", "secret", "charger.identity"),
    ],
)
def test_a_mistake_names_its_key(url, identity, password, key):
    with pytest.raises(ConfigError, match=key):
        endpoint(url, identity, password)


def test_the_password_is_in_no_text():
    assert "secret" not in repr(endpoint("ws://h/", "CP1", "secret")) + endpoint("ws://h/", "CP1", "secret").url
