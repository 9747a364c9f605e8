"""Saving a market into one file that plays it again: ``live.save("btc.mdnb")``."""

from __future__ import annotations

import dataclasses
import datetime as dt
import functools
import io
import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from mdnb.config import TWINS
from mdnb.errors import DataExportError, OptionError
from mdnb.feeds.registry import BUILT_IN
from mdnb.recordings import RecordingFeed
from mdnb.runtime.process.bridge import await_call
from mdnb.runtime.session import MarketSession
from mdnb.runtime.symbol_market import SymbolMarket
from mdnb.sessions import DAY_NS
from mdnb.widgets.market_charts import MarketCharts

if TYPE_CHECKING:
    import pandas as pd

    from mdnb.feeds.base import Feed
    from mdnb.instruments import Instrument
    from mdnb.io.manifest import Manifest, SavedAlert, SavedFinding, SavedGap, SavedSymbol
    from mdnb.sessions import Sessions
    from mdnb.stores.amendments import Changes

__all__ = ["ENDING", "MarketSaver", "charts_of"]

ENDING = ".mdnb"
_MOST_SPANS = 20_000
_BEFORE_DAYS = 40
_EPOCH = dt.date(1970, 1, 1)


def charts_of(session: MarketSession) -> MarketCharts:
    """Return the charts of a session; of one that plays a saved market with those that were saved."""
    feed = session.feed
    if not isinstance(feed, RecordingFeed) or feed.saved is None:
        return MarketCharts()
    names = {
        rows.symbol.symbol: name for name in session.symbols if (rows := feed.saved_rows(name)) is not None
    }
    return MarketCharts(feed.saved.manifest.charts, names)


def _refuse_another_file(path: Path) -> None:
    """Refuse to write over what is no saved market: recordings have the same ending."""
    from mdnb.io.saved_market import is_saved_market

    try:
        is_another = path.exists() and path.stat().st_size > 0 and not is_saved_market(path)
    except OSError as error:
        raise DataExportError(f"cannot save to {path}: {error.strerror or error}") from error
    if is_another:
        raise DataExportError(
            f"{path} is there already and is no saved market, but a recording or another file;"
            " save the market to another file"
        )


class _Held(NamedTuple):
    """What is held of a symbol at one moment."""

    symbol: SavedSymbol
    frames: dict[str, pd.DataFrame]
    changes: dict[str, Changes]
    ticks: np.ndarray
    quotes: np.ndarray


class MarketSaver:
    """Saves symbols of a session.

    Parameters
    ----------
    session
        Whose market.
    symbols
        Which of it.
    charts
        Those that are open.
    """

    def __init__(self, session: MarketSession, symbols: Sequence[str], charts: MarketCharts) -> None:
        self._session = session
        self._symbols = tuple(symbols)
        self._charts = charts

    def of(self, symbols: Sequence[str]) -> MarketSaver:
        """Return what saves other symbols of the same market."""
        return MarketSaver(self._session, symbols, self._charts)

    async def save(self, filename: str | Path) -> Path:
        """Save what is held into one file: ``mdnb.open`` opens it as a market that plays.

        It holds the bars of each timeframe, as ``export`` writes them into Parquet, the trades and quotes in
        memory, what was noted of the data, price alerts, charts with their indicators, drawings and marks,
        the options of the data manager, and what is known of the instrument. No address of the feed, no key
        and no path of this machine is in it. Of a market all symbols are saved, ``live["MES"].save(...)``
        saves that one.

        Parameters
        ----------
        filename
            Its name ends in ``.mdnb``. Written whole or not at all.

        Returns
        -------
        pathlib.Path
            The file.

        Raises
        ------
        OptionError
            When the name ends otherwise.
        DataExportError
            When it cannot be written, or another file than a saved market stands there, such as a recording;
            that one is intact.

        Examples
        --------
        >>> import tempfile
        >>> import mdnb
        >>> path = f"{tempfile.mkdtemp()}/mnq.mdnb"
        >>> with mdnb.live("MNQ", ["1min", "5min"], initial_days=0.1) as market:
        ...     market.save(path).name
        'mnq.mdnb'
        >>> with mdnb.open(path, speed="max") as again:
        ...     again.timeframes, len(again["1min"]) > 100
        (['1min', '5min'], True)
        """
        from mdnb.io.paths import local_path

        path = local_path(filename)
        if path.suffix.lower() != ENDING:
            raise OptionError(
                f"a market is saved into a file whose name ends in {ENDING}, such as"
                f" {path.stem or 'market'}{ENDING}; got {path.name!r}. Bars alone are written by export(...)."
            )
        _refuse_another_file(path)
        markets = [self._session.market(symbol) for symbol in self._symbols]
        charts = self._charts.described()
        held = [_held(number, market) for number, market in enumerate(markets)]
        manifest = _manifest(self._session, markets, held)
        manifest.charts = [
            one for one in charts if one.symbol in self._symbols or set(one.drawings) & set(self._symbols)
        ]
        write = functools.partial(_write, path, manifest, held)
        market = markets[0]
        return write() if market.closed else await await_call(market.workers.run(write))


def _held(number: int, market: SymbolMarket) -> _Held:
    from mdnb.io.manifest import SavedInstrument, SavedRoll, SavedSymbol

    engine = market.engine
    with engine.lock:
        # In one go: another thread may remove a timeframe, and the bars have to be those of the ticks.
        names = engine.timeframes()
        frames = {
            name: engine.reader.frame_for_file(name, closed_only=False, with_times=True) for name in names
        }
        told = {name: engine.reader.changes_for_file(name, frame) for name, frame in frames.items()}
        ticks, quotes = engine.ticks.tail(len(engine.ticks)), engine.quotes.tail(len(engine.quotes))
        rolls, contract = engine.contracts.rolls, engine.contracts.of(2**63 - 1)
        findings = [_finding(one) for one in market.pipeline.quality.errors]
        gaps = _lacking(market)
    frames = {name: frame for name, frame in frames.items() if len(frame)}
    since_ns = min([frame.index[0].value for frame in frames.values()], default=0)
    symbol = SavedSymbol(
        symbol=market.symbol,
        instrument=SavedInstrument.of(engine.instrument),
        bars=f"bars/{number}.parquet" if frames else "",
        trades=f"trades/{number}.parquet" if len(ticks) else "",
        quotes=f"quotes/{number}.parquet" if len(quotes) else "",
        always_open=engine.sessions.always_open,
        hours=_hours(engine.sessions, engine.instrument, since_ns),
        contract=contract,
        rolls=[
            SavedRoll(
                time_ns=roll.time_ns,
                old=roll.old,
                new=roll.new,
                old_price=_known(roll.old_price),
                new_price=_known(roll.new_price),
            )
            for roll in rolls
        ],
        findings=findings,
        gaps=gaps,
    )
    changes = {name: one for name, one in told.items() if one is not None and name in frames}
    return _Held(symbol, frames, changes, ticks, quotes)


def _hours(sessions: Sessions, instrument: Instrument, since_ns: int) -> list[tuple[int, int, int]]:
    """Return the spans of sessions from a while before an instant on; none where a calendar tells them."""
    opens, closes, days = sessions.opens, sessions.closes, sessions.days
    if sessions.always_open or not len(opens):
        return []
    if instrument.calendar is not None:
        from_day, to_day = (_EPOCH + dt.timedelta(days=int(day)) for day in (days[0], days[-1]))
        usual = instrument.sessions(from_day, to_day)
        if list(usual.opens) == list(opens) and list(usual.closes) == list(closes):
            return []
    first = int(np.searchsorted(closes, since_ns - _BEFORE_DAYS * DAY_NS))
    spans = zip(opens.tolist(), closes.tolist(), days.tolist(), strict=True)
    return list(spans)[first:][-_MOST_SPANS:]


def _known(number: float) -> float | None:
    return number if math.isfinite(number) else None


def _lacking(market: SymbolMarket) -> list[SavedGap]:
    """Return what was missed and not put back; of an outage that is not settled nobody else would tell."""
    from mdnb.io.manifest import SavedGap

    unsettled = market.engine.unsettled
    told = [(gap.start_ns, gap.end_ns, gap.reason) for gap in market.pipeline.gaps if gap.state != "repaired"]
    # Those of which nobody was told count from when they were found on.
    spans = [] if unsettled is None else [span for span in unsettled() if span.since_ns]
    starts = [max(span.low_ns, span.since_ns) for span in spans]
    told += [
        (start, max(start, span.high_ns), "reconnect") for start, span in zip(starts, spans, strict=True)
    ]
    return [SavedGap(start_ns=start, end_ns=end, reason=reason) for start, end, reason in sorted(told)]


def _finding(given: Any) -> SavedFinding:
    from mdnb.io.manifest import SavedFinding

    values = {
        str(name): float(value)
        for name, value in given.values.items()
        if isinstance(value, (int, float)) and math.isfinite(value)
    }
    return SavedFinding(
        type=given.type,
        description=given.description,
        time_ns=given.time_ns,
        count=given.count,
        values=values,
    )


def _manifest(session: MarketSession, markets: Sequence[SymbolMarket], held: Sequence[_Held]) -> Manifest:
    from mdnb.io.manifest import Manifest

    feed, engine = session.feed, markets[0].engine
    names = dict.fromkeys(name for market in markets for name in market.engine.timeframes())
    now_ns = max(market.engine.cascade.closing.now_ns for market in markets) or feed.clock.now_ns()
    earlier = feed.saved.manifest if isinstance(feed, RecordingFeed) and feed.saved is not None else None
    return Manifest(
        saved_ns=now_ns,
        tz=session.options.tz,
        timeframes=list(names),
        source=engine.source,
        quote_price=feed.quote_price,
        feed=_name_of(feed) if earlier is None else earlier.feed,
        venue=_venue_of(feed) if earlier is None else earlier.venue,
        config=_config(engine.config),
        symbols=[each.symbol for each in held],
        alerts=[_alert(alert) for market in markets for alert in market.engine.alerts.listed()],
    )


def _name_of(feed: Feed) -> str:
    """Return the name of a feed, and nothing of where it leads to."""
    kind = type(feed)
    home = f"{kind.__module__}:{kind.__qualname__}"
    for name, where in BUILT_IN.items():
        module, _, attribute = where.partition(":")
        if attribute == kind.__qualname__ and home.startswith(module):
            return name
    return kind.__name__


def _venue_of(feed: Feed) -> str:
    return "" if feed.offers is None else feed.offers.title


def _config(config: Any) -> dict[str, bool | int | float]:
    """Return the options that are numbers and switches: a path is this machine's, and nobody else's."""
    return {
        field.name: value
        for field in dataclasses.fields(config)
        if field.name not in TWINS and isinstance(value := getattr(config, field.name), (bool, int, float))
    }


def _alert(alert: Any) -> SavedAlert:
    from mdnb.io.manifest import SavedAlert

    return SavedAlert(
        symbol=alert.symbol,
        direction=alert.direction,
        price=alert.price,
        event=None if alert.event is None else alert.event.value,
        message=alert.message,
        once=alert.once,
        active=alert.active,
    )


def _write(path: Path, manifest: Manifest, held: Sequence[_Held]) -> Path:
    from mdnb.io.parquet import write_timeframes_into
    from mdnb.io.saved_market import write_saved_market
    from mdnb.io.tick_members import write_tick_member

    members: dict[str, bytes] = {}
    for each in held:
        symbol = each.symbol
        if symbol.bars:
            write_timeframes_into(file := io.BytesIO(), each.frames, changes=each.changes or None)
            members[symbol.bars] = file.getvalue()
        for name, kind, rows in (
            (symbol.trades, "trades", each.ticks),
            (symbol.quotes, "quotes", each.quotes),
        ):
            if name:
                about = {"kind": kind, "symbol": symbol.symbol}
                write_tick_member(file := io.BytesIO(), rows, manifest.tz, about)
                members[name] = file.getvalue()
    return write_saved_market(path, manifest, members)
