"""Rows of a saved market to be played, and what of it is known before they are."""

from __future__ import annotations

import dataclasses
import datetime as dt
import functools
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from mdnb.bars.closing import NOT_NOTED
from mdnb.bars.noted_closings import NotedClosings
from mdnb.feeds.replay.recording import Row, Track
from mdnb.recordings.rows_of_files import bar_rows
from mdnb.rows import MARKS
from mdnb.sessions import FIRST_CALENDAR_DAY, Sessions
from mdnb.stores.ticks import (
    QUOTE_DTYPE,
    STATUS,
    TICK_DTYPE,
    TRADE_COLUMNS,
    WAITING,
    counts_in_full,
    is_in_bars,
)
from mdnb.timeframes import Grid, Timeframe, in_order

if TYPE_CHECKING:
    from mdnb.io.file_bars import FileBars
    from mdnb.io.manifest import SavedSymbol
    from mdnb.io.saved_market import SavedMarket

__all__ = ["SavedRows", "read_saved_rows"]

_AT_A_TIME = 16_384
_CALENDAR_DAYS = 400
_NS_PER_US = 1000
_LATENESS_NS = 5_000_000_000
_NO_TICKS = np.empty(0, TICK_DTYPE)
_NO_QUOTES = np.empty(0, QUOTE_DTYPE)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class SavedRows:
    """What is saved of one symbol.

    Attributes
    ----------
    symbol
        As it was saved.
    bars
        By timeframe, finest first; what was being made is among them, and marked.
    ticks, quotes
        Rows of `TICK_DTYPE` and `QUOTE_DTYPE`, in the order in which they came.
    made_of
        ``trades``, ``quotes`` or ``bars``: what the bars were made of.
    possible_bars
        Those of `bars` whose prices the symbol may have; the others are not put into a market.
    """

    symbol: SavedSymbol
    bars: dict[str, FileBars]
    ticks: np.ndarray
    quotes: np.ndarray
    made_of: str
    possible_bars: dict[str, FileBars]

    @property
    def refused_bars(self) -> int:
        """How many bars are not possible, of all timeframes."""
        return sum(len(held) - len(self.possible_bars[name]) for name, held in self.bars.items())

    @property
    def makers(self) -> np.ndarray:
        """The times of the rows that bars are made of, UTC epoch nanoseconds, rising."""
        rows = self.played_ticks() if self.made_of == "trades" else self.quotes
        rows = rows if self.made_of != "bars" else rows[:0]
        return np.asarray(np.maximum.accumulate(rows["ts_ns"]) if len(rows) else rows["ts_ns"])

    def sessions(self) -> Sessions:
        """Return when it trades: around the clock, as its calendar says, or by the hours that were saved.

        Raises
        ------
        OptionError
            When there is no such calendar, or the hours are none.
        """
        if self.symbol.always_open:
            return Sessions.always()
        instrument = self.symbol.instrument
        if self.symbol.hours:
            opens, closes, days = ([span[at] for span in self.symbol.hours] for at in range(3))
            return Sessions(opens, closes, days, instrument.timezone)
        last = dt.datetime.now(dt.UTC).date() + dt.timedelta(days=_CALENDAR_DAYS)
        return instrument.named(self.symbol.symbol).sessions(FIRST_CALENDAR_DAY, last)

    def finest(self) -> str:
        """Return the finest timeframe on a clock, ``""`` where none was kept."""
        return next((name for name in self.bars if not Timeframe.parse(name).is_activity), "")

    def closings(self) -> NotedClosings:
        """Return when the bars on a clock were closed, of those of which it is saved."""
        sessions = self.sessions()
        ends: list[np.ndarray] = [np.empty(0, np.int64)]
        closed: list[np.ndarray] = [np.empty(0, np.int64)]
        for name, bars in self.bars.items():
            timeframe = Timeframe.parse(name)
            if not timeframe.is_activity:
                columns = bars.closed().columns()
                noted = columns.closed_us != NOT_NOTED
                ends.append(Grid(timeframe, sessions).ends(columns.time_us[noted] * _NS_PER_US))
                closed.append(columns.closed_us[noted] * _NS_PER_US)
        rows = np.sort(np.concatenate((self.played_ticks()["ts_ns"], self.quotes["ts_ns"])))
        return NotedClosings(np.concatenate(ends), np.concatenate(closed), rows)

    def played_ticks(self) -> np.ndarray:
        """Return the trades that are in the bars, in an order in which none is too late for its bar."""
        status = self.ticks["flag"] & STATUS
        held: np.ndarray = self.ticks[is_in_bars(self.ticks["flag"]) | (status == WAITING)]
        newest = np.maximum.accumulate(held["ts_ns"]) if len(held) else held["ts_ns"]
        late = newest - held["ts_ns"] >= _LATENESS_NS
        name = self.finest()
        if late.any() and name:
            grid = Grid(Timeframe.parse(name), self.sessions())
            # What came from the history, when its bar was long closed, has no place but its own.
            if (grid.starts(held["ts_ns"][late])[0] != grid.starts(newest[late])[0]).any():
                held = held[np.argsort(held["ts_ns"], kind="stable")]
        return held

    def begins_ns(self, wanted_ns: int = 0, kept: Sequence[str] = ()) -> int:
        """Return from when on to play, so that every bar from there on is made of rows that are there.

        Parameters
        ----------
        wanted_ns
            Not before the bar of the finest timeframe that has this instant.
        kept
            The timeframes of which the finest counts; none: those that were saved.

        Returns
        -------
        int
            UTC epoch nanoseconds; 0 where no bar is older than the rows: all of them are played.
        """
        saved, times = self.finest(), self.makers
        name = next((one for one in in_order(kept) if not Timeframe.parse(one).is_activity), saved)
        if not saved or not len(times):
            return 0
        grid, bars = Grid(Timeframe.parse(name), self.sessions()), self.bars[saved]
        first_ns = int(times[0])
        begin_ns = 0
        if len(bars) and int(bars.time_us[0]) * _NS_PER_US <= first_ns:
            span = grid.span(first_ns)
            fine = Grid(Timeframe.parse(saved), self.sessions()).span(first_ns)
            if span is None or fine is None:
                begin_ns = first_ns
            else:
                # Of the bar that is played first nothing was before these rows.
                is_first = fine[0] <= max(span[0], int(bars.time_us[0]) * _NS_PER_US)
                begin_ns = span[0 if is_first and self._has_all(bars, *fine) else 1]
        if wanted_ns > max(begin_ns, first_ns):
            span = grid.span(wanted_ns)
            begin_ns = max(begin_ns, wanted_ns if span is None else span[0])
        return begin_ns

    def _has_all(self, bars: FileBars, start_ns: int, end_ns: int) -> bool:
        """Return whether the rows that were kept are all that a bar was made of."""
        at = int(np.searchsorted(bars.time_us, start_ns // _NS_PER_US))
        if at == len(bars) or int(bars.time_us[at]) * _NS_PER_US != start_ns or self.made_of != "trades":
            return False
        held = self.played_ticks()
        held = held[counts_in_full(held["flag"])]
        inside = (held["ts_ns"] >= start_ns) & (held["ts_ns"] < end_ns)
        return int(held["count"][inside].sum()) == int(bars.values["tick_count"][at])

    def track(self, begin_ns: int) -> Track:
        """Return the rows from an instant on as they are played; the bars of before have those of before."""
        instrument = self.symbol.instrument.named(self.symbol.symbol)
        noted = self.closings()
        if self.made_of == "bars" or not len(self.makers):
            name = self.finest()
            if name:
                return Track(
                    symbol=self.symbol.symbol,
                    channel="bars",
                    rows=functools.partial(bar_rows, self.bars[name].closed()),
                    timeframe=name,
                    step_ns=Timeframe.parse(name).step_ns,
                    weight=len(self.bars[name]),
                    instrument=instrument,
                    known_ns=lambda end_ns: noted.closed_ns(end_ns) or end_ns,
                )
        if self.made_of == "quotes":
            return Track(
                symbol=self.symbol.symbol,
                channel="quotes",
                rows=functools.partial(_rows_of, _since(self.quotes, begin_ns), _quote_rows),
                weight=len(self.quotes),
                instrument=instrument,
                known_ns=noted.arrival_ns,
            )
        return Track(
            symbol=self.symbol.symbol,
            channel="trades",
            rows=functools.partial(
                _merged, _since(self.played_ticks(), begin_ns), _since(self.quotes, begin_ns)
            ),
            weight=len(self.ticks),
            has_quotes=len(self.quotes) > 0,
            instrument=instrument,
            known_ns=noted.arrival_ns,
        )


def read_saved_rows(
    market: SavedMarket, symbol: SavedSymbol, *, positive_prices: bool | None = None
) -> SavedRows:
    """Read what is saved of one symbol.

    Parameters
    ----------
    positive_prices
        Whether prices have to be positive; None: as it was saved.

    Raises
    ------
    DataImportError
        When a member is not sound.
    """
    from mdnb.io.recognise.saved import saved_timeframes
    from mdnb.io.tick_members import read_tick_member

    own = symbol.instrument.positive_prices
    bars = saved_timeframes(market, symbol, positive_prices=own and positive_prices is not False)
    possible = bars
    if positive_prices and not own:
        possible = {name: held.where(held.values["low"] > 0) for name, held in bars.items()}
    ticks = read_tick_member(market.member(symbol.trades), TICK_DTYPE) if symbol.trades else _NO_TICKS
    quotes = read_tick_member(market.member(symbol.quotes), QUOTE_DTYPE) if symbol.quotes else _NO_QUOTES
    made_of = market.manifest.source
    return SavedRows(
        symbol=symbol, bars=bars, ticks=ticks, quotes=quotes, made_of=made_of, possible_bars=possible
    )


def _since(rows: np.ndarray, begin_ns: int) -> np.ndarray:
    kept: np.ndarray = rows[rows["ts_ns"] >= begin_ns]
    return kept


def _merged(ticks: np.ndarray, quotes: np.ndarray) -> Iterator[Row]:
    """Yield trades, and quotes among them by their time; each kind in its own order."""
    trades = _rows_of(ticks, _marked_rows if (ticks["flag"] & MARKS).any() else _trade_rows)
    if not len(quotes):
        yield from trades
        return
    both = np.concatenate([np.maximum.accumulate(part["ts_ns"]) for part in (ticks, quotes) if len(part)])
    # Of one instant the quote was there before the trade.
    order = np.lexsort((np.arange(len(both)) < len(ticks), both))
    seen = _rows_of(quotes, _quote_rows)
    for start in range(0, len(order), _AT_A_TIME):
        for is_trade in (order[start : start + _AT_A_TIME] < len(ticks)).tolist():
            yield next(trades) if is_trade else next(seen)


def _rows_of(held: np.ndarray, make: Callable[[np.ndarray], Iterator[Row]]) -> Iterator[Row]:
    for start in range(0, len(held), _AT_A_TIME):
        yield from make(held[start : start + _AT_A_TIME])


def _trade_rows(part: np.ndarray) -> Iterator[Row]:
    return zip(*(part[name].tolist() for name in TRADE_COLUMNS), strict=True)


def _marked_rows(part: np.ndarray) -> Iterator[Row]:
    """Yield trades with what they do not count for; all of a file have it, or none."""
    columns = [part[name].tolist() for name in TRADE_COLUMNS]
    return zip(*columns, (part["flag"] & MARKS).tolist(), strict=True)


def _quote_rows(part: np.ndarray) -> Iterator[Row]:
    return zip(*(part[name].tolist() for name in part.dtype.names or ()), strict=True)
