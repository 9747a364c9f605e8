"""`store`: opens a folder in which markets are kept."""

from __future__ import annotations

import logging
import os

from mdnb.market_store.store import MarketStore
from mdnb.market_store.writer import who_writes
from mdnb.wrong_arguments import names_arguments

__all__ = ["store"]

_log = logging.getLogger("mdnb")


@names_arguments
def store(
    path: str | os.PathLike[str],
    *,
    tz: str = "UTC",
    max_bytes: int | None = None,
    ticks: bool = True,
    quotes: bool = True,
    segment_rows: int = 50_000,
    seal_seconds: float = 300.0,
) -> MarketStore:
    """Open a folder in which markets are kept, without a feed.

    Where another market or program writes it just now, that is told, and it can be read.

    Parameters
    ----------
    path
        The folder; it is made when something is written.
    tz
        Zone of frames, and of instants given as text without one.
    max_bytes
        Largest size of the Parquet files: the oldest days and years go first, the newest of each timeframe
        never. None is no limit.
    ticks, quotes
        Whether a market that is kept here, by ``mdnb.live(..., store=this)``, keeps its trades and quotes.
    segment_rows, seal_seconds
        What comes live goes into Parquet, where other programs see it, once there are so many rows, or so
        many seconds after the first one came. Until then it is in a file beside the tree.

    Raises
    ------
    OptionError
        A value is not allowed.

    Examples
    --------
    >>> import mdnb, tempfile
    >>> import pandas as pd
    >>> times = pd.date_range("2026-03-02 09:30", periods=3, freq="1min", tz="America/Chicago")
    >>> bars = pd.DataFrame({"open": 1.0, "high": 2.0, "low": 1.0, "close": 2.0, "volume": 5}, index=times)
    >>> with mdnb.store(tempfile.mkdtemp()) as markets:
    ...     markets.write("BTC/USD", "1min", bars).added
    ...     len(markets.frame("BTC/USD", "1min", start="2026-03-02T15:31Z"))
    3
    2
    """
    made = MarketStore(
        path,
        tz=tz,
        max_bytes=max_bytes,
        ticks=ticks,
        quotes=quotes,
        segment_rows=segment_rows,
        seal_seconds=seal_seconds,
    )
    who = who_writes(made.path)
    if who:
        _log.warning("%s is being written by %s: it can be read, and write() is refused", made.path, who)
    return made
