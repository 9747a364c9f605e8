"""What is particular to Alpaca: credentials that nothing shows, its errors in plain words, pages by token."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from IPython.core.ultratb import VerboseTB
from websockets.asyncio.server import ServerConnection, serve

import mdnb
from mdnb.clock import EventClock
from mdnb.decode import decoder
from mdnb.errors import FeedError, FeedRefusedError, OptionError
from mdnb.feeds.rate_limit import RateLimit
from mdnb.feeds.registry import make_feed
from mdnb.feeds.timeouts import Backoff
from mdnb.feeds.venues.alpaca import AlpacaFeed
from mdnb.rows import NOT_LAST, NOT_RANGE, marks_of
from mdnb.secret import Secret
from tests.limits import LIMIT_SECONDS
from tests.venues.alpaca_venue import KEY, SECRET
from tests.venues.recordings import iso_ns
from tests.venues.rest_server import HttpAnswer, HttpRequest, serving

SECOND = 1_000_000_000
START = 1_772_460_000 * SECOND
CREDENTIALS: dict[str, Any] = {"key": Secret(KEY), "secret": Secret(SECRET)}
ASSETS = [{"symbol": "AAPL", "name": "Apple Inc."}, {"symbol": "BRK.B", "name": "Berkshire"}]

Page = Callable[[HttpRequest], object]


@pytest.fixture(autouse=True)
def _no_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("APCA_API_KEY_ID", raising=False)
    monkeypatch.delenv("APCA_API_SECRET_KEY", raising=False)


@contextlib.asynccontextmanager
async def opened(
    page: Page, symbol: str = "AAPL", now_ns: int = START + 10**15, **options: Any
) -> AsyncIterator[tuple[AlpacaFeed, list[HttpRequest]]]:
    """Give a feed whose history is a page, and what it asks."""

    async def answer(request: HttpRequest) -> HttpAnswer:
        made = ASSETS if request.path == "/v2/assets" else page(request)
        return made if isinstance(made, HttpAnswer) else HttpAnswer(json.dumps(made).encode())

    async with serving(answer) as server:
        feed = AlpacaFeed(url="ws://127.0.0.1:9", rest=server.url, **(CREDENTIALS | options))
        feed.rest.limiter.limit = RateLimit(10**6, 1.0)
        feed.clock = EventClock(now_ns)
        async with asyncio.timeout(LIMIT_SECONDS), feed:
            await feed.open([symbol])
            yield feed, server.requests


# -- the history --------------------------------------------------------------------------------------------


def test_requests_bear_the_credentials_and_shares_their_names() -> None:
    async def main() -> None:
        async with opened(lambda _: {}, "BRK.B") as (feed, requests):
            assert feed.instrument("BRK.B").description == "Berkshire"
            assert feed.instrument("BRK.B").timezone == "America/New_York"
            assert feed.listed("BRK.B").spelling == "BRK.B"
            (request,) = requests
            assert dict(request.query) == {"status": "active", "asset_class": "us_equity"}
            assert request.headers["apca-api-key-id"] == KEY
            assert request.headers["apca-api-secret-key"] == SECRET

    asyncio.run(main())


def test_trades_are_paged_by_token_with_all_of_one_instant_and_of_two_exchanges() -> None:
    at = "2026-03-02T14:00:00.123456789Z"
    first = [{"t": at, "x": exchange, "p": 10.5, "s": 100, "c": ["@"], "i": 5, "z": "C"} for exchange in "VN"]
    second = [{"t": at, "x": "V", "p": 10.5, "s": 100, "i": 6}]
    pages = {
        "": {"trades": first, "next_page_token": "b"},
        # A page may be empty though another follows.
        "b": {"trades": None, "next_page_token": "c"},
        "c": {"trades": second, "next_page_token": None},
    }

    async def main() -> None:
        async with opened(lambda request: pages[request.query.get("page_token", "")], feed="sip") as (
            feed,
            requests,
        ):
            ns = iso_ns(at)
            rows = await feed.history_trades("AAPL", ns, ns + 1)
            assert rows == [(ns, 10.5, 100.0, 1, 0, number) for number in (5, 5, 6)]
            assert [request.query.get("page_token") for request in requests[1:]] == [None, "b", "c"]
            query = requests[1].query
            assert (query["start"], query["end"], query["feed"], query["sort"]) == (at, at, "sip", "asc")
            assert requests[1].path == "/v2/stocks/AAPL/trades"
            assert await feed.history_trades("AAPL", ns, ns) == []

    asyncio.run(main())


def test_trades_that_were_taken_back_are_passed_over_and_odd_lots_are_marked() -> None:
    at = "2026-03-02T14:00:00.000000001Z"
    plain = {"t": at, "x": "V", "p": 10.5, "s": 100, "c": ["@"], "i": 5, "z": "C"}
    rows = [
        plain | {"i": 1, "u": "canceled"},
        plain | {"i": 2, "u": "incorrect"},
        plain | {"i": 3, "u": "corrected", "p": 10.25},
        plain | {"i": 4, "c": ["@", "I"]},
        plain,
    ]

    async def main() -> None:
        async with opened(lambda _: {"trades": rows, "next_page_token": None}) as (feed, _):
            ns = iso_ns(at)
            found = await feed.history_trades("AAPL", ns, ns + 1)
            assert found == [(ns, price, 100.0, 1, 0, n) for price, n in ((10.25, 3), (10.5, 4), (10.5, 5))]
            assert [marks_of(row) for row in found] == [0, NOT_LAST | NOT_RANGE, 0]

    asyncio.run(main())


@pytest.mark.parametrize(
    ("said", "became"),
    [
        (["incorrect", "corrected"], {0: 1}),
        (["incorrect", "incorrect", "corrected"], {0: 2, 1: 2}),
        # One order that was filled by two: one instant.
        (["incorrect", "incorrect", "corrected", "corrected"], {0: 2, 1: 3}),
        (["incorrect", "corrected", "incorrect", "corrected", "canceled"], {0: 1, 2: 3, 4: None}),
        (["incorrect", "incorrect", "incorrect", "corrected", "corrected"], {0: None, 1: None, 2: None}),
        (["incorrect", "canceled", ""], {0: None, 1: None}),
    ],
)
def test_the_history_tells_what_each_corrected_trade_is_now(said: list[str], became: dict[int, int]) -> None:
    at = "2026-03-02T14:00:00.000000001Z"
    plain = {"t": at, "x": "V", "s": 100, "c": ["@"], "z": "C"}
    rows = [plain | {"i": number, "p": 10 + number, "u": one} for number, one in enumerate(said)]

    async def main() -> None:
        async with opened(lambda _: {"trades": rows, "next_page_token": None}) as (feed, _):
            ns = iso_ns(at)
            told = await feed.history_changes("AAPL", ns, ns + 1)
            assert told is not None
            assert {one.trade_id: None if one.row is None else one.row[5] for one in told} == became
            assert {one.trade_ns for one in told} == {ns}

    asyncio.run(main())


def test_ids_are_trusted_where_one_exchange_gives_them() -> None:
    said = {feed: AlpacaFeed(feed, **CREDENTIALS).ids for feed in ("iex", "sip", "test")}  # type: ignore[arg-type]
    assert said == {"iex": "unique", "sip": "none", "test": "none"}


def test_bars_are_paged_by_token_and_the_one_that_is_being_made_is_left_out() -> None:
    def bar(minute: int) -> dict[str, Any]:
        held = {"o": 1.5, "h": 4, "l": 1, "c": 2 + minute, "v": 100 + minute, "n": 9, "vw": 2.2}
        return held | {"t": f"2026-03-02T14:{minute:02}:00Z"}

    pages = {
        "": {"bars": [bar(0), bar(1)], "next_page_token": "b"},
        "b": {"bars": [bar(3), bar(4)], "next_page_token": ""},
    }
    begin = iso_ns("2026-03-02T14:00:00")

    async def starts(now_ns: int) -> list[int]:
        async with opened(lambda request: pages[request.query.get("page_token", "")], now_ns=now_ns) as (
            feed,
            requests,
        ):
            rows = await feed.history_bars("AAPL", "1min", begin, begin + 3600 * SECOND)
            assert rows is not None
            for row in rows:
                minute = (row[0] - begin) // (60 * SECOND)
                assert row[1:7] == (1.5, 4.0, 1.0, 2.0 + minute, 100.0 + minute, 9)
            assert requests[1].query["timeframe"] == "1Min"
            assert requests[1].query["adjustment"] == "raw"
            return [(row[0] - begin) // (60 * SECOND) for row in rows]

    assert asyncio.run(starts(begin + 300 * SECOND)) == [0, 1, 3, 4]
    assert asyncio.run(starts(begin + 300 * SECOND - 1)) == [0, 1, 3]


def test_the_stream_of_tests_has_one_symbol_and_no_history() -> None:
    async def main() -> None:
        async with opened(lambda _: {}, "FAKEPACA", feed="test") as (feed, requests):
            assert await feed.history_bars("FAKEPACA", "1min", START, START + SECOND) is None
            assert await feed.history_trades("FAKEPACA", START, START + SECOND) is None
            assert feed.history_depth("1min") is None
            assert requests == []
        with pytest.raises(mdnb.SymbolError, match="Alpaca does not list 'AAPL'"):
            async with opened(lambda _: {}, "AAPL", feed="test"):
                pass

    asyncio.run(main())
    assert AlpacaFeed("test", **CREDENTIALS).address.url == "wss://stream.data.alpaca.markets/v2/test"


@pytest.mark.parametrize(
    ("status", "body", "words"),
    [
        (403, b'{"message":"forbidden."}', r"'forbidden.'; check the key and the secret \(APCA_API_KEY_ID"),
        (403, b'{"message":"subscription does not permit querying recent SIP data"}', "recent SIP data"),
        (422, b'{"code":42210000,"message":"invalid start"}', "Alpaca says 'invalid start'$"),
    ],
)
def test_a_refusal_is_in_alpacas_words(status: int, body: bytes, words: str) -> None:
    async def main() -> None:
        async with opened(lambda _: HttpAnswer(body, status)) as (feed, _):
            with pytest.raises(FeedRefusedError, match=words):
                await feed.history_trades("AAPL", START, START + SECOND)

    asyncio.run(main())


def test_an_odd_share_in_the_list_costs_itself_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(
        globals(), "ASSETS", [{"symbol": None}, {"symbol": "AAPL", "name": None}, *ASSETS[1:]]
    )

    async def main() -> None:
        async with opened(lambda _: {}) as (feed, _):
            assert feed.instrument("AAPL").description == ""
            assert [one.name for one in await feed.list_symbols()] == ["AAPL", "BRK.B"]

    asyncio.run(main())


def test_a_history_with_an_odd_time_is_refused_and_one_with_nulls_is_not() -> None:
    good: dict[str, Any] = {"t": "2026-03-02T14:00:00Z", "p": 10.5, "s": 1, "i": None, "z": None, "u": None}
    bar: dict[str, Any] = {"t": "2026-03-02T14:00:00Z", "n": None, **dict.fromkeys("ohlcv", 2)}
    odd = {"t": "yesterday"}
    begin = iso_ns("2026-03-02T14:00:00")

    async def main() -> None:
        rows = {"trades": [good], "bars": [bar]}
        async with opened(lambda _: rows) as (feed, _):
            end = begin + 3600 * SECOND
            assert await feed.history_trades("AAPL", begin, end) == [(begin, 10.5, 1.0, 1, 0, -1)]
            bars = await feed.history_bars("AAPL", "1min", begin, end)
            assert bars is not None
            assert bars[0][:7] == (begin, 2.0, 2.0, 2.0, 2.0, 2.0, 0)
            rows |= {"trades": [good, good | odd], "bars": [bar, bar | odd]}
            with pytest.raises(FeedError, match="history is not what was expected: wrong time"):
                await feed.history_trades("AAPL", begin, end)
            with pytest.raises(FeedError, match="history is not what was expected: wrong time"):
                await feed.history_bars("AAPL", "1min", begin, end)

    asyncio.run(main())


# -- the stream ---------------------------------------------------------------------------------------------


class Login:
    """A server that answers each login as told, and a feed's way through it."""

    def __init__(self, *answers: dict[str, Any], most: int = 30) -> None:
        self.heard: list[dict[str, Any]] = []
        self.states: list[tuple[str, str]] = []
        self._answers = list(answers)
        self._most = most

    async def _serve(self, socket: ServerConnection) -> None:
        await socket.send('[{"T":"success","msg":"connected"}]')
        subscribed: set[str] = set()
        async for text in socket:
            asked = json.loads(text)
            self.heard.append(asked)
            if asked["action"] == "auth":
                answer = self._answers.pop(0)
                await socket.send(json.dumps([answer]))
                if answer["T"] == "error":
                    return
                continue
            subscribed |= set(asked["trades"])
            if len(subscribed) > self._most:
                subscribed -= set(asked["trades"])
                await socket.send(json.dumps([error(405, "symbol limit exceeded")]))
            else:
                await socket.send(json.dumps([{"T": "subscription", "trades": sorted(subscribed)}]))

    async def run(self, *symbols: str, **options: Any) -> None:
        """Run a feed until it is connected, or refused for good."""
        up = asyncio.Event()
        understand = decoder("alpaca")

        async def assets(request: HttpRequest) -> HttpAnswer:
            return HttpAnswer(json.dumps(ASSETS).encode())

        async with serve(self._serve, "127.0.0.1", 0) as server, serving(assets) as rest:
            given = CREDENTIALS | {"backoff": Backoff(0.001, 1.0, 0.001)} | options
            port = server.sockets[0].getsockname()[1]
            feed = AlpacaFeed(url=f"ws://127.0.0.1:{port}", rest=rest.url, **given)

            def take(frame: str | bytes) -> None:
                for reply in understand.feed([frame]).replies:
                    feed.on_reply(reply)

            def note(status: str, detail: str) -> None:
                self.states.append((status, detail))
                if status == "connected":
                    up.set()

            if symbols:
                await feed.open(symbols)
            for symbol in symbols:
                await feed.subscribe(symbol, ["trades", "bars"])
            async with asyncio.timeout(LIMIT_SECONDS):
                work = asyncio.create_task(feed.run(take, note))
                waits = asyncio.create_task(up.wait())
                await asyncio.wait({work, waits}, return_when=asyncio.FIRST_COMPLETED)
                waits.cancel()
                await feed.close()
                await work


OK = {"T": "success", "msg": "authenticated"}


def error(code: int, words: str) -> dict[str, Any]:
    return {"T": "error", "code": code, "msg": words}


def test_it_logs_in_before_it_subscribes_to_all_in_one_message() -> None:
    login = Login(OK)
    asyncio.run(login.run("AAPL", "BRK.B"))
    both = ["AAPL", "BRK.B"]
    assert login.heard == [
        {"action": "auth", "key": KEY, "secret": SECRET},
        {"action": "subscribe", "trades": both, "bars": both, "updatedBars": both},
    ]


@pytest.mark.parametrize(
    ("code", "said", "words"),
    [
        (401, "not authenticated", "not logged in; check the key and the secret"),
        (
            402,
            "auth failed",
            r"the login failed; check the key and the secret \(APCA_API_KEY_ID, APCA_API_SECRET",
        ),
        (409, "insufficient subscription", "plan does not have this feed; feed='iex' is free"),
    ],
)
def test_a_login_that_is_refused_ends_it_with_plain_words(code: int, said: str, words: str) -> None:
    login = Login(error(code, said))
    with pytest.raises(FeedRefusedError, match=words) as told:
        asyncio.run(login.run("AAPL"))
    assert f"({code} {said})" in str(told.value)
    assert len(login.heard) == 1


def test_an_error_of_alpacas_own_is_tried_again() -> None:
    login = Login(error(500, "internal error"), OK)
    asyncio.run(login.run())
    assert any("an error of Alpaca's own (500 internal error)" in detail for _, detail in login.states)


def test_a_connection_too_many_is_said_and_tried_again() -> None:
    login = Login(error(406, "connection limit exceeded"), error(406, "connection limit exceeded"), OK)
    asyncio.run(login.run("AAPL"))
    details = [detail for status, detail in login.states if status == "disconnected"]
    assert len(details) == 2
    assert "the account has another connection, and may have no more: close it" in details[0]
    assert login.states[-2][0] == "connected"


def test_more_symbols_than_the_plan_has_are_refused_and_the_others_come() -> None:
    login = Login(OK, most=1)
    asyncio.run(login.run("AAPL", "BRK.B"))
    ((_, detail),) = [state for state in login.states if state[0] == "connected"]
    assert detail.startswith("BRK.B: ")
    assert "30 for trades and quotes of a free one (405 symbol limit exceeded)" in detail
    assert [asked["trades"] for asked in login.heard[1:]] == [["AAPL", "BRK.B"], ["AAPL"], ["BRK.B"]]


def test_there_is_no_book() -> None:
    async def main() -> None:
        async with opened(lambda _: {}) as (feed, _):
            with pytest.raises(FeedRefusedError, match="Alpaca sends no depth, but trades, quotes, bars"):
                await feed.subscribe("AAPL", ["depth"])

    asyncio.run(main())


# -- credentials --------------------------------------------------------------------------------------------


def shown(error: BaseException) -> str:
    """Return tracebacks of an error and of all that led to it, with all variables."""
    parts: list[str] = []
    chain: BaseException | None = error
    while chain is not None:
        parts.append(VerboseTB(theme_name="nocolor").text(type(chain), chain, chain.__traceback__, context=9))
        chain = chain.__cause__ or (None if chain.__suppress_context__ else chain.__context__)
    # This file has the texts as globals, which its own frames show.
    names = f"global KEY = {KEY!r}", f"global SECRET = {SECRET!r}"
    text = "\n".join(parts)
    for name in names:
        text = text.replace(name, "")
    return text


def check_hidden(text: str) -> None:
    assert KEY not in text
    assert SECRET not in text


def test_without_a_key_nothing_is_asked_and_what_to_do_is_said() -> None:
    async def main() -> None:
        feed = make_feed("alpaca://?url=ws://127.0.0.1:9&rest=http://127.0.0.1:9")
        with pytest.raises(FeedRefusedError, match="set APCA_API_KEY_ID and APCA_API_SECRET_KEY"):
            await feed.open(["AAPL"])
        await feed.close()

    asyncio.run(main())


def test_credentials_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("APCA_API_KEY_ID", KEY)
    monkeypatch.setenv("APCA_API_SECRET_KEY", SECRET)
    login = Login(OK)
    asyncio.run(login.run(key=None, secret=None))
    assert login.heard[0] == {"action": "auth", "key": KEY, "secret": SECRET}


def test_credentials_cannot_stand_in_a_feeds_name_nor_be_plain_text() -> None:
    with pytest.raises(FeedError, match="'key' of feed 'alpaca' must be given as an argument"):
        make_feed("alpaca://?key=PK1")
    with pytest.raises(OptionError, match=r"are given as mdnb\.secret\.Secret") as told:
        AlpacaFeed(key=KEY, secret=Secret(SECRET))  # type: ignore[arg-type]
    tb = told.value.__traceback__
    assert tb is not None
    check_hidden(shown(told.value.with_traceback(tb.tb_next)))


def test_a_refused_login_shows_no_credential_in_a_traceback_with_all_variables() -> None:
    login = Login(error(402, "auth failed"))
    with pytest.raises(FeedRefusedError) as told:
        asyncio.run(login.run())
    text = shown(told.value)
    assert "greet" in text
    check_hidden(text)


def test_a_refused_or_broken_history_shows_no_credential_in_a_traceback_with_all_variables() -> None:
    async def main(answer: HttpAnswer) -> FeedError:
        async with opened(lambda _: answer) as (feed, _):
            with pytest.raises(FeedError) as told:
                await feed.history_trades("AAPL", START, START + SECOND)
            return told.value

    for answer in (HttpAnswer(b'{"message":"forbidden."}', 403), HttpAnswer(b"[", 200), HttpAnswer(b"", 301)):
        text = shown(asyncio.run(main(answer)))
        assert "_ask" in text or "_typed" in text
        check_hidden(text)
    # Nobody listens.
    feed = AlpacaFeed(url="ws://127.0.0.1:9", rest="http://127.0.0.1:9", **CREDENTIALS)
    with pytest.raises(FeedError) as told:
        asyncio.run(feed.list_symbols())
    check_hidden(shown(told.value))


def test_logs_at_their_most_talkative_and_the_feed_itself_show_no_credential(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.DEBUG):
        asyncio.run(Login(error(406, "connection limit exceeded"), OK).run("AAPL"))
    # The server's own log has what it was sent.
    told = [record.getMessage() for record in caplog.records if record.name != "websockets.server"]
    assert any("connection limit exceeded" in line for line in told)
    check_hidden("\n".join(told))
    feed = AlpacaFeed(**CREDENTIALS)
    check_hidden(repr(feed) + repr(vars(feed)) + repr(vars(feed.rest)) + str(feed.address))


def test_credentials_do_not_travel_unencrypted() -> None:
    for given in ({"url": "ws://venue.example"}, {"rest": "http://venue.example"}):
        with pytest.raises(FeedError, match="for this machine only"):
            AlpacaFeed(**(CREDENTIALS | given))


@pytest.mark.parametrize("wrong", [{"feed": "crypto"}, {"account": "demo"}])
def test_a_feed_or_account_that_there_is_not_is_refused_with_those_that_there_are(wrong: Any) -> None:
    with pytest.raises(
        OptionError, match="has the feeds iex, sip, test and accounts of the kinds paper, live"
    ):
        AlpacaFeed(**(CREDENTIALS | wrong))
