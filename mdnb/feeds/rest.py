"""Asking a venue over HTTP: as often as it allows, answers typed, refusals in plain words."""

from __future__ import annotations

import asyncio
import json
import logging
import ssl
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

import msgspec

from mdnb.errors import ClosedError, FeedBusyError, FeedError, FeedRefusedError
from mdnb.feeds.endpoint import (
    KEYLESS_HINTS,
    after,
    hidden,
    hide_in,
    is_loopback,
    proxy_refused,
    proxy_words,
    secrets_in_path,
    split_address,
    tokens_in,
    why_lost,
)
from mdnb.feeds.rate_limit import RateLimit, shared_limiter
from mdnb.feeds.timeouts import Timeouts, Wall
from mdnb.feeds.unshown import unshown

if TYPE_CHECKING:
    import httpx

__all__ = ["MAX_ANSWER_BYTES", "Complaint", "Rest", "message_of", "readable"]

_log = logging.getLogger("mdnb.feeds")

MAX_ANSWER_BYTES = 2**26
"""Larger answers, unpacked, are broken off before they can fill the memory."""

_T = TypeVar("_T")

Complaint = Callable[[int, bytes], FeedError | None]
"""Called with the status and the body of each answer; returns the error that is said there, or None."""

_BUSY = frozenset({408, 418, 425, 429, *range(500, 600)})
_HINTS = {
    3: "it has moved, and redirections are not followed; give the new address as rest=",
    401: "check the credentials",
    403: "check the credentials, or whether the venue serves your region",
    451: "not served in this region",
}
# httpx logs whole addresses at INFO: no credentials there, unless somebody asks for it by name.
if logging.getLogger("httpx").level == logging.NOTSET:
    logging.getLogger("httpx").setLevel(logging.WARNING)


class Rest:
    """A venue's HTTP interface.

    Certificates are always verified. Proxies are those of the environment (``HTTPS_PROXY``), except on the
    way to this machine. Redirections are not followed.

    Parameters
    ----------
    url
        ``https://``, or ``http://`` to this machine.
    rate_limit
        How often the venue may be asked.
    complaint
        Reads the venue's own way to say no, which may come with status 200.
    headers
        Asked for each request: credentials go here, so that a fresh token is taken, and nowhere else.
    secrets
        Asked for what else of credentials is sent, as in a body: what the venue says is shown without them.
    timeouts, wall
        What it waits for, and by which clock.
    keyless
        Whether it is asked without credentials.

    Attributes
    ----------
    host
        The address without its path, as it may be shown.
    ban_seconds
        For how long nothing is asked after a refusal for too many requests that names no time.
    limiter
        Keeps to the rate limit, together with all others in this process who ask the same host.

    Raises
    ------
    FeedError
        When the address is none of these.

    Examples
    --------
    >>> Rest("https://venue.example/api?key=s3cret", RateLimit(1, 1.0))
    Traceback (most recent call last):
        ...
    mdnb.errors.FeedError: a REST interface's address has a host and a path; got one with a query or a user
    >>> Rest("https://venue.example/s3cret", RateLimit(1, 1.0))
    Rest(https://venue.example)
    """

    @unshown
    def __init__(
        self,
        url: str,
        rate_limit: RateLimit,
        *,
        complaint: Complaint | None = None,
        headers: Callable[[], Mapping[str, str]] | None = None,
        secrets: Callable[[], Iterable[str]] = tuple,
        timeouts: Timeouts | None = None,
        wall: Wall | None = None,
        keyless: bool = False,
    ) -> None:
        self._secrets = secrets
        self.host = _checked(url)
        self._hints = {**_HINTS, **(KEYLESS_HINTS if keyless else {})}
        self._url = url.rstrip("/")
        self._tokens = tokens_in(url)
        self.limiter = shared_limiter(self.host, rate_limit, wall)
        self._complaint = complaint
        self._headers = headers
        self._timeouts = timeouts or Timeouts()
        self.ban_seconds = 5.0
        self._client: httpx.AsyncClient | None = None
        self._is_closed = False
        self._under_way: set[asyncio.Timeout] = set()

    async def get(self, path: str, into: type[_T], weight: int = 1, **query: str | float) -> _T:
        """Return the answer to a GET, as a type of msgspec.

        Parameters
        ----------
        path
            Begins with a slash.
        into
            What the answer is: a Struct, ``list[...]``, a tuple. Numbers may be written as text.
        weight
            What the venue counts the request for.
        **query
            What stands after the question mark.

        Raises
        ------
        FeedBusyError
            When the venue does not answer now (408, 418, 425, 429, 5xx).
        FeedRefusedError
            When it will not.
        FeedError
            When it cannot be reached, or answers something else.
        ClosedError
            When `close` was called, before or meanwhile.
        """
        return await self._ask("GET", path, into, weight, params=query)

    async def post(self, path: str, into: type[_T], body: object, weight: int = 1) -> _T:
        """Return the answer to a POST of JSON; raises as `get` does."""
        content = {"content": json.dumps(body), "headers": {"Content-Type": "application/json"}}
        try:
            return await self._ask("POST", path, into, weight, **content)
        finally:
            # Tracebacks show variables, and in these may be a key: where it is cancelled, too.
            body, content = None, {}

    async def close(self) -> None:
        """Close the connections; who waits for an answer, or to ask, is told; again it does nothing."""
        self._is_closed = True
        for one in self._under_way:
            one.reschedule(0.0)
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()

    @property
    def tokens(self) -> tuple[str, ...]:
        """What in its address is a token by its look."""
        return self._tokens

    def hide(self, text: str) -> str:
        """Return what the venue says without what may be a credential of ours."""
        return hidden(text, [*secrets_in_path(self._url), *self._secrets(), *self._sent().values()])

    def _sent(self) -> Mapping[str, str]:
        try:
            return {} if self._headers is None else self._headers()
        except FeedError:
            return {}

    def _where(self, path: str) -> str:
        return f"{urlsplit(self.host).netloc}{path}"

    async def _ask(self, method: str, path: str, into: type[_T], weight: int, **given: Any) -> _T:
        try:
            async with asyncio.timeout(None) as within:
                if self._is_closed:
                    within.reschedule(0.0)
                self._under_way.add(within)
                try:
                    return _typed(
                        await self._ask_open(method, path, weight, **given), into, self._where(path)
                    )
                except FeedError as error:
                    hide_in(error, self.hide)
                    # Where it was raised the variables hold what the venue said; some tracebacks show these.
                    raise error.with_traceback(None) from None
                finally:
                    given = {}
                    self._under_way.discard(within)
        except TimeoutError:
            raise ClosedError(f"{self._where(path)} is not asked: the feed was closed") from None

    async def _ask_open(self, method: str, path: str, weight: int, **given: Any) -> bytes:
        import httpx

        await self.limiter.wait(weight)
        if self._client is None:
            self._client = self._connect()
        try:
            # A server that sends a byte now and then holds a timeout of each read up for ever.
            async with (
                asyncio.timeout(2 * self._timeouts.reply),
                self._client.stream(method, self._url + path, auth=self._signed, **given) as answer,
            ):
                body = await _body(answer, self._where(path))
        except (httpx.HTTPError, httpx.InvalidURL, UnicodeError, TimeoutError) as error:
            raise _failure(error, self._where(path), proxy_words(self._url)) from None
        except asyncio.CancelledError as error:
            # httpx has the whole address in variables, and tracebacks may show these.
            raise error.with_traceback(None) from None
        finally:
            given = {}
        # Each may be there twice, one of a proxy's.
        retry_after, date = [
            next(iter(answer.headers.get_list(name)), None) for name in ("Retry-After", "Date")
        ]
        self._judge(answer.status_code, after(retry_after, date), body, path)
        return body

    def _connect(self) -> httpx.AsyncClient:
        import httpx

        seconds = httpx.Timeout(self._timeouts.reply, connect=self._timeouts.open)
        try:
            return httpx.AsyncClient(timeout=seconds, trust_env=not is_loopback(self.host))
        except OSError as error:
            raise FeedRefusedError(
                f"the certificates that SSL_CERT_FILE or SSL_CERT_DIR name cannot be read: {error.strerror}"
            ) from None
        except (ImportError, ValueError, httpx.InvalidURL) as error:
            raise proxy_refused(error) from None

    def _signed(self, request: httpx.Request) -> httpx.Request:
        # Here and in no variable of `_ask`, which tracebacks show: these may be credentials.
        if self._headers is not None:
            request.headers.update(self._headers())
        return request

    def _judge(self, status: int, retry_after: float, body: bytes, path: str) -> None:
        said = self._complaint(status, body) if self._complaint else None
        if status in _BUSY or isinstance(said, FeedBusyError):
            named = said.retry_after if isinstance(said, FeedBusyError) else 0.0
            seconds = max(retry_after, named)
            if status in (418, 429) or isinstance(said, FeedBusyError):
                # Who goes on asking is banned, by several venues for hours.
                self.limiter.hold(seconds or self.ban_seconds)
            raise FeedBusyError(f"{self._where(path)}: {said or f'HTTP {status}'}", seconds)
        if said is not None:
            raise said
        if not 200 <= status < 300:
            said_of = self._hints.get(status) or self._hints.get(status // 100)
            hint = f": {said_of}" if said_of else ""
            raise FeedRefusedError(f"{self._where(path)} refused with HTTP {status}{hint}")

    def __repr__(self) -> str:
        # In a traceback with variables it is shown before it has a host.
        return f"Rest({getattr(self, 'host', '')})"


class _Said(msgspec.Struct):
    message: str


def message_of(body: bytes) -> str | None:
    """Return what an answer ``{"message": ...}`` says; None where it is none.

    Examples
    --------
    >>> message_of(b'{"message":"NotFound"}'), message_of(b"<html>")
    ('NotFound', None)
    """
    try:
        return msgspec.json.decode(body, type=_Said).message
    except (ValueError, RecursionError):
        return None


def readable(records: Iterable[msgspec.Raw], into: type[_T], where: str) -> list[_T]:
    """Return those records of a list that can be read: one that is odd must not cost all others.

    Parameters
    ----------
    where
        Of what they are, for the error.

    Raises
    ------
    FeedError
        When there are some, and none of them can be read.

    Examples
    --------
    >>> readable([msgspec.Raw(b'"0.5"'), msgspec.Raw(b'""')], float, "OKX's list")
    [0.5]
    """
    decode = msgspec.json.Decoder(into, strict=False).decode
    read: list[_T] = []
    odd: list[ValueError] = []
    for record in records:
        try:
            read.append(decode(record))
        except ValueError as error:
            odd.append(error)
    if odd and not read:
        raise FeedError(f"{where} is not what was expected: {odd[-1]}")
    if odd:
        _log.info("%s: %d of %d are left out: %s", where, len(odd), len(odd) + len(read), odd[-1])
    return read


def _checked(url: str) -> str:
    """Return an address as it may be shown: without its path, which may hold a token."""
    parts = split_address(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise FeedError("a REST interface's address must begin with https:// or http:// and name a host")
    if parts.query or parts.fragment or parts.username or parts.password:
        raise FeedError("a REST interface's address has a host and a path; got one with a query or a user")
    if parts.scheme == "http" and not is_loopback(url):
        raise FeedError(f"plain http:// is for this machine only; write https:// for {parts.hostname}")
    return f"{parts.scheme}://{parts.netloc}"


async def _body(answer: httpx.Response, where: str) -> bytes:
    held = bytearray()
    async for part in answer.aiter_bytes():
        held += part
        if len(held) > MAX_ANSWER_BYTES:
            raise FeedError(f"{where}: the answer has more than {MAX_ANSWER_BYTES // 10**6} MB")
    return bytes(held)


def _typed(body: bytes, into: type[_T], where: str) -> _T:
    try:
        return msgspec.json.decode(body, type=into, strict=False)
    except (ValueError, RecursionError) as error:
        what = str(error) if isinstance(error, msgspec.ValidationError) else "not JSON"
        raise FeedError(f"{where}: the answer is not what was expected: {what}") from None


def _failure(error: Exception, where: str, way: str) -> FeedError:
    """Return in plain words why there is no answer; httpx's own text may quote an address with its query."""
    import httpx

    cause: BaseException = error
    while cause.__cause__ is not None or cause.__context__ is not None:
        cause = cause.__cause__ or cause.__context__ or cause
    if isinstance(cause, ssl.SSLCertVerificationError):
        return FeedRefusedError(f"{where}: the certificate does not hold: {cause.verify_message}")
    if isinstance(error, (httpx.TimeoutException, TimeoutError)):
        return FeedError(f"{where}: no answer in time{way}")
    if isinstance(cause, OSError):
        return FeedError(f"{where}: {why_lost(cause)}{way}")
    return FeedError(f"{where}: the connection broke ({type(error).__name__}){way}")
