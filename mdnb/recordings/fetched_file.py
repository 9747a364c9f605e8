"""Fetching a file from an address that was given: by https, of bounded size, into a temporary folder."""

from __future__ import annotations

import hashlib
import os
import re
import ssl
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import SplitResult, unquote, urljoin

from mdnb.errors import FeedError, OptionError
from mdnb.feeds.endpoint import is_loopback, proxy_refused, split_address, why_lost

if TYPE_CHECKING:
    import httpx

__all__ = ["MOST_BYTES", "check_sum", "fetched", "is_address"]

MOST_BYTES = 200 * 10**6
"""How large a fetched file may be, where nobody says otherwise."""

_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]+://")
_SUM = re.compile(r"[0-9a-fA-F]{64}")
_PLAIN_NAME = re.compile(r"[\w][\w.\-]{0,79}")
_REDIRECTIONS = 5
_CHUNK_BYTES = 65_536
_CONNECT_SECONDS, _READ_SECONDS, _ALL_SECONDS = 15.0, 30.0, 900.0
_MOVED = frozenset({301, 302, 303, 307, 308})


def is_address(source: object) -> bool:
    """Return whether something names what lies on another machine.

    Examples
    --------
    >>> is_address("https://host.example/btc.mdnb"), is_address("btc.mdnb"), is_address("C:/btc.mdnb")
    (True, False, False)
    """
    return isinstance(source, str) and _ADDRESS.match(source) is not None


def fetched(
    url: str, *, sha256: str | None = None, max_bytes: int = MOST_BYTES
) -> tuple[tempfile.TemporaryDirectory[str], Path]:
    """Fetch a file; return the folder that it is in, which is the caller's to remove, and the file.

    Redirections are followed to https alone. Certificates are always verified.

    Parameters
    ----------
    url
        ``https://``, or ``http://`` to this machine.
    sha256
        What its SHA-256 has to be.
    max_bytes
        Where a larger one is broken off.

    Raises
    ------
    OptionError
        When `sha256` or `max_bytes` is none.
    FeedError
        When the address is none of these, the file cannot be had, is larger, or is another one. Nothing is
        left behind.

    Examples
    --------
    >>> fetched("ftp://host.example/btc.mdnb")
    Traceback (most recent call last):
        ...
    mdnb.errors.FeedError: a file is fetched by https:// only; got ftp:// to host.example
    """
    if isinstance(max_bytes, bool) or not isinstance(max_bytes, int) or max_bytes < 1:
        raise OptionError(f"max_bytes must be a whole number above 0; got {max_bytes!r}")
    _checked_sum(sha256)
    parts = _checked(url, None)
    folder = tempfile.TemporaryDirectory(prefix="mdnb-fetched-")
    try:
        name = unquote(parts.path.rpartition("/")[2])
        path = Path(folder.name) / (name if _PLAIN_NAME.fullmatch(name) else "fetched.mdnb")
        _fetch(url, path, max_bytes)
        if sha256 is not None:
            check_sum(path, sha256)
    except BaseException:
        folder.cleanup()
        raise
    return folder, path


def check_sum(path: Path, sha256: str) -> None:
    """Refuse a file whose SHA-256 is not what it has to be.

    Raises
    ------
    OptionError
        When `sha256` is none.
    FeedError
        When it is another one, or the file cannot be read.
    """
    _checked_sum(sha256)
    try:
        if not path.is_file():
            raise FeedError(f"cannot open {path}: it is not there, or is no plain file")
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
    except (OSError, ValueError) as error:
        if isinstance(error, FeedError):
            raise
        raise FeedError(f"cannot open {str(path)!r}: {error}") from error
    if found != sha256.lower():
        raise FeedError(
            f"{path.name} is not the file that was meant: its SHA-256 is {found}, and sha256= says"
            f" {sha256.lower()}"
        )


def _checked_sum(sha256: object) -> None:
    if sha256 is not None and not (isinstance(sha256, str) and _SUM.fullmatch(sha256)):
        raise OptionError(f"sha256 must be 64 hexadecimal digits; got {str(sha256)[:80]!r}")


def _checked(url: str, came_from: SplitResult | None) -> SplitResult:
    """Return the parts of an address that may be asked; what stands in messages is its host alone."""
    parts = split_address(url)
    shown = parts.hostname or "no host"
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise FeedError(f"a file is fetched by https:// only; got {parts.scheme}:// to {shown}")
    if parts.username or parts.password:
        raise FeedError(f"an address with a user or a password is not asked; got one of {shown}")
    if parts.scheme == "https":
        return parts
    if came_from is not None and came_from.scheme == "https":
        raise FeedError(f"{came_from.hostname} leads on to http://{shown}, and only https:// is followed")
    if not is_loopback(url):
        raise FeedError(f"plain http:// is for this machine only; write https:// for {shown}")
    return parts


def _fetch(url: str, path: Path, max_bytes: int) -> None:
    import httpx

    until = time.monotonic() + _ALL_SECONDS
    seconds = httpx.Timeout(_READ_SECONDS, connect=_CONNECT_SECONDS)
    parts = _checked(url, None)
    try:
        # Packed on its way a file could grow behind our back.
        client = httpx.Client(
            timeout=seconds, trust_env=not is_loopback(url), headers={"Accept-Encoding": "identity"}
        )
    except (ImportError, ValueError, httpx.InvalidURL, OSError) as error:
        raise proxy_refused(error) from None
    with client:
        for _ in range(_REDIRECTIONS + 1):
            try:
                with client.stream("GET", url, follow_redirects=False) as answer:
                    if answer.status_code not in _MOVED:
                        _keep(answer, path, max_bytes, until, str(parts.hostname))
                        return
                    to = answer.headers.get("Location", "")
            except (httpx.HTTPError, httpx.InvalidURL) as error:
                # From nothing: the whole address, which may hold a token, is in variables there.
                raise _lost(error, str(parts.hostname)) from None
            url = urljoin(url, to)
            parts = _checked(url, parts)
    raise FeedError(f"{parts.hostname} leads on more than {_REDIRECTIONS} times; give the last address")


def _keep(answer: httpx.Response, path: Path, max_bytes: int, until: float, host: str) -> None:
    if answer.status_code != 200:
        raise FeedError(f"{host} refused the file with HTTP {answer.status_code}; is the address right?")
    if answer.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise FeedError(f"{host} sends the file packed though it was asked not to; fetch it yourself")
    told = answer.headers.get("Content-Length", "")
    if told.isascii() and told.isdigit() and int(told) > max_bytes:
        raise _too_large(host, max_bytes)
    held = 0
    try:
        with path.open("wb") as file:
            for part in answer.iter_raw(_CHUNK_BYTES):
                held += len(part)
                if held > max_bytes or time.monotonic() > until:
                    break
                file.write(part)
    except OSError as error:
        reason = error.strerror or str(error)
        raise FeedError(f"the file of {host} cannot be kept in {os.fspath(path.parent)}: {reason}") from error
    if held > max_bytes:
        raise _too_large(host, max_bytes)
    if time.monotonic() > until:
        raise FeedError(f"{host} sends the file too slowly: it is not there after {_ALL_SECONDS:g} s")


def _too_large(host: str, max_bytes: int) -> FeedError:
    return FeedError(
        f"the file of {host} has more than {max_bytes:,} bytes, which is all that max_bytes= allows;"
        " nothing was kept"
    )


def _lost(error: Any, host: str) -> FeedError:
    import httpx

    cause: BaseException = error
    while cause.__cause__ is not None or cause.__context__ is not None:
        cause = cause.__cause__ or cause.__context__ or cause
    if isinstance(cause, ssl.SSLCertVerificationError):
        return FeedError(f"{host}: the certificate does not hold: {cause.verify_message}")
    if isinstance(error, httpx.TimeoutException):
        return FeedError(f"{host}: no answer in time")
    if isinstance(cause, OSError):
        return FeedError(f"{host}: {why_lost(cause)}")
    return FeedError(f"{host}: the connection broke ({type(error).__name__})")
