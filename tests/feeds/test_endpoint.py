"""Addresses as somebody may write them, and proxies as an environment may name them."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given, strategies as st

import mdnb
from mdnb.errors import FeedError, FeedRefusedError
from mdnb.feeds.endpoint import hidden, masked
from mdnb.feeds.venue import VenueFeed
from tests.limits import LIMIT_SECONDS


@pytest.mark.parametrize("option", ["url", "rest"])
@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("{}://127.0.0.1:99999/", "Port out of range"),
        ("{}://127.0.0.1:s3cret", "wrong port"),
        ("{}://[::1", "IPv6"),
        ("{}s://venue.example/v2\n", "no blanks and no line breaks"),
        (" {}://127.0.0.1:9", "begin with|no blanks"),
        ("{}s://venue..example", "no host can have the name"),
        ("{}s://" + "v" * 64 + ".example", "no host can have the name"),
    ],
)
def test_an_address_that_is_none_is_refused_in_words(option: str, address: str, words: str) -> None:
    scheme = "ws" if option == "url" else "http"
    with pytest.raises(FeedError, match=words) as caught:
        mdnb.make_feed("kraken", **{option: address.format(scheme)})
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("binance", "/v1/stream"),
        ("binance_futures", "/v1/market/stream"),
        ("bybit", "/v1/spot"),
        ("okx", "/v1/business"),
    ],
)
def test_a_path_stands_before_the_question_mark(name: str, path: str) -> None:
    feed = mdnb.make_feed(name, url="wss://venue.example/v1/?token=abc")
    assert isinstance(feed, VenueFeed)
    assert feed.address.url == f"wss://venue.example{path}?token=abc"


@pytest.mark.parametrize(
    "proxy", ["foo://me:s3cret@127.0.0.1:1", "socks5://me:s3cret@127.0.0.1:1", "http://:s3cret@"]
)
def test_a_proxy_that_cannot_be_used_is_told_of_without_its_password(
    proxy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, proxy)
    feed = mdnb.make_feed("kraken", url="wss://venue.invalid", rest="https://venue.invalid")
    assert isinstance(feed, VenueFeed)

    async def main() -> None:
        with pytest.raises(FeedRefusedError, match="HTTPS_PROXY or ALL_PROXY") as caught:
            await feed.run(lambda _: None, lambda *_: None)
        assert "s3cret" not in repr(caught.value)
        assert caught.value.__cause__ is None
        # What the REST client takes for an address of a proxy is its own matter.
        with pytest.raises(FeedError) as caught_of_rest:
            await feed.rest.get("/x", dict)
        assert "s3cret" not in repr(caught_of_rest.value)
        await feed.close()

    asyncio.run(main())


def test_a_proxy_that_is_not_there_is_not_taken_for_the_venue(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://me:s3cret@127.0.0.1:1")
    words = "refused: nothing listens on that port; by way of a proxy (HTTPS_PROXY of the environment)"

    async def main() -> None:
        feed = mdnb.make_feed("kraken", url="wss://venue.invalid", rest="https://venue.invalid")
        assert isinstance(feed, VenueFeed)
        told: asyncio.Queue[str] = asyncio.Queue()
        running = asyncio.create_task(feed.run(lambda _: None, lambda _, detail: told.put_nowait(detail)))
        async with asyncio.timeout(LIMIT_SECONDS):
            while (await told.get()) != words:
                pass
        with pytest.raises(FeedError) as caught:
            await feed.rest.get("/x", dict)
        assert str(caught.value) == f"venue.invalid/x: {words}"
        await feed.close()
        await running

    asyncio.run(main())


def test_certificates_that_are_not_there_are_told_of(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", "/nowhere/certificates.pem")
    feed = mdnb.make_feed("kraken")
    assert isinstance(feed, VenueFeed)
    with pytest.raises(FeedRefusedError, match="certificates that SSL_CERT_FILE"):
        asyncio.run(feed.open(["BTC/USD"]))


def test_an_address_is_a_text() -> None:
    for wrong in (b"wss://venue.example", 9):
        with pytest.raises(FeedError, match=f"as text: {type(wrong).__name__}"):
            mdnb.make_feed("projectx", url=wrong)


def test_a_host_that_the_name_service_has_no_way_to_spell_is_told_in_a_sentence() -> None:
    feed = mdnb.make_feed("kraken", url="wss://xn--", rest="https://xn--")
    assert isinstance(feed, VenueFeed)
    with pytest.raises(FeedError, match=r"^xn--/x: the connection broke \("):
        asyncio.run(feed.rest.get("/x", dict))


def _as_dot_net(text: str) -> str:
    """Write a text as .NET's JSON does, which escapes more than it must."""
    return re.sub(r"""["&'+<>`\\\u007f-\uffff]""", lambda found: f"\\u{ord(found[0]):04X}", text)


_WRITERS: tuple[Callable[[str], str], ...] = (
    str,
    lambda text: json.dumps(text)[1:-1],
    lambda text: json.dumps(text, ensure_ascii=False)[1:-1],
    lambda text: json.dumps(text)[1:-1].replace("/", "\\/"),
    _as_dot_net,
    quote,
    quote_plus,
    lambda text: re.sub("%..", lambda found: found[0].lower(), quote(text, safe="")),
)


@given(st.text('abcXYZ019+/=_-.~ "\\&<é', min_size=4, max_size=30).filter(lambda text: text.strip() == text))
def test_a_secret_is_left_out_however_it_is_written(secret: str) -> None:
    for write in _WRITERS:
        said = f"<{write(secret)}>"
        assert hidden(said, [secret]) == "<…>"
        assert masked(said, [secret]) == f"<{'*' * (len(said) - 2)}>"
        assert masked(said.encode() + b"\xff", [secret]) == f"<{'*' * (len(said) - 2)}>".encode() + b"\xff"
