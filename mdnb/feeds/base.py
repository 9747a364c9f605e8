"""The interface of every feed: a source of raw frames, and of history where it has any."""

from __future__ import annotations

import abc
import types
from collections.abc import Callable, Mapping, Sequence
from typing import Literal

from mdnb.clock import Clock, MarketClock
from mdnb.errors import FeedError, MdnbError, OptionError, suggest
from mdnb.feeds.endpoint import hidden
from mdnb.feeds.offers import Offers
from mdnb.feeds.playback import Playback
from mdnb.feeds.rolls import Seam
from mdnb.feeds.timeouts import Liveness
from mdnb.feeds.unshown import unshown
from mdnb.instruments import Instrument, known_instrument
from mdnb.rows import BarRow, BookSum, ContractChange, Decoder, Reply, SeamPrices, TradeChange, TradeRow
from mdnb.sessions import Sessions

__all__ = ["CHANNELS", "Channel", "Feed", "OnFrame", "OnStatus", "check_channels", "feed_error"]

Channel = Literal["trades", "quotes", "depth", "bars"]
CHANNELS: tuple[Channel, ...] = ("trades", "quotes", "depth", "bars")

OnFrame = Callable[[str | bytes], None]
"""Called for each frame, on the loop, in order; must be cheap and never raises."""

OnStatus = Callable[[str, str], None]
"""Called with ``(status, detail)``; status is connecting, connected, disconnected, reconnecting,
reconnected, stale or closed. "connected" after "disconnected" is "reconnected"; another word is told of."""


def _nobody_wonders(symbol: str, part: str, why: str) -> None:
    pass


def _nobody_follows(symbol: str, is_done: bool) -> None:  # as feeds call it
    """Stand for whoever is told of rolls, where nobody is."""


def _nobody_asks() -> None:
    return


class Feed(abc.ABC):
    """One connection to one venue.

    One of your own derives from this class, and goes into ``mdnb.live("X", feed=MyFeed())``. It gives the
    five methods `open`, `run`, `subscribe`, `unsubscribe` and `close`; `run` hands over frames, in order,
    that the decoder of its `dialect` reads. The default is mdnb's own, JSON with times in UTC epoch
    nanoseconds::

        {"e":"trades","s":"X","r":[[time, price, size, count, side, trade_id], ...]}
        {"e":"quotes","s":"X","r":[[time, bid, bid_size, ask, ask_size], ...]}

    ``count`` is 1 for one trade; ``side`` is 1 where the taker bought, -1 where he sold, 0 where that is not
    known; ``trade_id`` is -1 without one. ``mdnb.decode.wire`` has the other frames.

    A feed that loses its connection says ``on_status("disconnected", why)``, and ``"reconnected"`` (or
    ``"connected"``) when it is back: what `history_trades` has of the time between is put into the bars.
    All of it runs on one event loop, which nothing may block: ask a plain library by
    ``await asyncio.to_thread(...)``.

    Attributes
    ----------
    dialect
        Names the decoder of its frames (`decoder`).
    offers
        What it offers, for whoever looks for one: ``mdnb feeds``. None where it does not say.
    names
        The venue's name of a symbol to the one it was asked for by, of feeds whose frames have the former.
    ids
        ``sequential`` where trade ids rise by one a trade, ``unique`` where they only differ, ``none``.
    book_levels
        How many levels a side of the order book are subscribed, where the venue tells of the best so many
        only: so many are kept. None where it tells the whole book.
    has_trades
        False for venues and recordings without trades.
    source
        What bars are built from: ``trades``; else ``quotes`` (at `quote_price`), or the feed's ``bars``.
    quote_price
        ``mid``, ``bid`` or ``ask``.
    clock
        The market's time.
    playback
        Of a recording: when its frames were received, by which bars close, and how it is played. None of a
        feed that is live.
    liveness
        What shows that it is alive, when it is stale and when dead.
    round_trip_ms
        How long the newest ping took; ``nan`` where there is none.
    changes_back
        How many seconds of trades before an outage the history is asked what was taken back or corrected of
        them meanwhile; 0 where it does not tell that.
    changing
        Channels on which changes of what came before are sent, which is whole after a subscription alone.
    lacks
        Channels on which, as is known beforehand, nothing will come.
    on_roll
        To be called with a symbol that stands for one contract after the other: with False when it is about
        to stand for another one, before any data of that comes, or stays with the former after all; with
        True once it does.
    on_subscribed
        To be called for each symbol once a new connection has asked for it: with the symbol, which part of
        the feed that is, and why it was refused; that is empty where it was not.
    is_taken
        Whether it is, or was, a market's: each has a feed of its own.
    why_not_open
        Why what `open` has asked last was not answered, while it asks again; empty where that is not so.
    is_local
        True where `open` reads files or starts a server of its own and asks nobody: it may take as long as it
        takes, and so may its history.
    on_page
        To be called for each page of an answer of the history that comes in several: such an answer is waited
        for as long as pages come.

    Examples
    --------
    >>> import asyncio
    >>> from mdnb.feeds.registry import make_feed
    >>> async def tick_size():
    ...     async with make_feed("sim://?seed=7") as feed:
    ...         await feed.open(["MNQ"])
    ...         return feed.instrument("MNQ").tick_size
    >>> asyncio.run(tick_size())
    0.25

    A feed that asks for the price ten times a second:

    >>> import json
    >>> import time
    >>> import mdnb
    >>> class Asking(mdnb.Feed):
    ...     def __init__(self, ask):
    ...         super().__init__()
    ...         self.ask, self.closed = ask, asyncio.Event()
    ...
    ...     async def open(self, symbols):
    ...         self.symbol = symbols[0]
    ...
    ...     async def run(self, on_frame, on_status):
    ...         on_status("connected", "")
    ...         while not self.closed.is_set():
    ...             price = await asyncio.to_thread(self.ask)
    ...             row = [time.time_ns(), price, 1.0, 1, 0, -1]
    ...             on_frame(json.dumps({"e": "trades", "s": self.symbol, "r": [row]}))
    ...             await asyncio.sleep(0.1)
    ...
    ...     async def subscribe(self, symbol, channels): ...
    ...     async def unsubscribe(self, symbol, channels): ...
    ...     async def close(self):
    ...         self.closed.set()
    >>> with mdnb.live("X", "1sec", feed=Asking(lambda: 100.25), progress=False) as live:
    ...     bar = live.wait_for("new_bar", timeout=60)
    >>> bar.open, bar.close
    (100.25, 100.25)
    """

    dialect: str = "mdnb"
    offers: Offers | None = None
    names: Mapping[str, str] = types.MappingProxyType({})
    ids: Literal["sequential", "unique", "none"] = "none"
    book_levels: int | None = None
    has_trades: bool = True
    source: Literal["trades", "quotes", "bars"] = "trades"
    quote_price: Literal["mid", "bid", "ask"] = "mid"
    playback: Playback | None = None
    is_local: bool = False
    liveness: Liveness = Liveness()
    on_page: Callable[[], None] = staticmethod(_nobody_asks)
    on_roll: Callable[[str, bool], None] = staticmethod(_nobody_follows)
    on_subscribed: Callable[[str, str, str], None] = staticmethod(_nobody_wonders)
    round_trip_ms: float = float("nan")
    changes_back: float = 0.0
    changing: frozenset[Channel] = frozenset({"depth"})
    lacks: frozenset[Channel] = frozenset()
    is_taken: bool = False
    why_not_open: str = ""

    def __init_subclass__(cls, **given: object) -> None:
        super().__init_subclass__(**given)
        if "__init__" in vars(cls):
            # In an address, or beside it, there may be a token.
            cls.__init__ = unshown(cls.__init__)  # type: ignore[method-assign]  # the same, but for its errors

    def __init__(self) -> None:
        self.clock: Clock = MarketClock()

    @abc.abstractmethod
    async def open(self, symbols: Sequence[str]) -> None:
        """Open the feed for these symbols: look up instruments, start servers.

        Raises
        ------
        SymbolError
            When the venue does not know one of them.
        FeedError
            When the venue cannot be reached or refuses.
        """

    @abc.abstractmethod
    async def run(self, on_frame: OnFrame, on_status: OnStatus) -> None:
        """Deliver frames until `close` is called or a recording ends; survive disconnects.

        Parameters
        ----------
        on_frame
            Takes a frame as it came, text or bytes.
        on_status
            Takes ``"connecting"``, ``"connected"`` and so on (`OnStatus`), and a detail: an address, or why.
            A market is ready once it has heard ``"connected"``. One that ends by itself and as it should
            says ``"closed"`` before; another end, by an error or without a word, is one that has failed.
        """

    @abc.abstractmethod
    async def subscribe(self, symbol: str, channels: Sequence[Channel]) -> None:
        """Subscribe to channels of a symbol, also after reconnects; returns once the venue confirmed."""

    @abc.abstractmethod
    async def unsubscribe(self, symbol: str, channels: Sequence[Channel]) -> None:
        """Unsubscribe from channels of a symbol."""

    @abc.abstractmethod
    async def close(self) -> None:
        """Close sockets and tasks; calling it again does nothing."""

    def secrets(self) -> Sequence[str]:
        """Return the credentials in plain text that are in no address and in no header; none by default.

        What the venue says is shown and recorded without them.
        """
        return ()

    def quotable(self) -> Sequence[str]:
        """Return what a venue may quote of our credentials in its frames: tokens of addresses, too."""
        return self.secrets()

    def hide(self, text: str) -> str:
        """Return what the venue says without what may be a credential of ours."""
        return hidden(text, self.secrets())

    def decoder(self) -> Decoder | None:
        """Return a new decoder of its frames, where it brings one of its own; None: that of its `dialect`.

        Replays know a venue by its dialect alone: to read its recordings, the decoder has to be found by
        that, too.
        """
        return None

    def instrument(self, symbol: str) -> Instrument:
        """Return what the venue says of the symbol."""
        return known_instrument(symbol)

    def sessions(self, symbol: str) -> Sessions:
        """Return the hours in which the symbol trades."""
        return Sessions.always()

    def book_checksum(self, symbol: str) -> BookSum | Sequence[BookSum] | None:
        """Return what a venue's checksum is of bids and asks, each ``(price, size)`` and best first.

        None where it tells none. Several where it is not known by which of them it goes, such as with how
        many decimals numbers are written: it is one that the first whole book adds up to.
        """
        return None

    @property
    def rolls(self) -> tuple[Seam, ...]:
        """Seams of symbols that stand for one contract after the other, of each symbol the oldest first."""
        return ()

    def contract(self, symbol: str, at_ns: int | None = None) -> str:
        """Return the contract that a symbol stands for, now or at an instant; ``""`` where there is none."""
        return ""

    def take_roll(self, change: ContractChange) -> None:
        """Take a seam that a recording has; only replays pass any."""
        return

    def take_seam_prices(self, prices: SeamPrices) -> None:
        """Take what a recording says that both contracts of a seam were worth; only replays pass any."""
        return

    async def roll_prices(self, roll: Seam) -> tuple[float, float] | None:
        """Return what both contracts of a roll were worth at one time just before it; None: not known."""
        return None

    def own_bars(self, symbol: str) -> tuple[str, ...]:
        """Return the timeframes of which the feed sends its own bars on channel ``bars``, finest first."""
        return ()

    def history_depth(self, timeframe: str) -> float | None:
        """Return how many seconds back there are bars of a timeframe; None or 0 where there are none of it.

        By default what is asked for. A venue that gives 720 bars of each of its intervals says so here, and
        what its fine bars do not reach is then asked of the coarser ones.
        """
        return float("inf")

    async def history_bars(
        self, symbol: str, timeframe: str, start_ns: int, end_ns: int
    ) -> list[BarRow] | None:
        """Return closed bars that start in ``[start_ns, end_ns)``, oldest first; None without history.

        Each is a tuple ``(start_ns, open, high, low, close, volume, tick_count, turnover)``: when it begins
        in UTC epoch nanoseconds, the prices, the size traded, the number of trades (0 where unknown), and the
        sum of price x size (``nan`` where unknown).
        """
        return None

    async def history_trades(self, symbol: str, start_ns: int, end_ns: int) -> list[TradeRow] | None:
        """Return trades of ``[start_ns, end_ns)``, oldest first; None where there is no history.

        Each is a tuple ``(time_ns, price, size, count, side, trade_id)``: when it was made in UTC epoch
        nanoseconds, the price, the size, for how many trades it stands (1), its side (1 where the taker
        bought, -1 where it sold, 0 unknown), and its id (-1 where it has none).
        """
        return None

    async def history_changes(self, symbol: str, start_ns: int, end_ns: int) -> list[TradeChange] | None:
        """Return what was taken back or corrected of the trades made in ``[start_ns, end_ns)``.

        Each says when the trade was made (`TradeChange.trade_ns`). None where the history does not tell it.
        It is asked after an outage, in which such messages may have been sent, where `changes_back` is set.
        """
        return None

    def silent_seconds(self) -> float:
        """Return the seconds since a sign of life that only the feed sees, such as a pong; else infinity."""
        return float("inf")

    def on_reply(self, reply: Reply) -> None:
        """Handle the reply to a request; feeds that send no requests ignore it."""
        return

    async def __aenter__(self) -> Feed:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.close()


def check_channels(channels: Sequence[str]) -> tuple[Channel, ...]:
    """Return the channels, typed.

    Raises
    ------
    OptionError
        When one is unknown.

    Examples
    --------
    >>> check_channels(["trades"])
    ('trades',)
    """
    for channel in channels:
        if channel not in CHANNELS:
            raise OptionError(f"there is no channel {channel!r}. {suggest(channel, CHANNELS)}")
    return tuple(channel for channel in CHANNELS if channel in channels)


def feed_error(error: BaseException) -> FeedError:
    """Return what ended a feed as a FeedError that names it; as it is where it is one already.

    Examples
    --------
    >>> feed_error(ValueError("bad key"))
    FeedError('ValueError: bad key')
    """
    if isinstance(error, FeedError):
        return error
    said = str(error)
    words = said if said and isinstance(error, MdnbError) else type(error).__name__ + f": {said}" * bool(said)
    made = FeedError(words)
    made.__cause__ = error
    return made
