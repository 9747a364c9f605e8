"""`open`: a saved market or a recording as a live market that plays it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mdnb.config import DataManagerConfig
from mdnb.errors import FeedError, OptionError, SymbolError
from mdnb.faces.face_parts import all_parts
from mdnb.market import LiveMarket
from mdnb.recordings import RecordingFeed
from mdnb.recordings.fetched_file import MOST_BYTES, check_sum, fetched, is_address
from mdnb.runtime.process.bridge import call
from mdnb.runtime.process.registry import cell_key
from mdnb.runtime.process.user_warning import warn_user
from mdnb.runtime.session import MarketSession
from mdnb.runtime.session_factory import make_session, start_session
from mdnb.widgets.page.preload import preload
from mdnb.widgets.page.progress import progress_line
from mdnb.wrong_arguments import names_arguments

if TYPE_CHECKING:
    from mdnb.io.manifest import Manifest

__all__ = ["open"]

_ALL_DAYS = 3660.0
# Those that decide which bars there are; what is on disk, and how fast, is the affair of who opens it.
_OPTIONS = frozenset(
    {
        "max_bars_per_timeframe",
        "max_ticks",
        "enable_tick_data",
        "data_validation",
        "fill_gaps",
        "validate_bars",
        "remove_outliers",
        "grace_ms",
        "max_lateness_seconds",
    }
)


@names_arguments
def open(  # noqa: A001  # as in gzip.open
    source: str | Path,
    *,
    speed: float | str = 1.0,
    start: int | str | dt.datetime | None = None,
    end: int | str | dt.datetime | None = None,
    symbol: str | Sequence[str] | None = None,
    timeframes: Sequence[str] | str | None = None,
    tz: str | None = None,
    data_manager_config: DataManagerConfig | None = None,
    name: str | None = None,
    progress: bool = True,
    sha256: str | None = None,
    max_bytes: int = MOST_BYTES,
    positive_prices: bool | Mapping[str, bool] | None = None,
    calendar: str | None = None,
) -> LiveMarket:
    """Open a saved market, or a recording, as a live market in replay.

    Of a saved market (``live.save("btc.mdnb")``) the bars that are older than its ticks are there at once,
    with when each was closed; its trades and quotes are played. Charts take after those that were saved, and
    alerts that could still fire are set. One without ticks has all its bars at once. ``market.playback``
    pauses, goes on, jumps, and sets the speed.

    Parameters
    ----------
    source
        A file: a saved market, a recording of ``live.record`` or ``mdnb record``, or any other that
        ``replay:`` plays. Or an address, ``https://...``: then the file is fetched into a temporary folder,
        which goes when the market is closed.
    speed
        Market seconds a second; ``"max"`` for as fast as possible.
    start, end
        What is played, as text such as ``2026-03-02T15:00``, a datetime, or UTC epoch nanoseconds. Of a
        saved market what is before ``start`` is there at once.
    symbol
        One, or several; default all that are named in it.
    timeframes, tz, data_manager_config
        Those to keep instead of the saved ones; of a recording as in `mdnb.live`.
    name, progress
        As in `mdnb.live`.
    sha256
        What the file's SHA-256 has to be, in hexadecimal digits.
    max_bytes
        How large a fetched file may be.
    positive_prices
        False where prices may be zero and negative, as in `mdnb.live`. None: as it was saved, or as the
        recording says.
    calendar
        Name of a calendar of ``pandas_market_calendars``, instead of the hours that were saved.

    Returns
    -------
    LiveMarket
        Ends with `LiveMarket.close`, or ``with``.

    Raises
    ------
    FeedError
        When there is no such file, it cannot be fetched, is not what was expected, or is made to harm.
    SymbolError, TimeframeError, OptionError
        As `mdnb.live`; also where the file does not name its symbols.

    Warns
    -----
    UserWarning
        Where nothing is played, since it holds neither trades nor quotes.

    Examples
    --------
    >>> import tempfile
    >>> import mdnb
    >>> path = f"{tempfile.mkdtemp()}/gold.mdnb"
    >>> feed = "replay:dataset:gold-ticks?speed=max"
    >>> with mdnb.live("GC", ["5min", "1hour"], feed=feed) as market:
    ...     market.wait_ended()
    ...     saved = market.save(path)
    ...     closes = market["1hour"]["close"].tolist()
    >>> with mdnb.open(path, speed="max") as again:
    ...     again.wait_ended()
    ...     again["1hour"]["close"].tolist() == closes
    True
    """
    folder = None
    path: str | Path = source
    if is_address(source):
        folder, path = fetched(str(source), sha256=sha256, max_bytes=max_bytes)
    elif sha256 is not None:
        check_sum(Path(source).expanduser(), sha256)
    try:
        feed = RecordingFeed(
            path,
            speed=speed,
            start=start,
            end=end,
            tz=tz,
            hold=True,
            calendar=calendar,
        )
    except BaseException:
        if folder is not None:
            folder.cleanup()
        raise
    feed.folder = folder
    preload()
    try:
        saved = None if feed.saved is None else feed.saved.manifest
        if saved is not None:
            timeframes = saved.timeframes if timeframes is None else timeframes
            tz = tz or saved.tz
            data_manager_config = data_manager_config or _config(saved, feed)
        days = 0.0 if saved is None else _ALL_DAYS
        with progress_line(enabled=progress) as tell:
            session = make_session(
                _symbols(feed, symbol),
                timeframes,
                feed,
                days,
                tz or "UTC",
                data_manager_config,
                tell,
                None,
                positive_prices,
            )
            key = ("live", name) if name is not None else cell_key()
            call(_start(session, key, feed))
    except BaseException:
        call(feed.close())
        raise
    if feed.plays_nothing:
        warn_user(
            f"{feed.path.name} holds neither trades nor quotes that could be played: its bars are there at"
            " once. With start= the later ones are played."
        )
    return LiveMarket(all_parts(session), name if name is not None else ", ".join(session.symbols))


async def _start(session: MarketSession, key: object, feed: RecordingFeed) -> None:
    await start_session(session, key)
    if feed.saved is not None:
        _set_alerts(session, feed.saved.manifest)
    if feed.plays_nothing:
        # The last of what it has is there once it is at its end, which it is at once.
        await session.wait_ended()


def _symbols(feed: RecordingFeed, given: str | Sequence[str] | None) -> list[str]:
    if given is not None:
        return [given] if isinstance(given, str) else list(given)
    if recorded := feed.recorded_symbols():
        return list(recorded)
    known = feed.known_symbols()
    if not known:
        raise SymbolError(f"{feed.path.name} does not name its symbol: say it, symbol='BTC/USD'")
    if len(known) > 1:
        raise SymbolError(f"say which to open, symbol=...; {feed.path.name} holds {', '.join(known)}")
    return list(known)


def _config(saved: Manifest, feed: RecordingFeed) -> DataManagerConfig:
    given: dict[str, Any] = {name: value for name, value in saved.config.items() if name in _OPTIONS}
    try:
        return DataManagerConfig(**given)
    except OptionError as error:
        raise FeedError(f"{feed.path.name} has options that are none: {error}") from error


def _set_alerts(session: MarketSession, saved: Manifest) -> None:
    feed = session.feed
    assert isinstance(feed, RecordingFeed)
    for symbol, market in session.markets.items():
        rows = feed.saved_rows(symbol)
        for alert in saved.alerts:
            if rows is None or alert.symbol != rows.symbol.symbol or not alert.active:
                continue
            how: dict[str, Any] = {"message": alert.message, "once": alert.once}
            if alert.event is not None:
                how["event"] = alert.event
            else:
                how["price" if alert.direction == "either" else alert.direction] = alert.price
            try:
                market.engine.alerts.add(**how)
            except (OptionError, TypeError) as error:
                raise FeedError(f"{feed.path.name} has an alert that is none: {error}") from error
