"""Any venue of ccxt.pro, by ccxt's own client: ``ccxt:bybit``. Needs the extra ``ccxt``.

Sources: docs.ccxt.com, and the installed source of ccxt 4.5.

* What ccxt gives becomes frames of mdnb's own protocol (`mdnb.decode.wire`).
* ccxt keeps the newest trades of a symbol until they are asked for, and forgets older ones without a word. So
  many that some may be among these count as an outage: the history is asked, or the gap is told.
* Ids are the venue's where they are whole numbers, else 63 bits of a hash of their text: they only differ.
* ccxt asks for pongs as often as suits the venue, and connects anew when it is asked for the next data.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import hashlib
import importlib
import importlib.util
import json
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any, ClassVar

from mdnb.errors import FeedBusyError, FeedError, FeedRefusedError, MissingExtraError, SymbolError, suggest
from mdnb.feeds.base import Channel, Feed, OnFrame, OnStatus, check_channels, feed_error
from mdnb.feeds.endpoint import why_lost
from mdnb.feeds.intervals import COMMON_INTERVALS
from mdnb.feeds.offers import Offers
from mdnb.feeds.paging import Page, collect
from mdnb.feeds.symbols import SymbolList, VenueSymbol
from mdnb.feeds.timeouts import Backoff, Liveness, Wall
from mdnb.instruments import Instrument
from mdnb.rows import BarRow, TradeRow, shortened
from mdnb.venue_fields import MAX_NS, UnusableError, iso_ns

__all__ = ["CcxtFeed", "trade_id"]

_MS = 1_000_000
_LOOK_SECONDS = 0.1
_UNSUBSCRIBE_SECONDS = 5.0
_BEAT_SECONDS = 20.0
# ccxt does not tell when a venue has taken a subscription: the first data show it, or so long a while.
_SUBSCRIBED_SECONDS = 2.0
# Of ccxt's precisionMode.
_DECIMAL_PLACES, _TICK_SIZE = 2, 4
_TRADES_KEPT = 10_000
_USUAL_KEPT = 1000
_BEFORE_NS = 60 * 1_000_000_000
_METHODS: dict[Channel, tuple[str, ...]] = {
    "trades": ("watchTrades",),
    "quotes": ("watchBidsAsks", "watchTicker"),
    "depth": ("watchOrderBook",),
}


class CcxtFeed(Feed):
    """A venue of ccxt.pro.

    Parameters
    ----------
    venue
        Its name in ccxt, as ``bybit``.
    depth
        How many levels a side of the order book are kept.
    client
        A client of ccxt.pro made by the caller, with proxies or options of its own; closed with the feed.
    backoff, wall
        How long to wait after a failure, and by which clock.
    liveness
        After how many seconds without a message of the venue it counts as stale, and as dead; by default, so
        much later than ccxt asks it for one.

    Raises
    ------
    MissingExtraError
        When ccxt is not installed.

    Examples
    --------
    A client with options of the venue's own::

        client = ccxt.pro.bybit({"options": {"defaultType": "swap"}})
        live = mdnb.live("BTC/USDT:USDT", feed=CcxtFeed("bybit", client=client))
    """

    offers = Offers(title="ccxt", history="what ccxt has of the venue", binder=False)
    ids = "unique"
    intervals: ClassVar[Mapping[str, str]] = {**COMMON_INTERVALS, "6hour": "6h"}

    def __init__(
        self,
        venue: str,
        depth: int = 20,
        *,
        client: object | None = None,
        backoff: Backoff | None = None,
        wall: Wall | None = None,
        liveness: Liveness | None = None,
    ) -> None:
        super().__init__()
        if importlib.util.find_spec("ccxt") is None:
            raise MissingExtraError(
                f"the feed 'ccxt:{venue}' needs ccxt, which is not installed: pip install 'mdnb[ccxt]'"
            )
        self.venue = venue
        self._call_it(venue)
        self.book_levels = depth
        self.lacks = frozenset({"bars"})
        self._patience = liveness
        self.liveness = liveness or self.liveness
        self.backoff = backoff or Backoff()
        self._wall = wall or Wall()
        self._client: Any = client
        self._errors: Any = None
        self._listed: SymbolList | None = None
        self._asked: dict[str, VenueSymbol] = {}
        self._wanted: dict[tuple[str, Channel], asyncio.Task[None] | None] = {}
        self._on_frame: OnFrame | None = None
        self._on_status: OnStatus | None = None
        self._ended: asyncio.Future[None] | None = None
        self._is_closed = self._is_up = self._is_stale = False
        self._known: list[Any] = []
        self._open_since: float | None = None
        self._heard: set[tuple[str, Channel]] = set()
        self._outages = 0
        self._opening = asyncio.Lock()

    # -- symbols ----------------------------------------------------------------------------------------

    async def open(self, symbols: Sequence[str]) -> None:
        """Ask the venue what it lists, and look the symbols up.

        Raises
        ------
        SymbolError
            When it does not list one, or two of them are one.
        FeedError
            When ccxt has no such venue, or the venue does not answer or refuses.
        """
        async with self._opening:
            if self._listed is None:
                self._listed = await self._load()
        for symbol in symbols:
            found = self._listed.find(symbol)
            others = [
                other for other, one in self._asked.items() if one.name == found.name and other != symbol
            ]
            if others:
                raise SymbolError(f"{symbol!r} and {others[0]!r} are one symbol of {self!r}; name it once")
            self._asked[symbol] = found

    async def _load(self) -> SymbolList:
        # Takes seconds, and would hold up everything else on this loop.
        pro = await asyncio.to_thread(importlib.import_module, "ccxt.pro")
        self._errors = importlib.import_module("ccxt.base.errors")
        if self._client is None:
            if self.venue not in pro.exchanges:
                raise FeedError(f"ccxt.pro has no venue {self.venue!r}. {suggest(self.venue, pro.exchanges)}")
            self._client = getattr(pro, self.venue)({"newUpdates": True})
            self._client.options["tradesLimit"] = _TRADES_KEPT
        self._call_it(self._client.name)
        markets = await self._ask(self._client.load_markets())
        missing = {channel for channel in _METHODS if self._method(channel) is None}
        self.lacks |= missing
        self.has_trades = "trades" not in missing
        beat = max(self._client.safe_integer(self._client.streaming, "keepAlive", 0) / 1e3, _BEAT_SECONDS)
        self.liveness = self._patience or Liveness("frames", stale_seconds=1.5 * beat, dead_seconds=3 * beat)
        mode = self._client.precisionMode
        listed = [_symbol(market, mode) for market in markets.values() if market.get("active") is not False]
        return SymbolList(self.venue, listed)

    def _call_it(self, venue: str) -> None:
        self.offers = dataclasses.replace(CcxtFeed.offers, title=f"{venue} (ccxt)")

    def _method(self, channel: Channel) -> str | None:
        """Return by which of ccxt's methods a channel is had of this venue; None where by none."""
        return next((method for method in _METHODS[channel] if self._client.has.get(method)), None)

    def instrument(self, symbol: str) -> Instrument:
        """Return what the venue lists of the symbol."""
        return self._listed_as(symbol).instrument(symbol)

    def _listed_as(self, symbol: str) -> VenueSymbol:
        if symbol not in self._asked:
            raise SymbolError(f"{symbol!r} was not opened at {self!r}: await feed.open([{symbol!r}])")
        return self._asked[symbol]

    # -- the stream -------------------------------------------------------------------------------------

    async def run(self, on_frame: OnFrame, on_status: OnStatus) -> None:
        """Deliver frames until `close` is called; survive disconnects.

        Raises
        ------
        FeedRefusedError
            When the venue refuses for good.
        FeedError
            When it runs already, or something fails that is no disconnect.
        """
        if self._is_closed:
            on_status("closed", "closed before it ran")
            return
        if self._ended is not None:
            raise FeedError(f"this {self!r} is running already")
        self._on_frame, self._on_status = on_frame, on_status
        self._ended = asyncio.get_running_loop().create_future()
        on_status("connecting", repr(self))
        for key in self._wanted:
            self._wanted[key] = self._begin(*key)
        looking = asyncio.create_task(self._look())
        looking.add_done_callback(self._end_with)
        detail = ""
        try:
            await asyncio.shield(self._ended)
        except FeedError as error:
            detail = str(error)
            raise
        finally:
            looking.cancel()
            await self._stop(list(self._wanted))
            on_status("closed", detail)

    async def subscribe(self, symbol: str, channels: Sequence[Channel]) -> None:
        """Ask ccxt for channels of a symbol from now on, also after reconnects; it does not say when it has.

        Raises
        ------
        FeedRefusedError
            When ccxt has no such channel of this venue.
        """
        for channel in check_channels(channels):
            if channel in self.lacks:
                raise FeedRefusedError(f"ccxt has no {channel} of {self.venue}")
            self._listed_as(symbol)
            if (symbol, channel) not in self._wanted:
                running = self._ended is not None and not self._ended.done()
                self._wanted[symbol, channel] = self._begin(symbol, channel) if running else None

    async def unsubscribe(self, symbol: str, channels: Sequence[Channel]) -> None:
        """Ask for channels of a symbol no more."""
        await self._stop([(symbol, channel) for channel in check_channels(channels)])
        for channel in channels:
            self._wanted.pop((symbol, channel), None)
            method = self._method(channel) if self._client is not None and channel in _METHODS else None
            stop = f"un{method[0].upper()}{method[1:]}" if method else ""
            if self._client is not None and self._client.has.get(stop):
                name = self._listed_as(symbol).name
                # Its data comes on otherwise, to nobody; an answer is not waited for for long.
                with contextlib.suppress(self._errors.BaseError, TimeoutError):
                    async with asyncio.timeout(_UNSUBSCRIBE_SECONDS):
                        await getattr(self._client, _snake(stop))(
                            [name] if stop == "unWatchBidsAsks" else name
                        )

    async def close(self) -> None:
        """End `run` and close ccxt's connections; calling it again does nothing."""
        self._is_closed = True
        if self._ended is not None and not self._ended.done():
            self._ended.set_result(None)
        await self._stop(list(self._wanted))
        client, self._client = self._client, None
        if client is not None:
            await client.close()

    def silent_seconds(self) -> float:
        """Return the seconds since the last message or pong; infinity while there is no connection."""
        signs = [
            sign
            for one in self._connections()
            for sign in (one.last_message_at, one.lastPong, one.connectionEstablished)
            if sign
        ]
        if not self._is_up or not signs:
            return float("inf")
        return float(max(self._client.milliseconds() - max(signs), 0)) / 1e3

    def _begin(self, symbol: str, channel: Channel) -> asyncio.Task[None]:
        task = asyncio.create_task(self._watch(symbol, channel))
        task.add_done_callback(self._end_with)
        return task

    async def _stop(self, keys: Sequence[tuple[str, Channel]]) -> None:
        tasks = [task for key in keys if (task := self._wanted.get(key)) is not None and not task.done()]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    def _end_with(self, task: asyncio.Task[None]) -> None:
        """End `run` with what a part of it has failed with."""
        error = None if task.cancelled() else task.exception()
        if error is not None and self._ended is not None and not self._ended.done():
            self._ended.set_exception(feed_error(error))

    async def _watch(self, symbol: str, channel: Channel) -> None:
        kinds: dict[Channel, Callable[[str, str], Coroutine[Any, Any, None]]] = {
            "trades": self._next_trades,
            "quotes": self._next_quote,
            "depth": self._next_book,
        }
        next_of, name, attempt = kinds[channel], self._listed_as(symbol).name, 0
        while True:
            try:
                await next_of(symbol, name)
                attempt = 0
            except self._errors.OperationFailed as error:
                self._lose(f"{type(error).__name__}: {shortened(str(error))}")
                await self._wall.sleep(self.backoff.delay(attempt, self._wall.dice()))
                attempt += 1
            except self._errors.BaseError as error:
                raise self._failure(error) from error

    async def _next_trades(self, symbol: str, name: str) -> None:
        trades = await self._client.watch_trades(name)
        rows = [_trade(trade) for trade in trades if trade["symbol"] == name]
        if len(trades) >= self._client.safe_integer(self._client.options, "tradesLimit", _USUAL_KEPT):
            self._lose(f"so many trades of {symbol} came at once that ccxt forgot some")
        if rows:
            self._give("trades", {"e": "trades", "s": symbol, "r": rows})

    async def _next_quote(self, symbol: str, name: str) -> None:
        if self._method("quotes") == "watchBidsAsks":
            found = await self._client.watch_bids_asks([name])
            ticker = found.get(name)
        else:
            ticker = await self._client.watch_ticker(name)
        if ticker and (ticker.get("bid") is not None or ticker.get("ask") is not None):
            sides = [ticker.get(field) for field in ("bid", "bidVolume", "ask", "askVolume")]
            row = [(ticker.get("timestamp") or 0) * _MS, *sides]
            self._give("quotes", {"e": "quotes", "s": symbol, "r": [row]})

    async def _next_book(self, symbol: str, name: str) -> None:
        book = await self._client.watch_order_book(name)
        at = book.get("timestamp")
        bids, asks = ([level[:2] for level in book[side][: self.book_levels]] for side in ("bids", "asks"))
        moment = at * _MS if at else self.clock.now_ns()
        frame = {"e": "depth", "s": symbol, "t": moment, "snap": True, "b": bids, "a": asks}
        self._give("depth", frame)

    def _give(self, channel: Channel, frame: Mapping[str, Any]) -> None:
        # Before its first data: what was missed is before these.
        self._compare()
        if self._open_since is not None:
            self._heard.add((frame["s"], channel))
            self._compare()
        assert self._on_frame is not None
        self._on_frame(json.dumps(frame, separators=(",", ":")))

    # -- the connection ---------------------------------------------------------------------------------

    def _connections(self) -> list[Any]:
        return [] if self._client is None else list(self._client.clients.values())

    async def _look(self) -> None:
        """See whether ccxt's connections are there, and alive, of which it tells nobody."""
        while True:
            self._compare()
            if self._is_up and self._wanted:
                self._judge(self.silent_seconds())
            await self._wall.sleep(_LOOK_SECONDS)

    def _compare(self) -> None:
        """Tell of connections that went, also of one that ccxt has replaced already, and of new ones."""
        connections = self._connections()
        closed = any(one.closed() for one in connections)
        if closed or not all(any(one is other for other in connections) for one in self._known):
            self._lose("the connection was closed")
        self._known = connections
        if closed or (self._wanted and not connections):
            self._open_since = None
            return
        now = self._wall.monotonic()
        if self._open_since is None:
            self._open_since = now
        if self._heard >= self._wanted.keys() or now - self._open_since >= _SUBSCRIBED_SECONDS:
            self._rise()

    def _judge(self, silent: float) -> None:
        """Tell of a stream that is stale or alive again, and drop one that is dead."""
        if silent >= self.liveness.dead_seconds:
            error = self._errors.RequestTimeout(f"no message for {silent:.1f} s: connection dropped")
            for one in self._connections():
                one.on_error(error)
        elif silent >= self.liveness.stale_seconds and not self._is_stale:
            self._is_stale = True
            self._say("stale", f"no message for {silent:.1f} s")
        elif self._is_stale and silent < self.liveness.stale_seconds:
            self._is_stale = False
            self._say("connected", "alive again")

    def _rise(self) -> None:
        if not self._is_up:
            self._is_up = True
            self._say("reconnected" if self._outages else "connected", "")

    def _lose(self, why: str) -> None:
        if self._is_up:
            self._is_up = self._is_stale = False
            self._heard.clear()
            self._open_since = None
            self._outages += 1
            self._say("disconnected", why)

    def _say(self, status: str, detail: str) -> None:
        assert self._on_status is not None
        self._on_status(status, detail)

    # -- the history ------------------------------------------------------------------------------------

    def history_depth(self, timeframe: str) -> float | None:
        """Return infinity for timeframes that the venue has bars of: ccxt does not say how far they reach."""
        known = self._client is not None and self._client.has.get("fetchOHLCV")
        has = known and self.intervals.get(timeframe) in (self._client.timeframes or {})
        return float("inf") if has else None

    async def history_bars(
        self, symbol: str, timeframe: str, start_ns: int, end_ns: int
    ) -> list[BarRow] | None:
        """Return the venue's closed bars that start in ``[start_ns, end_ns)``, oldest first.

        Raises
        ------
        FeedError
            When the venue does not answer, or refuses.
        """
        if not self.history_depth(timeframe):
            return None
        name, interval = self._listed_as(symbol).name, self.intervals[timeframe]
        step = self._client.parse_timeframe(interval) * 1000
        now = self.clock.now_ns() // _MS
        reach = min(-(-end_ns // _MS), now)

        async def ask(since: int) -> Page[list[Any], int]:
            rows = await self._ask(self._client.fetch_ohlcv(name, interval, since))
            is_last = not rows or rows[-1][0] + step >= reach or rows[-1][0] < since
            return Page(rows, None if is_last else rows[-1][0] + 1)

        rows = await collect(ask, -(-start_ns // _MS), key=lambda row: row[0], on_page=self.on_page)
        closed = [row for row in rows if row[0] + step <= now or row[0] < rows[-1][0]]
        bars = [_bar(row) for row in closed]
        return [bar for bar in bars if start_ns <= bar[0] < end_ns]

    async def history_trades(self, symbol: str, start_ns: int, end_ns: int) -> list[TradeRow] | None:
        """Return the trades of ``[start_ns, end_ns)``, oldest first; None where the venue has none for all.

        Raises
        ------
        FeedRefusedError
            When trades that an outage cost are asked for, and the venue's newest ones do not show that they
            reach back to it.
        FeedError
            When the venue does not answer, or refuses.
        """
        if not self._client.has.get("fetchTrades"):
            return None
        name = self._listed_as(symbol).name
        seen: set[tuple[int, int]] = set()

        async def ask(since: int) -> Page[TradeRow, int]:
            found = await self._ask(self._client.fetch_trades(name, since))
            rows = sorted((_trade(trade) for trade in found), key=lambda row: row[0])
            # Some venues give their newest ones, whatever they are asked for.
            is_last = not {(row[0], row[5]) for row in rows} - seen or rows[-1][0] >= end_ns
            seen.update((row[0], row[5]) for row in rows)
            at = rows[-1][0] // _MS if rows else since
            return Page(rows, None if is_last else at + (at == since))

        before = _BEFORE_NS if self._outages else 0
        first = max((start_ns - before) // _MS, 0)
        try:
            rows = await collect(ask, first, key=lambda row: (row[0], row[5]), on_page=self.on_page)
        except FeedRefusedError as error:
            if not isinstance(error.__cause__, self._not_for_all):
                raise
            return None
        if self._outages and not (rows and rows[0][0] <= start_ns):
            raise FeedRefusedError(f"the trades that {self.venue} has do not show that none is missing")
        return [row for row in rows if start_ns <= row[0] < end_ns]

    async def _ask(self, question: Coroutine[Any, Any, Any]) -> Any:
        try:
            return await question
        except self._errors.BaseError as error:
            raise self._failure(error) from error

    def _failure(self, error: Exception) -> FeedError:
        """Return an error of ccxt as one of ours."""
        words = f"{self.venue}: {type(error).__name__}: {shortened(str(error))}"
        named = self._errors
        if (lost := _lost(error)) is not None:
            return FeedError(f"{words}: {why_lost(lost)}")
        if isinstance(error, self._not_for_all):
            return FeedRefusedError(words)
        if isinstance(error, (named.RateLimitExceeded, named.DDoSProtection, named.ExchangeNotAvailable)):
            return FeedBusyError(words, 0.0)
        return FeedError(words) if isinstance(error, named.OperationFailed) else FeedRefusedError(words)

    @property
    def _not_for_all(self) -> tuple[type[Exception], ...]:
        """What ccxt raises where the venue wants a key, or does not offer this at all."""
        named = self._errors
        return named.ArgumentsRequired, named.AuthenticationError, named.NotSupported

    def __repr__(self) -> str:
        return f"CcxtFeed({self.venue!r})"


def _lost(error: Exception) -> OSError | None:
    """Return why there was no connection, which ccxt keeps as the cause; None of other errors."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, OSError) and not isinstance(cause.__cause__, OSError):
            # Of an answer that takes too long ccxt's own name says enough.
            return None if isinstance(cause, TimeoutError) else cause
        cause = cause.__cause__
    return None


def trade_id(text: str | None) -> int:
    """Return a venue's id of a trade as a whole number; -1 where it has none.

    Two texts have the same one with a probability of about n**2 / 2**64.

    Examples
    --------
    >>> trade_id("4665906"), trade_id(None), trade_id("5f2c-11") == trade_id("5f2c-11")
    (4665906, -1, True)
    """
    if not text:
        return -1
    if text.isascii() and text.isdigit() and len(text) <= 19 and int(text) <= MAX_NS:
        return int(text)
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest()) >> 1


def _trade(trade: Mapping[str, Any]) -> TradeRow:
    side = {"buy": 1, "sell": -1}.get(trade.get("side") or "", 0)
    return _moment(trade), float(trade["price"]), float(trade["amount"]), 1, side, trade_id(trade.get("id"))


def _moment(trade: Mapping[str, Any]) -> int:
    """Return when a trade was made: finer than ccxt's milliseconds where its words for them are."""
    rough = int(trade["timestamp"]) * _MS
    try:
        exact = iso_ns(trade.get("datetime") or "")
    except UnusableError:
        return rough
    return exact if 0 <= exact - rough < _MS else rough


def _bar(row: Sequence[Any]) -> BarRow:
    at, opened, high, low, close, volume = row[:6]
    prices = float(opened), float(high), float(low), float(close)
    return int(at) * _MS, *prices, float(volume or 0.0), 0, float("nan")


def _symbol(market: Mapping[str, Any], mode: int) -> VenueSymbol:
    name = str(market["symbol"])
    steps = {kind: _step(value, mode) for kind, value in (market.get("precision") or {}).items()}
    return VenueSymbol(
        name,
        market["base"],
        market["quote"],
        steps.get("price"),
        steps.get("amount"),
        settle=market.get("settle") or "",
        expiry=name.partition(":")[2].partition("-")[2],
    )


def _step(precision: float | None, mode: int) -> float | None:
    """Return the smallest step that a precision of ccxt stands for; None where it depends on the price."""
    if precision is None or mode not in (_DECIMAL_PLACES, _TICK_SIZE):
        return None
    return 10.0**-precision if mode == _DECIMAL_PLACES else float(precision)


def _snake(method: str) -> str:
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in method)
