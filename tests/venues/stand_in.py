"""A venue's stand-in: its stream and its HTTP interface on real sockets, one tape behind both.

What a venue writes is a `VenueDialect` of some sixty lines; `tests.venues.faulty_server` plays the tape, with
faults, and what the history is asked goes through the same faults.
"""

from __future__ import annotations

import abc
import json
import ssl
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from mdnb.clock import EventClock
from mdnb.feeds.timeouts import Backoff, Liveness
from mdnb.feeds.venue import VenueFeed
from mdnb.rows import BarRow, TradeRow
from tests.venues.bars import bars_of
from tests.venues.faults import Fault
from tests.venues.faulty_server import Dialect, FaultyServer, Question
from tests.venues.rest_server import HttpAnswer, HttpRequest, RestServer

__all__ = ["BOOK", "SECOND", "START", "StandIn", "VenueDialect", "changed_book", "tape_of", "written"]

SECOND = 1_000_000_000
START = 1_772_460_000 * SECOND
BOOK = (((30_000.0, 1.5), (29_999.75, 0.25)), ((30_000.25, 2.0), (30_001.0, 0.125)))
"""The order book that the history tells: bids, then asks, best first."""


def tape_of(
    before: int, live: int, apart: float = 5.0, live_apart: float = 0.05, start_ns: int = START
) -> list[TradeRow]:
    """Return trades with ids from ``first_id`` on: so many before a client comes, and so many live.

    Parameters
    ----------
    apart, live_apart
        Seconds between two of them; whole milliseconds.
    """
    out: list[TradeRow] = []
    at = start_ns
    for number in range(before + live):
        price = 30_000.0 + 0.25 * ((number * 7) % 41 - (number * 3) % 17)
        out.append((at, price, 0.125 * (1 + number % 5), 1, 1 if number % 3 else -1, 1 + number))
        at += round((apart if number < before else live_apart) * 1000) * 1_000_000
    return out


def changed_book(at: int) -> tuple[tuple[float, float], list[tuple[float, float]], list[tuple[float, float]]]:
    """Return the bid that the last of so many trades changed, and all bids and asks after it, best first.

    Of five bids each trade changes the next one: what a lost change leaves wrong stays so for a while.
    """
    sizes = {30_000.0 - 0.25 * (place % 5): float(1 + place) for place in range(max(0, at - 5), at + 1)}
    bids = sorted(sizes.items(), reverse=True)
    price = 30_000.0 - 0.25 * (at % 5)
    return (price, sizes[price]), bids, list(BOOK[1])


class VenueDialect(Dialect):
    """How a venue's stream and its HTTP interface write things.

    Attributes
    ----------
    adapter
        The feed that is to understand it.
    name
        The feed's name.
    symbol, other
        Two symbols that it lists, as users write them.
    timeframes
        Three of which its history has bars.
    connections
        How many a feed holds that has all it wants.
    now_ns
        The venue's time when it was asked last.
    unlisted
        One that it does not list, and that is near to one that it does.
    tick_size
        Of the symbol, as it lists it.
    options
        What the feed is given besides.
    has_trades_history
        Whether trades that were missed can be had again.
    symbols_a_message
        How many it lets subscribe at once.
    nothing_here
        Its answer to who asks for a page that there is not.
    has_tokens
        Whether who logs in gets a token that may expire.
    """

    adapter: ClassVar[type[VenueFeed]]
    name: ClassVar[str]
    symbol: ClassVar[str] = "BTC/USD"
    other: ClassVar[str] = "ETH/USD"
    timeframes: ClassVar[tuple[str, ...]] = ("1min", "5min", "1hour")
    has_trades_history: ClassVar[bool] = True
    connections: ClassVar[int] = 1
    now_ns: int = START
    unlisted: ClassVar[str] = "BTC/UST"
    tick_size: ClassVar[float | None] = 0.25
    symbols_a_message: ClassVar[int] = 100
    has_tokens: ClassVar[bool] = False
    nothing_here: ClassVar[bytes] = b"{}"
    options: ClassVar[Mapping[str, Any]] = {}

    @abc.abstractmethod
    def asked(self, request: HttpRequest) -> Question | HttpAnswer | bytes | None:
        """Return what a request asks for; bytes are an answer as it stands, None is 404."""

    @abc.abstractmethod
    def trades_body(self, question: Question, rows: Sequence[TradeRow], *, more: bool) -> bytes:
        """Return a page of trades."""

    @abc.abstractmethod
    def bars_body(self, question: Question, bars: Sequence[BarRow], now_ns: int) -> bytes:
        """Return a page of bars; the one that is being made may be among them, where the venue gives it."""

    def trade_id(self, number: int) -> str:
        """Return how the venue names a trade of the tape."""
        return str(number)

    def refusal_answer(self, status: int, retry_after: float | None) -> HttpAnswer:
        """Return a refusal of the history."""
        headers = {} if retry_after is None else {"Retry-After": f"{retry_after:g}"}
        return HttpAnswer(b"later", status, headers)


class StandIn:
    """A venue's stream and history, on two ports of this machine.

    Parameters
    ----------
    dialect
        How it writes.
    tape
        Its trades.
    faults
        What goes wrong.
    begun
        How many trades have been when it is opened.
    stream_tls, rest_tls
        What its two ports have of TLS; by default none.

    Attributes
    ----------
    stream
        Plays the tape.
    rest
        Answers requests.
    refusing
        With which HTTP status all requests are refused; 0: none is.
    """

    def __init__(
        self,
        dialect: VenueDialect,
        tape: Sequence[TradeRow],
        faults: Sequence[Fault] = (),
        *,
        begun: int = 0,
        pace: float = 0.001,
        stream_tls: ssl.SSLContext | None = None,
        rest_tls: ssl.SSLContext | None = None,
    ) -> None:
        self.dialect = dialect
        self.refusing = 0
        self.stream = FaultyServer(dialect, tape, faults, pace, begun, stream_tls)
        self.tape = self.stream.tape
        self.rest = RestServer(self._answer, rest_tls)

    @property
    def now_ns(self) -> int:
        """The venue's time: that of the trade that comes next."""
        return self.tape[min(self.stream.at, len(self.tape) - 1)][0]

    async def listen(self) -> None:
        """Accept clients."""
        await self.stream.listen()
        await self.rest.listen()

    async def close(self) -> None:
        """Accept nobody."""
        await self.stream.close()
        await self.rest.close()

    def feed(self, **options: Any) -> VenueFeed:
        """Return a feed that connects here, impatient, and whose time is that of the tape."""
        given: dict[str, Any] = {
            "backoff": Backoff(0.001, 1.0, 0.001),
            "liveness": Liveness(self.dialect.adapter.liveness.signs, stale_seconds=0.2, dead_seconds=0.4),
        }
        made = self.dialect.adapter(
            url=self.stream.url, rest=self.rest.url, **(given | self.dialect.options | options)
        )
        made.rest.limiter.limit = type(made.rest.limiter.limit)(10**6, 1.0)
        made.rest.ban_seconds = 0.01
        made.clock = EventClock(self.now_ns)
        return made

    async def _answer(self, request: HttpRequest) -> HttpAnswer:
        if self.refusing:
            return HttpAnswer(b"no", self.refusing)
        self.dialect.now_ns = self.now_ns
        question = self.dialect.asked(request)
        if question is None:
            return HttpAnswer(self.dialect.nothing_here, 404)
        if isinstance(question, HttpAnswer):
            return question
        if isinstance(question, bytes):
            return HttpAnswer(question)
        refused = await self.stream.hear(question)
        if refused is not None:
            return self.dialect.refusal_answer(refused.status, refused.retry_after)
        if not question.bar_seconds:
            rows, more = self.stream.rows(question)
            return HttpAnswer(self.dialect.trades_body(question, rows, more=more))
        bars = [
            bar
            for bar in bars_of(self.tape[: self.stream.at], question.bar_seconds)
            if question.start_ns <= bar[0] < question.end_ns
        ]
        bars = bars[-question.limit :] if question.newest else bars[: question.limit]
        return HttpAnswer(self.dialect.bars_body(question, bars, self.now_ns))


def written(value: object) -> bytes:
    """Return JSON as venues write it, without blanks."""
    return json.dumps(value, separators=(",", ":")).encode()
