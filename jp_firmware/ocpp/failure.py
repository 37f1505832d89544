"""Why a link to a central system failed, in words that tell a person what to look at.

Turns the errors of the resolver, TCP, TLS and HTTP into `LinkFailure`; it opens nothing itself.
"""

from __future__ import annotations

import enum
import errno
import socket
import ssl
from collections.abc import Iterator
from typing import Final

from jp_firmware.ocpp.endpoint import Endpoint


class Kind(enum.Enum):
    """What went wrong, for the fault register and the terminal."""

    NAME = "name not found"
    REFUSED = "refused"
    UNREACHABLE = "unreachable"
    TIMEOUT = "timeout"
    CERTIFICATE = "TLS certificate"  # theirs: untrusted, expired, another name
    CLIENT_CERTIFICATE = "client certificate refused"  # ours, or that there is none
    TLS = "TLS"
    HTTP = "HTTP status"
    SUBPROTOCOL = "no sub-protocol"
    NO_WEBSOCKET = "no WebSocket"
    CLOSED = "closed by peer"
    DEAD = "dead peer"


class LinkFailure(Exception):
    """A link that could not be opened, or is gone. `text` is one line for a person; `status` only for `Kind.HTTP`."""

    def __init__(self, kind: Kind, text: str, status: int | None = None):
        super().__init__(text)
        self.kind = kind
        self.text = text
        self.status = status


_UNREACHABLE: Final = {errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENETDOWN, errno.EHOSTDOWN, errno.EADDRNOTAVAIL}

# X509_V_ERR_* of OpenSSL's x509_vfy.h, as SSLCertVerificationError.verify_code gives them.
_EXPIRED, _NOT_YET, _HOST_MISMATCH, _IP_MISMATCH = 10, 9, 62, 64

# The alerts by which a server refuses our certificate, or that we have none, as OpenSSL words them in `reason`.
_CLIENT_ALERTS: Final = (
    "CERTIFICATE_REQUIRED",
    "HANDSHAKE_FAILURE",
    "BAD_CERTIFICATE",
    "UNSUPPORTED_CERTIFICATE",
    "CERTIFICATE_REVOKED",
    "CERTIFICATE_EXPIRED",
    "CERTIFICATE_UNKNOWN",
    "UNKNOWN_CA",
    "ACCESS_DENIED",
    "DECRYPT_ERROR",
)

_MOVED: Final = "it has moved; ask its operator for the present address and put that into backend.url"
_STATUS_REMEDIES: Final = {
    301: _MOVED,
    302: _MOVED,
    307: _MOVED,
    308: _MOVED,
    401: "check backend.password and that the central system knows this identity",
    403: "the central system does not let this identity in; check it there, and backend.password",
    404: "check backend.url and charger.identity; the central system knows nothing at this address",
    426: "it wants another version of the protocol; check its OCPP setting",
    429: "it asks for fewer attempts; raise backend.retry_first_s",
}


def connect_failure(endpoint: Endpoint, error: OSError | UnicodeError) -> LinkFailure:
    """Why no TCP connection came about. Several addresses may have failed, each for a reason of its own."""
    causes = list(_leaves(error))
    where = endpoint.authority
    if any(isinstance(cause, (socket.gaierror, UnicodeError)) for cause in causes):  # or not even a name
        return LinkFailure(Kind.NAME, f"{endpoint.host!r} was not found by name; check backend.url and the name server")
    if any(isinstance(cause, ConnectionRefusedError) for cause in causes):
        return LinkFailure(Kind.REFUSED, f"{where} refused the connection; is the central system running on this port?")
    codes = {cause.errno for cause in causes if isinstance(cause, OSError)}
    if errno.ETIMEDOUT in codes:
        return LinkFailure(Kind.TIMEOUT, f"{where} did not answer; check backend.url and the firewall")
    if codes & _UNREACHABLE:
        return LinkFailure(Kind.UNREACHABLE, f"there is no way to {where}; check the network and its gateway")
    return LinkFailure(Kind.UNREACHABLE, f"no connection to {where}: {causes[-1] if causes else error}")


def tls_failure(endpoint: Endpoint, error: BaseException) -> LinkFailure:
    """Why a TLS handshake failed."""
    where = endpoint.authority
    if isinstance(error, ssl.SSLCertVerificationError):
        return LinkFailure(Kind.CERTIFICATE, f"the certificate of {where} {_certificate_fault(error, endpoint.host)}")
    if isinstance(error, ssl.SSLError) and _is_client_alert(error):
        return LinkFailure(
            Kind.CLIENT_CERTIFICATE, f"{where} refused this charger's certificate, or that it has none ({error.reason})"
        )
    if isinstance(error, ssl.SSLError) and error.reason == "WRONG_VERSION_NUMBER":
        return LinkFailure(Kind.TLS, f"{where} does not speak TLS; should backend.url begin with ws:// ?")
    if isinstance(error, ssl.SSLError) and error.reason:
        return LinkFailure(Kind.TLS, f"no TLS connection to {where}: {error.reason.replace('_', ' ').lower()}")
    return LinkFailure(Kind.TLS, f"{where} hung up during the TLS handshake")


def http_failure(endpoint: Endpoint, status: int) -> LinkFailure:
    """The central system answered the upgrade with a status other than 101."""
    remedy = _STATUS_REMEDIES.get(status, "ask the operator of the central system")
    return LinkFailure(Kind.HTTP, f"{endpoint.url} answered HTTP {status}; {remedy}", status)


def upgrade_failure(endpoint: Endpoint, error: BaseException | None) -> LinkFailure:
    """The stream ended before the upgrade was answered. Since TLS 1.3 a refused client certificate shows here first."""
    cause = error.__cause__ if error else None
    if isinstance(cause, ssl.SSLError):
        return tls_failure(endpoint, cause)
    if error is not None and not isinstance(error, OSError) and cause is None:
        return LinkFailure(Kind.NO_WEBSOCKET, f"{endpoint.url} gave an answer that is no WebSocket upgrade")
    hint = "; a central system that wants a client certificate does this" if endpoint.secure else ""
    return LinkFailure(Kind.CLOSED, f"{endpoint.authority} hung up before it answered the upgrade{hint}")


def _leaves(error: BaseException) -> Iterator[BaseException]:
    """The errors at the bottom: trio puts those of several addresses into a group, as the cause of one."""
    if isinstance(error, BaseExceptionGroup):
        for one in error.exceptions:
            yield from _leaves(one)
    elif error.__cause__ is not None:
        yield from _leaves(error.__cause__)
    else:
        yield error


def _certificate_fault(error: ssl.SSLCertVerificationError, host: str) -> str:
    if error.verify_code == _EXPIRED:
        return "has expired; check the clock of this charger, then have the certificate renewed"
    if error.verify_code == _NOT_YET:
        return "is not valid yet; check the clock of this charger"
    if error.verify_code in (_HOST_MISMATCH, _IP_MISMATCH):
        return f"is made out to another name than {host!r}; check backend.url"
    return f"is not trusted ({error.verify_message}); install the root certificate of the central system"


def _is_client_alert(error: ssl.SSLError) -> bool:
    reason = error.reason or ""
    return "ALERT" in reason and any(alert in reason for alert in _CLIENT_ALERTS)
