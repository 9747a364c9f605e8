"""Files from an address: over a real socket, by https, of bounded size, and nothing is left behind."""

from __future__ import annotations

import hashlib
import ssl
import tempfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

import mdnb
from mdnb.errors import FeedError, OptionError
from mdnb.recordings.fetched_file import _checked, fetched
from mdnb.runtime.process.bridge import call
from tests.io.hostile_markets import sound
from tests.limits import LIMIT_SECONDS
from tests.venues.certificates import unsigned
from tests.venues.rest_server import HttpAnswer, HttpRequest, RestServer

TOKEN = "t0ken-of-the-link"


@pytest.fixture
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Have temporary folders made where a test can look."""
    folder = tmp_path / "scratch"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


@pytest.fixture
def market(tmp_path: Path) -> bytes:
    return sound(tmp_path / "x.mdnb").read_bytes()


class Site:
    """Answers by path."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.answers: dict[str, HttpAnswer] = {}
        self.server = RestServer(self._answer, tls)
        call(self.server.listen())

    async def _answer(self, request: HttpRequest) -> HttpAnswer:
        return self.answers.get(request.path, HttpAnswer(b"nothing here", 404))

    @property
    def url(self) -> str:
        return self.server.url

    def close(self) -> None:
        call(self.server.close())


@pytest.fixture
def site() -> Iterator[Site]:
    made = Site()
    yield made
    made.close()


def test_a_market_behind_an_address_opens(site: Site, market: bytes, scratch: Path) -> None:
    site.answers["/x.mdnb"] = HttpAnswer(market)
    told = hashlib.sha256(market).hexdigest()
    with mdnb.open(
        f"{site.url}/x.mdnb?token={TOKEN}", sha256=told.upper(), speed="max", progress=False
    ) as live:
        live.wait_ended(LIMIT_SECONDS)
        assert len(live["1min"]) == 65
        assert TOKEN not in repr(live)
        (folder,) = scratch.iterdir()
        assert [one.name for one in folder.iterdir()] == ["x.mdnb"]
    assert not list(scratch.iterdir())
    assert site.server.requests[0].headers["accept-encoding"] == "identity"


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (HttpAnswer(b"", 404), "refused the file with HTTP 404"),
        (HttpAnswer(b"", 500), "refused the file with HTTP 500"),
        (HttpAnswer(b"x" * 3_000_000), "more than 100,000 bytes, which is all that max_bytes= allows"),
        (HttpAnswer(b"x", headers={"Content-Encoding": "gzip"}), "sends the file packed"),
        (HttpAnswer(b"no market at all"), "SHA-256 is"),
        (HttpAnswer(b"", 302, {"Location": "ftp://host.example/x"}), "by https:// only; got ftp:// to host"),
        (
            HttpAnswer(b"", 302, {"Location": "http://host.example/x"}),
            "plain http:// is for this machine only",
        ),
        (
            HttpAnswer(b"", 302, {"Location": "file:///etc/passwd"}),
            "https:// only; got file:// to no host",
        ),
        (HttpAnswer(b"", 302, {"Location": "/x.mdnb"}), "leads on more than 5 times"),
        (HttpAnswer(b"", 302), "leads on more than 5 times"),
    ],
    ids=str,
)
def test_what_cannot_be_fetched_is_told_and_leaves_nothing(
    answer: HttpAnswer, said: str, site: Site, scratch: Path
) -> None:
    site.answers["/x.mdnb"] = answer
    with pytest.raises(FeedError, match=said) as caught:
        mdnb.open(f"{site.url}/x.mdnb?token={TOKEN}", sha256="0" * 64, max_bytes=100_000, progress=False)
    assert TOKEN not in str(caught.value)
    assert not list(scratch.iterdir())


def test_the_size_is_counted_while_it_comes(scratch: Path) -> None:
    """One that tells no length, and sends for ever, is broken off."""
    import asyncio

    sent = 0

    async def endless(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")
        try:
            while True:
                writer.write(bytes(65_536))
                sent += 65_536
                await writer.drain()
        except OSError:
            writer.close()

    async def listen() -> asyncio.Server:
        return await asyncio.start_server(endless, "127.0.0.1", 0)

    server = call(listen())
    try:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(FeedError, match="more than 1,000,000 bytes"):
            fetched(f"http://127.0.0.1:{port}/x.mdnb", max_bytes=1_000_000)
    finally:
        call(_closed(server))
    assert sent < 200_000_000
    assert not list(scratch.iterdir())


async def _closed(server: object) -> None:
    server.close()  # type: ignore[attr-defined]


def test_a_redirection_to_another_address_is_followed(site: Site, market: bytes, scratch: Path) -> None:
    site.answers["/a"] = HttpAnswer(b"", 302, {"Location": "/b/x.mdnb"})
    site.answers["/b/x.mdnb"] = HttpAnswer(market)
    folder, path = fetched(f"{site.url}/a")
    with folder:
        assert path.read_bytes() == market
        # Its name is that of the address that was given.
        assert path.name == "a"


def test_a_certificate_that_nobody_signed_is_refused(tmp_path: Path, scratch: Path) -> None:
    made = Site(unsigned(tmp_path))
    made.answers["/x.mdnb"] = HttpAnswer(b"x")
    try:
        with pytest.raises(FeedError, match="the certificate does not hold"):
            fetched(f"{made.url}/x.mdnb")
    finally:
        made.close()
    assert not list(scratch.iterdir())


def test_https_does_not_lead_on_to_http() -> None:
    came_from = urlsplit("https://host.example/x.mdnb")
    assert _checked("https://other.example/x.mdnb", came_from).hostname == "other.example"
    with pytest.raises(FeedError, match=r"host\.example leads on to http://127\.0\.0\.1, and only https://"):
        _checked("http://127.0.0.1/x.mdnb", came_from)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        (
            "http://host.example/x.mdnb",
            "plain http:// is for this machine only; write https://",
        ),
        ("ftp://host.example/x.mdnb", "by https:// only; got ftp://"),
        ("file:///etc/passwd", "by https:// only; got file://"),
        ("https:///x.mdnb", "no host"),
        ("https://me:s3cret@host.example/x.mdnb", "a user or a password is not asked"),
        ("https://host.example:99999/x", "Port out of range"),
    ],
)
def test_addresses_that_are_not_asked(url: str, said: str, scratch: Path) -> None:
    with pytest.raises(FeedError, match=said) as caught:
        mdnb.open(url, progress=False)
    assert "s3cret" not in str(caught.value)
    assert not list(scratch.iterdir())


def test_options_that_are_none(tmp_path: Path) -> None:
    path = sound(tmp_path / "x.mdnb")
    for wrong in ("abc", "0" * 63, 5):
        with pytest.raises(OptionError, match="64 hexadecimal digits"):
            mdnb.open(path, sha256=wrong, progress=False)  # type: ignore[arg-type]
    for size in (0, -1, 1.5, True):
        with pytest.raises(OptionError, match="max_bytes must be a whole number above 0"):
            fetched("https://host.example/x", max_bytes=size)  # type: ignore[arg-type]
    with pytest.raises(FeedError, match="is not the file that was meant"):
        mdnb.open(path, sha256="0" * 64, progress=False)
    good = hashlib.sha256(path.read_bytes()).hexdigest()
    mdnb.open(path, sha256=good, speed="max", progress=False).close()


def test_nothing_is_left_where_what_was_fetched_is_no_market(site: Site, scratch: Path) -> None:
    site.answers["/x.mdnb"] = HttpAnswer(b"PK\x03\x04 no market")
    with pytest.raises(FeedError):
        mdnb.open(f"{site.url}/x.mdnb", progress=False)
    site.answers["/y.mdnb"] = HttpAnswer(b"")
    with pytest.raises(FeedError):
        mdnb.open(f"{site.url}/y.mdnb", progress=False)
    assert not list(scratch.iterdir())
