"""The base of a venue's adapter: a stream, a history over HTTP, symbols, subscriptions in one go."""

from __future__ import annotations

import abc
import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import ClassVar, TypeVar

from mdnb.errors import FeedBusyError, FeedError, FeedRefusedError, OptionError, SymbolError
from mdnb.feeds.base import CHANNELS, Channel
from mdnb.feeds.connection import Endpoint, WebSocketFeed
from mdnb.feeds.endpoint import with_path
from mdnb.feeds.offers import Offers
from mdnb.feeds.rate_limit import RateLimit
from mdnb.feeds.rest import Rest
from mdnb.feeds.symbols import SymbolList, VenueSymbol
from mdnb.feeds.timeouts import Backoff, Liveness, Timeouts, Wall
from mdnb.instruments import Instrument
from mdnb.rows import BarRow, Reply
from mdnb.timeframes import Timeframe

__all__ = ["VenueFeed", "in_one_go"]

_log = logging.getLogger("mdnb.feeds")
_OPENING_ATTEMPTS = 3
_LONG_PAUSE = 5.0

_Answer = TypeVar("_Answer")


class VenueFeed(WebSocketFeed):
    """A venue with a stream over a WebSocket and a history over HTTP.

    An adapter gives the class attributes, and `list_symbols`, `ask_for`, `ask_bars`; where the venue has them
    `history_trades`, `complaint`, and what `WebSocketFeed` asks for. Texts of the venue are known to nobody
    else: its frames are read by the decoder of its ``dialect``.

    Parameters
    ----------
    url, rest
        Where to connect instead of the venue's own addresses: a proxy, a test net, a stand-in. Without TLS on
        this machine only.
    depth
        Levels a side of the order book, one of `depths`; None for `book_levels`.
    backoff, timeouts, wall, liveness
        As `WebSocketFeed` has them.

    Attributes
    ----------
    offers
        What it offers, in words.
    stream_url, rest_url
        The venue's own addresses.
    stream_path
        What is put behind the stream's address, the venue's own or the one given.
    rate_limit
        How often its history may be asked.
    intervals
        Timeframe to the venue's name of it, for each of which its history has bars.
    bars_back
        How many bars of each its history has.
    depths
        How many levels a side of the order book may be asked for, where there is a choice.
    names
        The venue's name of each symbol to the one that it was asked for by.
    rest
        Asks the history.

    Raises
    ------
    OptionError
        When there is no order book of that depth.
    FeedError
        When an address cannot be used.

    Examples
    --------
    A feed whose addresses are others, and what is refused:

    >>> import mdnb
    >>> feed = mdnb.make_feed("kraken://?url=ws://127.0.0.1:9000/v2&rest=http://127.0.0.1:9001")
    >>> isinstance(feed, mdnb.VenueFeed), feed, feed.offers.title
    (True, KrakenFeed(ws://127.0.0.1:9000), 'Kraken')
    >>> mdnb.make_feed("kraken://?url=ws://venue.example")
    Traceback (most recent call last):
        ...
    mdnb.errors.FeedError: plain ws:// is for this machine only; write wss:// for venue.example
    """

    offers: Offers
    stream_url: ClassVar[str]
    stream_path: ClassVar[str] = ""
    rest_url: ClassVar[str]
    rate_limit: ClassVar[RateLimit]
    intervals: ClassVar[Mapping[str, str]] = {}
    bars_back: ClassVar[float] = float("inf")
    depths: ClassVar[tuple[int, ...]] = ()

    def __init__(
        self,
        url: str = "",
        rest: str = "",
        depth: int | None = None,
        *,
        backoff: Backoff | None = None,
        timeouts: Timeouts | None = None,
        wall: Wall | None = None,
        liveness: Liveness | None = None,
    ) -> None:
        super().__init__(backoff, timeouts, wall, liveness)
        self._stream = url or self.stream_url
        self.address = self.stream_at(self.stream_path)
        self.rest = Rest(
            rest or self.rest_url,
            self.rate_limit,
            complaint=self.complaint,
            headers=self.rest_headers,
            secrets=self.secrets,
            timeouts=timeouts,
            wall=wall,
            keyless=self._is_keyless,
        )
        if depth is not None:
            self.book_levels = self._checked_depth(depth)
        self.names: dict[str, str] = {}
        self._listed: SymbolList | None = None
        self._asked: dict[str, VenueSymbol] = {}
        self._opening = asyncio.Lock()

    # -- what an adapter gives --------------------------------------------------------------------------

    @abc.abstractmethod
    async def list_symbols(self) -> list[VenueSymbol]:
        """Ask the venue what it lists."""

    @abc.abstractmethod
    async def ask_for(self, symbols: Sequence[VenueSymbol], channels: Sequence[Channel], *, on: bool) -> None:
        """Subscribe to channels of symbols, or unsubscribe, in as few messages as the venue allows.

        Raises
        ------
        FeedRefusedError
            When the venue says no.
        """

    @abc.abstractmethod
    async def ask_bars(self, symbol: VenueSymbol, interval: str, start_ns: int, end_ns: int) -> list[BarRow]:
        """Return closed bars of one of `intervals` that start in ``[start_ns, end_ns)``, oldest first."""

    def complaint(self, status: int, body: bytes) -> FeedError | None:
        """Return the error that the venue's words in an answer stand for; None where it says none."""
        return None

    def rest_headers(self) -> Mapping[str, str]:
        """Return what each request of the history is sent with, such as credentials; asked each time."""
        return {}

    @property
    def _is_keyless(self) -> bool:
        return self.offers is not None and not self.offers.key

    def _checked_depth(self, depth: int) -> int:
        if depth in self.depths:
            return depth
        if not self.depths:
            raise OptionError(
                f"the depth of {self.offers.title}'s order book is not ours to choose: leave depth out"
            )
        *most, last = map(str, self.depths)
        raise OptionError(
            f"{self.offers.title}'s order book has a depth of {', '.join(most)} or {last}; got {depth!r}"
        )

    # -- Feed -------------------------------------------------------------------------------------------

    async def endpoint(self) -> Endpoint:
        """Return where the stream is."""
        return self.address

    def stream_at(self, path: str) -> Endpoint:
        """Return where the stream is that has a path behind the address of all."""
        return Endpoint(with_path(self._stream, path), public=True, keyless=self._is_keyless)

    def streams(self) -> dict[str, WebSocketFeed]:
        """Return the connections of the feed, each by what it is to be called, such as ``its stream``.

        Each can be run by itself, to see whether it comes about.
        """
        return {"its stream": self}

    async def open(self, symbols: Sequence[str]) -> None:
        """Look the symbols up in the venue's list.

        Raises
        ------
        SymbolError
            When the venue does not list one, or two of them are one.
        FeedError
            When it does not answer, or refuses.
        """
        async with self._opening:
            if self._listed is None:
                self._listed = SymbolList(self.offers.title, await self.at_opening(self.list_symbols))
        for symbol in symbols:
            self.follow(symbol, self._listed.find(symbol))

    def follow(self, symbol: str, found: VenueSymbol) -> None:
        """Let a symbol stand for one that the venue lists, whose frames are then taken for it.

        Raises
        ------
        SymbolError
            When another symbol stands for it.
        """
        other = self.names.setdefault(found.name, symbol)
        if other != symbol:
            raise SymbolError(f"{symbol!r} and {other!r} are one symbol of {self.offers.title}; name it once")
        self._asked[symbol] = found

    async def at_opening(self, ask: Callable[[], Awaitable[_Answer]]) -> _Answer:
        """Ask the venue; three times where it does not answer, or not now."""
        attempt = 0
        while True:
            try:
                answer = await ask()
            except FeedRefusedError:
                raise
            except FeedError as error:
                if attempt + 1 == _OPENING_ATTEMPTS:
                    raise
                named = error.retry_after if isinstance(error, FeedBusyError) else 0.0
                pause = max(named, self.backoff.delay(attempt, self._wall.dice()))
                self.why_not_open = str(error)
                if pause >= _LONG_PAUSE:
                    # Nobody should sit before it without a word.
                    self.why_not_open += f", to be asked again in {pause:.0f} s"
                    _log.warning("%s: %s", self.offers.title, self.why_not_open)
                await self._wall.sleep(pause)
            else:
                self.why_not_open = ""
                return answer
            attempt += 1

    async def close(self) -> None:
        """Close the stream and the connections of the history; calling it again does nothing."""
        await super().close()
        await self.rest.close()

    def instrument(self, symbol: str) -> Instrument:
        """Return what the venue lists of the symbol."""
        return self.listed(symbol).instrument(symbol)

    def listed(self, symbol: str) -> VenueSymbol:
        """Return a symbol as the venue lists it.

        Raises
        ------
        SymbolError
            When it was not opened.
        """
        if symbol not in self._asked:
            raise SymbolError(
                f"{symbol!r} was not opened at {self.offers.title}: await feed.open([{symbol!r}])"
            )
        return self._asked[symbol]

    def own_bars(self, symbol: str) -> tuple[str, ...]:
        """Return the timeframes of which the venue's own bars are subscribed on channel ``bars``."""
        return self.offers.bars

    def history_depth(self, timeframe: str) -> float | None:
        """Return how many seconds back there are bars of a timeframe."""
        if timeframe not in self.intervals:
            return None
        return self.bars_back * Timeframe.parse(timeframe).seconds

    async def history_bars(
        self, symbol: str, timeframe: str, start_ns: int, end_ns: int
    ) -> list[BarRow] | None:
        """Return the venue's closed bars that start in ``[start_ns, end_ns)``, oldest first.

        Raises
        ------
        FeedError
            When the venue does not answer, or refuses.
        """
        interval = self.intervals.get(timeframe)
        if interval is None:
            return None
        rows = await self.ask_bars(self.listed(symbol), interval, start_ns, end_ns)
        return [row for row in rows if start_ns <= row[0] < end_ns]

    def closed_before(self, end_ns: int, step_ns: int) -> int:
        """Return before when bars of a length start that are closed and start before ``end_ns``.

        By the market's clock, for venues that do not say which bar is being made.
        """
        return min(end_ns, self.clock.now_ns() - step_ns + 1)

    def hide(self, text: str) -> str:
        """Return what the venue says without what may be a credential of ours, of its history either."""
        return self.rest.hide(self.address.hide(super().hide(text)))

    def quotable(self) -> Sequence[str]:
        """Return what the venue may quote of our credentials, those of its addresses as well."""
        return [*super().quotable(), *self.address.tokens, *self.rest.tokens]

    def on_stray_reply(self, reply: Reply) -> None:
        """Tell of a refusal that nobody waits for."""
        if not reply.ok:
            _log.warning("%s refused something: %s", self.offers.title, reply.error)

    # -- subscriptions ----------------------------------------------------------------------------------

    async def subscribe(self, symbol: str, channels: Sequence[Channel]) -> None:
        """Subscribe to channels of a symbol, also after reconnects.

        Raises
        ------
        FeedRefusedError
            When the venue has no such channel, or says no.
        """
        lacking = [channel for channel in channels if channel in self.lacks]
        if lacking:
            has = ", ".join(channel for channel in CHANNELS if channel not in self.lacks)
            raise FeedRefusedError(f"{self.offers.title} sends no {' and no '.join(lacking)}, but {has}")
        await super().subscribe(symbol, channels)

    async def send_subscribe(self, symbol: str, channels: Sequence[Channel]) -> None:
        """Subscribe to channels of a symbol."""
        await self.ask_for([self.listed(symbol)], channels, on=True)

    async def send_unsubscribe(self, symbol: str, channels: Sequence[Channel]) -> None:
        """Unsubscribe from channels of a symbol."""
        await self.ask_for([self.listed(symbol)], channels, on=False)

    async def send_subscriptions(self, wanted: Mapping[str, tuple[Channel, ...]]) -> list[str]:
        """Subscribe to all that is wanted, symbols of the same channels in one go; return refusals."""

        async def ask(symbols: Sequence[str], channels: Sequence[Channel]) -> None:
            await self.ask_for([self.listed(symbol) for symbol in symbols], channels, on=True)

        return await in_one_go(wanted, ask, super().send_subscriptions)

    def __repr__(self) -> str:
        # In a traceback with variables it is shown before it has an address.
        return f"{type(self).__name__}({getattr(self, 'address', '')})"


async def in_one_go(
    wanted: Mapping[str, tuple[Channel, ...]],
    ask: Callable[[Sequence[str], Sequence[Channel]], Awaitable[None]],
    one_by_one: Callable[[Mapping[str, tuple[Channel, ...]]], Awaitable[list[str]]],
) -> list[str]:
    """Subscribe to all that is wanted, symbols of the same channels in one go; return refusals.

    Parameters
    ----------
    wanted
        Channels by symbol.
    ask
        Subscribes symbols to channels.
    one_by_one
        Does so where the venue refused all of them, and returns what is refused.
    """
    alike: dict[tuple[Channel, ...], list[str]] = {}
    for symbol, channels in wanted.items():
        alike.setdefault(channels, []).append(symbol)
    refused = []
    for channels, symbols in alike.items():
        try:
            await ask(symbols, channels)
        except FeedRefusedError:
            # Which of them it was, the venue may not say.
            refused += await one_by_one(dict.fromkeys(symbols, channels))
    return refused
