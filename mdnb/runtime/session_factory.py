"""Makes, starts and closes sessions, for both faces."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from mdnb.config import DataManagerConfig
from mdnb.errors import OptionError, SymbolError
from mdnb.feeds.base import Feed
from mdnb.feeds.registry import make_feed
from mdnb.runtime.process.loop import spawn_if_running
from mdnb.runtime.process.registry import running_markets
from mdnb.runtime.session import MarketSession, SessionOptions
from mdnb.timeframes import Timeframe

__all__ = ["drop_session", "make_session", "start_session"]

_DEFAULT_TIMEFRAMES = ("1min", "5min", "15min")


def make_session(
    symbol: str | Sequence[str],
    timeframes: Sequence[str] | str | None,
    feed: str | Feed | None,
    initial_days: float,
    tz: str,
    config: DataManagerConfig | None,
    progress: Callable[[int, int, str], None] | None,
    connect_timeout: float | None,
) -> MarketSession:
    """Return a session that is not started yet; both faces make theirs here."""
    symbols = [symbol] if isinstance(symbol, str) else list(symbol)
    if not symbols or not all(symbols):
        raise SymbolError(f"name one symbol such as 'MNQ', or a list of them; got {symbol!r}")
    wanted = [timeframes] if isinstance(timeframes, str) else list(timeframes or _DEFAULT_TIMEFRAMES)
    if config is not None and not isinstance(config, DataManagerConfig):
        raise OptionError(f"data_manager_config must be a DataManagerConfig; got {config!r}")
    options = SessionOptions(
        timeframes=tuple(map(Timeframe.parse, wanted)),
        config=config or DataManagerConfig(),
        tz=tz,
        initial_days=initial_days,
        progress=progress,
        waits_to_begin=True,
        connect_timeout=connect_timeout,
    )
    return MarketSession(feed if isinstance(feed, Feed) else make_feed(feed), symbols, options)


async def start_session(session: MarketSession, key: object) -> None:
    """Start a session in the place of the earlier one of its key; runs on the background loop."""
    # A mistyped symbol leaves the earlier one running.
    await session.open()
    await running_markets().replace(key, session)
    await session.start()


def drop_session(session: MarketSession) -> None:
    """Close the session of a garbage-collected face; from any thread."""
    spawn_if_running(session.close(), "mdnb-close")
