"""Makes, starts and closes sessions, for both faces."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from mdnb.config import DataManagerConfig
from mdnb.errors import ClosedError, FeedError, OptionError, RuntimeUseError, SymbolError, not_followed
from mdnb.feeds.base import Feed
from mdnb.feeds.registry import make_feed
from mdnb.market_store.store import MarketStore
from mdnb.runtime.process.loop import spawn_if_running
from mdnb.runtime.process.registry import running_markets
from mdnb.runtime.session import MarketSession, SessionOptions
from mdnb.timeframes import named_timeframes

__all__ = ["FeedName", "drop_session", "dropped_on_error", "make_session", "start_session"]

_DEFAULT_TIMEFRAMES = ("1min", "5min", "15min")


class FeedName:
    """A feed's name that nothing shows: in an address of it there may be a token.

    Examples
    --------
    >>> FeedName("kraken?url=wss://proxy.example/t0ken")
    FeedName(***)
    """

    __slots__ = ("reveal",)

    def __init__(self, name: str) -> None:
        # In a variable of a function: a traceback with all variables does not come across it.
        self.reveal: Callable[[], str] = lambda: name

    @staticmethod
    def hide(feed: Feed | str | None) -> Feed | FeedName | None:
        """Return a feed as it is, and the name of one hidden."""
        return FeedName(feed) if isinstance(feed, str) else feed

    def __repr__(self) -> str:
        return "FeedName(***)"


def make_session(
    symbol: str | Sequence[str],
    timeframes: Sequence[str] | str | None,
    feed: FeedName | Feed | None,
    initial_days: float,
    tz: str,
    config: DataManagerConfig | None,
    progress: Callable[[int, int, str], None] | None,
    connect_timeout: float | None,
    positive_prices: bool | Mapping[str, bool] | None = None,
    store: str | os.PathLike[str] | MarketStore | None = None,
) -> MarketSession:
    """Return a session that is not started yet; both faces make theirs here."""
    given = [symbol] if isinstance(symbol, str) else symbol
    symbols = list(given) if isinstance(given, Iterable) else []
    if not symbols or not all(isinstance(one, str) and one for one in symbols):
        raise SymbolError(f"name one symbol such as 'MNQ', or a list of them; got {symbol!r}")
    wanted = named_timeframes(_DEFAULT_TIMEFRAMES if timeframes is None else timeframes)
    if config is not None and not isinstance(config, DataManagerConfig):
        raise OptionError(f"data_manager_config must be a DataManagerConfig; got {config!r}")
    options = SessionOptions(
        timeframes=wanted,
        config=config or DataManagerConfig(),
        tz=tz,
        initial_days=initial_days,
        progress=progress,
        waits_to_begin=True,
        connect_timeout=connect_timeout,
        positive_prices=_positive_prices(positive_prices, symbols),
        store=_store(store, tz),
    )
    made = MarketSession(_feed(feed), symbols, options)
    made.feed.is_taken = True
    return made


def _feed(given: object) -> Feed:
    """Return a feed that no market has had."""
    if given is None or isinstance(given, FeedName):
        return make_feed(None if given is None else given.reveal())
    if isinstance(given, type) and issubclass(given, Feed):
        raise OptionError(f"feed= takes a feed, not its class: feed={given.__name__}(...)")
    if not isinstance(given, Feed):
        raise OptionError(
            f"feed= takes a feed's name such as 'sim://?speed=60', or an instance of a class that derives"
            f" from mdnb.Feed; got {given!r}"
        )
    name = type(given).__name__
    if not hasattr(given, "clock"):
        raise OptionError(f"{name} is not made whole: its __init__ has to call super().__init__() first")
    if given.is_taken:
        raise FeedError(
            f"this {name} is, or was, the feed of another market: make one for each, feed={name}(...), or"
            " name all symbols of one market, mdnb.live(['A', 'B'], feed=...)"
        )
    return given


def _store(given: str | os.PathLike[str] | MarketStore | None, tz: str) -> MarketStore | None:
    """Return where a market is to be kept."""
    if given is None or isinstance(given, MarketStore):
        if given is not None and given.closed:
            raise ClosedError(f"the store in {given.path} was closed. Open it again with mdnb.store().")
        return given
    if not isinstance(given, (str, os.PathLike)):
        raise OptionError(
            f"store= takes a folder such as 'markets/', or what mdnb.store('markets/') returns; got {given!r}"
        )
    return MarketStore(given, tz=tz)


def _positive_prices(given: bool | Mapping[str, bool] | None, symbols: Sequence[str]) -> dict[str, bool]:
    """Return by symbol whether its prices are positive; those of which nobody said so are left out."""
    if given is None:
        return {}
    told = dict(given) if isinstance(given, Mapping) else dict.fromkeys(symbols, given)
    for symbol, value in told.items():
        if symbol not in symbols:
            raise not_followed(symbol, symbols)
        if not isinstance(value, bool):
            raise OptionError(
                "positive_prices must be True, False or None, or a mapping of symbols to True or False; "
                f"got {given!r}"
            )
    return told


async def start_session(session: MarketSession, key: object) -> None:
    """Start a session in the place of the earlier one of its key; runs on the background loop."""
    # A mistyped symbol leaves the earlier one running.
    await session.open()
    await running_markets().replace(key, session)
    await session.start()


def drop_session(session: MarketSession) -> None:
    """Close the session of a garbage-collected face; from any thread."""
    # In a forked child it is not there to be closed.
    with contextlib.suppress(RuntimeUseError):
        spawn_if_running(session.close(), "mdnb-close")


@contextlib.contextmanager
def dropped_on_error(session: MarketSession) -> Iterator[None]:
    """Close a session that nobody gets: an interrupt may come when it has just been started."""
    try:
        yield
    except BaseException:
        drop_session(session)
        raise
