"""Where a feed connects to, what a refusal of the handshake means, and why there is no connection."""

from __future__ import annotations

import email.utils
import errno
import functools
import os
import re
import socket
import ssl
import time
from collections.abc import Callable, Iterable, Mapping
from urllib.parse import SplitResult, parse_qsl, quote, unquote, urlsplit

from websockets.datastructures import Headers
from websockets.exceptions import InvalidHandshake, InvalidStatus

from mdnb.errors import FeedError, FeedRefusedError
from mdnb.feeds.unshown import unshown

__all__ = [
    "KEYLESS_HINTS",
    "Endpoint",
    "after",
    "after_refusal",
    "hidden",
    "hide_in",
    "is_loopback",
    "masked",
    "proxy_refused",
    "proxy_words",
    "secrets_in_path",
    "server_time_ns",
    "split_address",
    "tokens_in",
    "why_lost",
    "with_path",
]

_HINTS = {
    2: ": a page of the web is there, and no WebSocket",
    3: ": it has moved, and redirections are not followed; give the new address as url=",
    401: ": check the credentials",
    403: ": check the credentials",
    451: ": not served in this region",
}
KEYLESS_HINTS = {
    401: "it wants credentials, which this feed does not send",
    403: "refused from here, and no key is asked for: this region or IP address is not served",
}
"""What a refusal means where nobody has given credentials."""

_RETRIED_STATUS = frozenset({408, 425, 429, *range(500, 600)})
_MAX_RETRY_AFTER = 300.0
_SHORTEST_SECRET = 4
_OF_SECRETS = re.compile("auth|cred|key|jwt|pass|pwd|secret|sign?|token", re.IGNORECASE)
_LONG = 16
_NAMED = 8
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_PROXIES = ("HTTPS_PROXY", "ALL_PROXY")
_DROPPED = "dropped at once, before the handshake was answered"
_ERRNO = re.compile(r"\[Errno (\d+)\]")


class Endpoint:
    """Where to connect. It shows its host alone: a path, a query and headers may hold credentials.

    Parameters
    ----------
    url
        ``ws://`` or ``wss://``.
    headers
        Sent with the handshake.
    confidential
        True where the URL or what is sent later holds a credential.
    public
        True for a venue's stream, which has TLS everywhere but on this machine.
    keyless
        True where no credentials are sent, however the venue is asked.

    Attributes
    ----------
    tokens
        What is a token by its look; see ``tokens_in``.

    Raises
    ------
    FeedError
        When it is not such a URL, or when credentials would leave the machine unencrypted.

    Examples
    --------
    >>> Endpoint("wss://venue.example/stream?token=s3cret", {"Authorization": "Bearer s3cret"})
    Endpoint(wss://venue.example)
    """

    __slots__ = ("headers", "keyless", "tokens", "url")

    @unshown
    def __init__(
        self,
        url: str,
        headers: Mapping[str, str] | None = None,
        confidential: bool = False,
        *,
        public: bool = False,
        keyless: bool = False,
    ) -> None:
        self.url = url
        self.keyless = keyless
        self.headers: Mapping[str, str] = headers or {}
        parts = split_address(url)
        if parts.scheme not in ("ws", "wss") or not parts.hostname:
            raise FeedError("a feed's address must begin with ws:// or wss:// and name a host")
        if parts.scheme == "ws" and not self.is_loopback:
            if self.headers or confidential or parts.username:
                raise FeedError(f"credentials for {parts.hostname} would travel unencrypted: use wss://")
            if public:
                raise FeedError(f"plain ws:// is for this machine only; write wss:// for {parts.hostname}")
        self.tokens = tokens_in(url)

    @property
    def is_loopback(self) -> bool:
        """True where the other end is on this machine."""
        return is_loopback(self.url)

    def hide(self, text: str) -> str:
        """Return a text, such as a server's close reason, without what may be a credential of ours.

        Examples
        --------
        >>> Endpoint("wss://venue.example/s3cret/v2?token=abcdef").hide("no room at /s3cret/v2 for abcdef")
        'no room at … for …'
        """
        return hidden(text, [*_of_url(self.url), *self.headers.values()])

    def __str__(self) -> str:
        parts = urlsplit(self.url)
        host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
        port = f":{parts.port}" if parts.port else ""
        return f"{parts.scheme}://{host}{port}"

    def __repr__(self) -> str:
        return f"Endpoint({self})"


def masked(frame: str | bytes, secrets: Iterable[str]) -> str | bytes:
    r"""Return a frame of a venue with stars, as many as letters, where it quotes a secret of ours.

    Examples
    --------
    >>> masked('{"error":"no key abcdef"}', ["abcdef"]), masked(b"no key abcdef", ["abcdef"])
    ('{"error":"no key ******"}', b'no key ******')
    >>> masked(r'{"error":"no key abc\u002Bdef\/"}', ["abc+def/"])
    '{"error":"no key **************"}'
    """
    quoted = _quoted(frozenset(secrets))
    if isinstance(frame, str):
        return quoted.sub(_stars, frame)
    text = frame.decode("utf-8", "surrogateescape")
    return quoted.sub(_stars, text).encode("utf-8", "surrogateescape")


def hidden(text: str, secrets: Iterable[str]) -> str:
    """Return a text, such as what a server says, without secrets that it may quote, however written.

    Examples
    --------
    >>> hidden("no key a/b c, nor a%2Fb%20c", ["a/b c"]), hidden("no key abcdef", ["Bearer abcdef"])
    ('no key …, nor …', 'no key …')
    """
    return _quoted(frozenset(secrets)).sub("…", text)


def _stars(found: re.Match[str]) -> str:
    return "*" * len(found[0])


@functools.lru_cache(maxsize=64)
def _quoted(secrets: frozenset[str]) -> re.Pattern[str]:
    """Return what finds secrets as texts, addresses and JSON may write them, the longest ones first."""
    held = {*secrets, *(value.rpartition(" ")[2] for value in secrets)}
    ways = ["".join(map(_written, one)) for one in sorted(held, key=len, reverse=True) if _is_long(one)]
    return re.compile("|".join(ways) or "(?!)")


def _is_long(secret: str) -> bool:
    return len(quote(secret, safe="")) >= _SHORTEST_SECRET


def _written(letter: str) -> str:
    """Return a regular expression of the ways in which a letter of a secret may be written."""
    if letter.isascii() and letter.isalnum():
        return letter
    units = letter.encode("utf-16-be", "surrogatepass").hex()
    escaped = "".join(rf"\\u(?i:{units[at : at + 4]})" for at in range(0, len(units), 4))
    percent = "".join(f"%(?i:{byte:02x})" for byte in letter.encode("utf-8", "surrogatepass"))
    ways = [re.escape(letter), escaped, percent]
    ways += [rf"\\{re.escape(letter)}"] if letter in '/"\\' else []
    # A blank in a query is a plus sign, and so may be what is read of one.
    ways += [re.escape({" ": "+", "+": " "}[letter])] if letter in " +" else []
    return f"(?:{'|'.join(reversed(ways))})"


def hide_in(error: Exception, hide: Callable[[str], str]) -> None:
    """Leave out of an error's words what is not to be shown."""
    error.args = tuple(hide(one) if isinstance(one, str) else one for one in error.args)


def secrets_in_path(url: str) -> list[str]:
    """Return what may be credentials in an address's path: all of it, and parts of it that are no words.

    Examples
    --------
    >>> secrets_in_path("https://venue.example/market/s3cret/v2")
    ['/market/s3cret/v2', 's3cret', 'v2']
    """
    path = urlsplit(url).path
    parts = [part for part in unquote(path).split("/") if len(part) >= _LONG or not part.isalpha()]
    return [*filter(None, (path, *parts))]


def tokens_in(url: str) -> tuple[str, ...]:
    """Return what in an address is a token by its look.

    That is the password, a value of the query that is long, or has such a name and is not short, and a long
    part of the path. What is left out may be a word of the venue, or a symbol, which its frames are made of.

    Examples
    --------
    >>> tokens_in("wss://me:s3cret@venue.example/market/0123456789abcdef/v2?symbol=BTC-USD&key=abcdefgh")
    ('s3cret', '0123456789abcdef', 'abcdefgh')
    """
    parts = urlsplit(url)
    held = [parts.password or ""]
    held += [part for part in parts.path.split("/") if len(part) >= _LONG]
    for name, text in _values(parts.query):
        least = _NAMED if _OF_SECRETS.search(name) else _LONG
        held += [text] if len(text) >= least else []
    return tuple(dict.fromkeys(form for text in held if text for form in (text, unquote(text))))


def _values(query: str) -> list[tuple[str, str]]:
    """Return names and values as they are written."""
    return [(name, text) for name, _, text in (part.partition("=") for part in query.split("&"))]


def _of_url(url: str) -> list[str]:
    parts = urlsplit(url)
    users = [form for text in (parts.username, parts.password) if text for form in (text, unquote(text))]
    raw = [text for _, text in _values(parts.query)]
    parsed = [text for _, text in parse_qsl(parts.query)]
    return [*secrets_in_path(url), *users, parts.query, *raw, *parsed]


def split_address(url: str) -> SplitResult:
    """Return the parts of an address.

    Raises
    ------
    FeedError
        When it is none: `urllib` finds out about a port only when that is asked for, and drops line breaks.

    Examples
    --------
    >>> split_address("ws://127.0.0.1:9000/v2").port
    9000
    >>> split_address("ws://127.0.0.1:99999/v2")
    Traceback (most recent call last):
        ...
    mdnb.errors.FeedError: an address such as wss://HOST:PORT/PATH was expected: Port out of range 0-65535
    """
    if not isinstance(url, str):
        raise FeedError(
            f"an address such as wss://HOST:PORT/PATH was expected, as text: {type(url).__name__}"
        )
    try:
        parts = urlsplit(url)
        # Asked for what it raises.
        _ = parts.port
        (parts.hostname or "").encode("idna")
    except UnicodeError:
        raise FeedError(
            "no host can have the name that was given: a part of it is empty or too long"
        ) from None
    except ValueError as error:
        # What it says of a port may be anything that was written there.
        words = str(error) if "out of range" in str(error) or "IPv6" in str(error) else "wrong port"
        raise FeedError(f"an address such as wss://HOST:PORT/PATH was expected: {words}") from None
    if any(letter.isspace() or not letter.isprintable() for letter in url):
        raise FeedError("an address has no blanks and no line breaks; one was given that has some")
    return parts


def with_path(url: str, path: str) -> str:
    """Return an address with a path behind its own; a token may stand behind the question mark.

    Examples
    --------
    >>> with_path("wss://venue.example/v5/?token=s3cret", "/public")
    'wss://venue.example/v5/public?token=s3cret'
    """
    parts = split_address(url)
    return parts._replace(path=f"{parts.path.rstrip('/')}{path}").geturl() if path else url


def proxy_refused(error: Exception) -> FeedRefusedError:
    """Return that the proxy of the environment cannot be used, without its address: it may hold a password.

    Examples
    --------
    >>> proxy_refused(ValueError("Unknown scheme for proxy URL 'foo://me:s3cret@proxy'"))
    FeedRefusedError('HTTPS_PROXY or ALL_PROXY of the environment name no usable proxy (ValueError)')
    """
    names = "HTTPS_PROXY or ALL_PROXY of the environment name"
    if isinstance(error, ImportError):
        return FeedRefusedError(
            f"{names} a SOCKS proxy, which needs more packages: pip install 'httpx[socks]' python-socks"
        )
    return FeedRefusedError(f"{names} no usable proxy ({type(error).__name__})")


def proxy_words(url: str) -> str:
    """Return that an address is reached by way of a proxy of the environment, which may be what is not there.

    Examples
    --------
    >>> proxy_words("http://127.0.0.1:9001")
    ''
    """
    from urllib.request import proxy_bypass

    named = [name for name in _PROXIES if os.environ.get(name) or os.environ.get(name.lower())]
    host = urlsplit(url).hostname or ""
    if not named or is_loopback(url) or proxy_bypass(host):
        return ""
    # Its address may hold a password.
    return f"; by way of a proxy ({', '.join(named)} of the environment)"


def is_loopback(url: str) -> bool:
    """Return whether an address is on this machine.

    Examples
    --------
    >>> is_loopback("http://127.0.0.1:9001"), is_loopback("https://venue.example")
    (True, False)
    """
    return urlsplit(url).hostname in _LOOPBACK


def after_refusal(error: InvalidStatus, endpoint: Endpoint) -> tuple[float, str]:
    """Return the seconds to wait that the server asks for, and why; raise where it refuses for good."""
    status = error.response.status_code
    if status not in _RETRIED_STATUS:
        hint = _HINTS.get(status) or _HINTS.get(status // 100, "")
        if endpoint.keyless and status in KEYLESS_HINTS:
            hint = f": {KEYLESS_HINTS[status]}"
        # From nothing: where the error arose the whole address is in variables, which tracebacks show.
        raise FeedRefusedError(f"{endpoint} refused us with HTTP {status}{hint}") from None
    headers = error.response.headers
    return after(_first(headers, "Retry-After"), _first(headers, "Date")), f"HTTP {status}"


def server_time_ns(headers: Mapping[str, str]) -> int | None:
    """Return the time that a server says of itself, to the second; None where it says none.

    Examples
    --------
    >>> server_time_ns({"Date": "Thu, 01 Jan 1970 00:00:07 GMT"})
    7500000000
    """
    seconds = _seconds_of(_first(headers, "Date"))
    # On the average half of a second more has passed.
    return None if seconds is None else seconds * 1_000_000_000 + 500_000_000


def _first(headers: Mapping[str, str], name: str) -> str | None:
    """Return a header; where what stands before a server has added its own, the first of them."""
    return next(iter(headers.get_all(name)), None) if isinstance(headers, Headers) else headers.get(name)


def _seconds_of(date: str | None) -> int | None:
    try:
        return int(email.utils.parsedate_to_datetime(date or "").timestamp())
    except (ValueError, OverflowError):
        return None


def why_lost(error: Exception, *, tls: bool = False) -> str:
    """Return in plain words why a connection could not be made or was lost, without a word of the address.

    Parameters
    ----------
    tls
        Whether the address begins with ``wss://``.

    Examples
    --------
    >>> why_lost(ConnectionRefusedError())
    'refused: nothing listens on that port'
    >>> why_lost(TimeoutError())
    'no answer to the handshake'
    >>> why_lost(ConnectionResetError(), tls=True)
    'dropped at once, before the handshake was answered; a server without TLS is ws://, not wss://'
    """
    words = _why_lost(error)
    return f"{words}; a server without TLS is ws://, not wss://" if tls and words == _DROPPED else words


def _why_lost(error: Exception) -> str:
    if isinstance(error, FeedError):
        return str(error)
    if isinstance(error, OSError):
        return _system_words(error)
    if isinstance(error, InvalidHandshake) and isinstance(error.__cause__, EOFError):
        return _DROPPED
    # Other texts may quote an address with its query.
    return f"no WebSocket handshake there ({type(error).__name__})"


def _system_words(error: OSError) -> str:
    if isinstance(error, socket.gaierror):
        return "name not found: no such host, or no network"
    if isinstance(error, ssl.SSLError):
        return (
            f"no TLS: {error.reason or 'the server broke it off'}; a server without it is ws://, not wss://"
        )
    if isinstance(error, TimeoutError):
        return "no answer to the handshake"
    return _network_words(error)


def _network_words(error: OSError) -> str:
    # Of several addresses asyncio tells one error, whose text has the number of each.
    numbers = {int(one) for one in _ERRNO.findall(str(error))} or {error.errno or 0}
    if numbers == {errno.ECONNREFUSED} or isinstance(error, ConnectionRefusedError):
        return "refused: nothing listens on that port"
    if numbers & {errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENETDOWN}:
        return "no way there: the network or the host cannot be reached"
    if isinstance(error, ConnectionError):
        return _DROPPED
    return next((os.strerror(one) for one in numbers if one), type(error).__name__)


def after(value: object, date: str | None = None) -> float:
    """Return the seconds of a Retry-After header (RFC 9110, 10.2.3), capped; 0 where none can be read.

    Parameters
    ----------
    value
        The header's text, or a number of seconds.
    date
        The time of the answer by its own Date header: this computer's clock may be wrong.

    Examples
    --------
    >>> after("120"), after(2.5), after("soon"), after("86400")
    (120.0, 2.5, 0.0, 300.0)
    >>> after("Thu, 01 Jan 1970 00:01:30 GMT", "Thu, 01 Jan 1970 00:01:00 GMT")
    30.0
    """
    if isinstance(value, (int, float)):
        # In this order what is no number is 0.
        return min(max(0.0, float(value)), _MAX_RETRY_AFTER)
    if not isinstance(value, str):
        return 0.0
    try:
        if value.strip().isdigit():
            return min(float(value), _MAX_RETRY_AFTER)
        seconds = email.utils.parsedate_to_datetime(value).timestamp() - (_seconds_of(date) or time.time())
        return min(max(seconds, 0.0), _MAX_RETRY_AFTER)
    except (ValueError, OverflowError):
        return 0.0
