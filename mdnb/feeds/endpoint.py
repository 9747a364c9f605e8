"""Where a feed connects to, and what a server's refusal of the handshake means."""

from __future__ import annotations

import dataclasses
import email.utils
import time
from collections.abc import Mapping
from urllib.parse import urlsplit

from websockets.exceptions import InvalidStatus

from mdnb.errors import FeedError, FeedRefusedError

__all__ = ["Endpoint", "after", "after_refusal"]

_RETRIED_STATUS = frozenset({408, 425, 429, *range(500, 600)})
_MAX_RETRY_AFTER = 300.0
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclasses.dataclass(frozen=True, slots=True)
class Endpoint:
    """Where to connect. Its repr shows neither the query nor the headers, for credentials are there.

    Parameters
    ----------
    url
        ``ws://`` or ``wss://``.
    headers
        Sent with the handshake.
    confidential
        True where the URL or what is sent later holds a credential.

    Raises
    ------
    FeedError
        When it is not such a URL, or when credentials would leave the machine unencrypted.

    Examples
    --------
    >>> Endpoint("wss://venue.example/stream?token=s3cret", {"Authorization": "Bearer s3cret"})
    Endpoint(wss://venue.example/stream)
    """

    url: str
    headers: Mapping[str, str] = dataclasses.field(default_factory=dict)
    confidential: bool = False

    def __post_init__(self) -> None:
        parts = urlsplit(self.url)
        if parts.scheme not in ("ws", "wss") or not parts.hostname:
            raise FeedError("a feed's address must begin with ws:// or wss:// and name a host")
        if (
            parts.scheme == "ws"
            and not self.is_loopback
            and (self.headers or self.confidential or parts.username)
        ):
            raise FeedError(f"credentials for {parts.hostname} would travel unencrypted: use wss://")

    @property
    def is_loopback(self) -> bool:
        """True where the other end is on this machine."""
        return urlsplit(self.url).hostname in _LOOPBACK

    def __repr__(self) -> str:
        parts = urlsplit(self.url)
        port = f":{parts.port}" if parts.port else ""
        return f"Endpoint({parts.scheme}://{parts.hostname}{port}{parts.path})"


def after_refusal(error: InvalidStatus, endpoint: Endpoint) -> tuple[float, str]:
    """Return the seconds to wait that the server asks for, and why; raise where it refuses for good."""
    status = error.response.status_code
    if status not in _RETRIED_STATUS:
        hint = {
            401: ": check the credentials",
            403: ": check the credentials",
            451: ": not served in this region",
        }
        raise FeedRefusedError(f"{endpoint!r} refused us with HTTP {status}{hint.get(status, '')}") from error
    return after(error.response.headers.get("Retry-After")), f"HTTP {status}"


def after(value: object) -> float:
    """Return the seconds of a Retry-After header (RFC 9110, 10.2.3), capped; 0 where none can be read.

    Parameters
    ----------
    value
        The header's text, or a number of seconds.

    Examples
    --------
    >>> after("120"), after(2.5), after("soon"), after("86400")
    (120.0, 2.5, 0.0, 300.0)
    """
    if isinstance(value, (int, float)):
        return min(max(float(value), 0.0), _MAX_RETRY_AFTER)
    if not isinstance(value, str):
        return 0.0
    try:
        if value.strip().isdigit():
            return min(float(value), _MAX_RETRY_AFTER)
        moment = email.utils.parsedate_to_datetime(value)
        return min(max(moment.timestamp() - time.time(), 0.0), _MAX_RETRY_AFTER)
    except (ValueError, OverflowError):
        return 0.0
