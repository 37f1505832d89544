"""Where the central system is: the URL of the configuration and the charger's identity, made one address.

A mistake in it is a mistake in the configuration and is told as one, before anything is sent.
"""

from __future__ import annotations

from urllib.parse import quote, unquote, urlsplit

import attrs

from jp_firmware.config.schema import ConfigError

_PORTS = {"ws": 80, "wss": 443}


@attrs.frozen(kw_only=True)
class Endpoint:
    """An address of OCPP-J: `<URL>/<identity>`, the identity percent-encoded (1.6-J §3.1.1)."""

    secure: bool
    host: str
    port: int
    target: str  # path and query, as in the HTTP request
    identity: str
    password: str = attrs.field(default="", repr=False)

    @property
    def authority(self) -> str:
        """Host and port as they stand in a URL and in the Host header."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        default = _PORTS["wss" if self.secure else "ws"]
        return host if self.port == default else f"{host}:{self.port}"

    @property
    def url(self) -> str:
        """The whole address, to be shown to a person. Holds no password."""
        return f"{'wss' if self.secure else 'ws'}://{self.authority}{self.target}"


def endpoint(url: str, identity: str, password: str = "") -> Endpoint:
    """The address of `identity` below `url`. An URL that ends in the identity already is taken as it is.

    Raises `ConfigError` for what is no usable URL or identity.
    """
    if not identity:
        raise ConfigError("charger.identity: is empty; give the name under which the central system knows this charger")
    if password and ":" in identity:
        raise ConfigError(f"charger.identity: {identity!r} holds a colon, which HTTP Basic cannot carry; remove it")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise ConfigError(f"backend.url: {url!r}: {error}; write it as ws://host:port/path") from None
    if parts.scheme not in _PORTS:
        raise ConfigError(f"backend.url: {url!r} must begin with ws:// or wss://")
    if not parts.hostname:
        raise ConfigError(f"backend.url: {url!r} names no host; write it as {parts.scheme}://host:port/path")
    if parts.username or parts.password:
        raise ConfigError("backend.url: holds a user or password; the password goes into backend.password")
    path = parts.path.rstrip("/")
    if unquote(path.rpartition("/")[2]) != identity:
        path = f"{path}/{quote(identity, safe='')}"
    target = f"{path}?{parts.query}" if parts.query else path
    return Endpoint(
        secure=parts.scheme == "wss",
        host=parts.hostname,
        port=port or _PORTS[parts.scheme],
        target=target,
        identity=identity,
        password=password,
    )
