"""Bars of a file that others wrote, made fit for a market: their timeframe, symbol, zone and trading days."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from mdnb.bars.activity import ActivityBars
from mdnb.bars.closing import ClosingTime
from mdnb.errors import DataImportError
from mdnb.runtime.live.symbol_state import SymbolState
from mdnb.runtime.past.merge_bars import fold_to
from mdnb.runtime.symbol_market import SymbolMarket
from mdnb.stores.bars import BarStore
from mdnb.stores.columns import PARTIAL
from mdnb.timeframes import Timeframe

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mdnb.io.file_bars import FileBars
    from mdnb.io.notes import Note
    from mdnb.io.recognise.given import Given
    from mdnb.io.recognise.ticks import FileTicks
    from mdnb.timeframes import Grid

__all__ = ["bars_of_ticks", "recognised_for"]

_DAY_US = 86_400_000_000
_AT_A_TIME = 65_536


def recognised_for(
    market: SymbolMarket, filename: str | os.PathLike[str], given: Given
) -> dict[str, FileBars]:
    """Return a file's bars by the timeframe that they go to, finer ones put together.

    Parameters
    ----------
    given
        What the caller says; ``timeframe`` is the one that is kept and wanted, None: as the file has it.

    Raises
    ------
    DataImportError
        The file is not understood, asks for something, or its bars are coarser than what is wanted.
    """
    from mdnb.io.recognise.bars import recognised_bars

    engine = market.engine
    instrument = engine.instrument
    wanted = None if given.timeframe is None else engine.canonical(given.timeframe)
    if wanted not in engine.activity:
        given = dataclasses.replace(given, timeframe=None, prefers=wanted or given.prefers)
    made = recognised_bars(
        filename,
        given,
        # Of a market that never closes nobody knows in whose time others write it.
        known_zone=None if instrument.calendar is None else instrument.timezone,
        preferred_symbol=market.symbol,
    )
    bars, where = made.bars, Path(filename).name
    bars = dataclasses.replace(
        bars,
        attributes={**bars.attributes, "understood": str(made.understood)},
        # By the hours of this market it is judged when they are taken.
        notes=[said for said in bars.notes if said["type"] != "other_hours"],
    )
    if wanted in engine.activity:
        return {str(wanted): bars}
    found = bars.attributes.get("timeframe")
    name = _wanted(market, wanted, None if found is None else str(found), where)
    grid = engine.grid(name)
    if grid is None:
        return {name: bars}
    days = _days(bars, grid, are_dates=made.are_dates)
    if days is not None:
        return {name: _on_trading_days(bars, days, grid, where)}
    if found is not None and Timeframe.parse(found) != Timeframe.parse(name):
        return {name: _put_together(bars, str(found), name, grid)}
    return {name: bars}


def _wanted(market: SymbolMarket, wanted: str | None, found: str | None, where: str) -> str:
    """Return the kept timeframe to which bars of a size go."""
    engine = market.engine
    kept = [name for name in engine.timeframes() if name not in engine.activity]
    if found is None:
        if wanted is None and len(kept) == 1:
            return kept[0]
        if wanted is None:
            raise DataImportError(
                f"{where}: its bars do not show which timeframe they are of; kept: {', '.join(kept)}."
                f" Say it, as in load(..., timeframe={kept[0] if kept else '1min'!r}). Nothing was imported."
            )
        return wanted
    size = Timeframe.parse(found)
    if wanted is None and size.name in kept:
        return size.name
    fits = [name for name in kept if _is_made_of(Timeframe.parse(name), size)]
    if wanted is None and fits:
        return fits[0]
    if wanted is not None and (wanted in fits or Timeframe.parse(wanted) == size):
        return wanted
    goal = wanted or (kept[0] if kept else "none")
    raise DataImportError(
        f"{where}: its bars are {size.name}, and {goal} bars cannot be made of them; kept: {', '.join(kept)}."
        f" Load a finer file, or keep what it has: add_timeframe({size.name!r}). Nothing was imported."
    )


def _is_made_of(coarse: Timeframe, fine: Timeframe) -> bool:
    if coarse.sort_key <= fine.sort_key:
        return False
    if fine.kind == coarse.kind:
        return coarse.size % fine.size == 0
    # Weeks and months consist of days, days of what is shorter; months not of weeks.
    return fine.kind == "intraday" or (fine.kind == "day" and fine.size == 1)


def _days(bars: FileBars, grid: Grid, *, are_dates: bool) -> NDArray[np.int64] | None:
    """Return the days (since 1970) that dates of daily bars name; None where they are instants."""
    if grid.timeframe.kind == "intraday":
        return None
    import pandas as pd

    if not are_dates:
        # Midnights of UTC where nobody trades around the clock are days, too: so pandas writes them.
        at_midnight = not (bars.time_us % _DAY_US).any()
        return bars.time_us // _DAY_US if at_midnight and not grid.sessions.always_open else None
    index = pd.DatetimeIndex(bars.frame().index)
    days: NDArray[np.int64] = index.tz_localize(None).as_unit("us").asi8 // _DAY_US
    return days


def _on_trading_days(bars: FileBars, days: NDArray[np.int64], grid: Grid, where: str) -> FileBars:
    """Return bars that begin when the trading day of their date does; of weeks and months its first day."""
    from mdnb.io.notes import note

    if grid.sessions.always_open:
        starts, _ = grid.starts(days * _DAY_US * 1000)
        return dataclasses.replace(bars, time_us=starts // 1000)
    opens, _, held = grid.sessions.trading_days()
    at = np.searchsorted(held, days)
    inside = at < len(held)
    if grid.timeframe.kind == "day":
        inside &= held[np.minimum(at, len(held) - 1)] == days
    if not inside.any():
        raise DataImportError(
            f"{where}: none of its {len(days):,} dates is a trading day of this market. Nothing was imported."
        )
    starts, _ = grid.starts(opens[at[inside]])
    notes = list(bars.notes)
    if not inside.all():
        text = "dates that are no trading days of this market were left out"
        notes.append(note("no_trading_day", text, np.flatnonzero(~inside)))
    return dataclasses.replace(_rows(bars, inside), time_us=starts // 1000, notes=notes)


def _rows(bars: FileBars, rows: NDArray[np.bool_]) -> FileBars:
    return dataclasses.replace(
        bars,
        time_us=bars.time_us[rows],
        values={name: held[rows] for name, held in bars.values.items()},
    )


def _put_together(bars: FileBars, found: str, name: str, grid: Grid) -> FileBars:
    """Return coarser bars made of those of a file; the last one is partial where the file ends amid it."""
    from mdnb.io.notes import note

    columns = bars.columns()
    _, inside = grid.starts(columns.time_us * 1000)
    notes = list(bars.notes)
    if not inside.all():
        text = "bars that begin while the venue is closed were left out"
        notes.append(note("session_closed", text, np.flatnonzero(~inside)))
    folded = fold_to(columns, grid)
    text = f"{name} bars were made of {len(columns):,} {found} bars"
    notes.append(note("put_together", text, count=len(columns)))
    partial = (folded.flags & PARTIAL) > 0
    if len(folded):
        ends = grid.ends(folded.time_us * 1000)
        step = Timeframe.parse(found).step_ns
        partial[0] |= int(columns.time_us[inside][0]) > int(folded.time_us[0])
        partial[-1] |= int(columns.time_us[inside][-1]) * 1000 + step < int(ends[-1])
    made = ("open", "high", "low", "close", "volume", "tick_count")
    values = {one: getattr(folded, one).astype(np.float64) for one in made}
    if "vwap" in bars.values:
        values["vwap"] = folded.vwap
    return dataclasses.replace(
        bars,
        time_us=folded.time_us,
        values=values,
        notes=notes,
        marks={"partial": partial} if partial.any() else {},
        attributes={**bars.attributes, "timeframe": name},
    )


def bars_of_ticks(
    market: SymbolMarket, filename: str | os.PathLike[str], given: Given
) -> dict[str, FileBars]:
    """Return the bars that the trades of a file make: of the finest timeframe on a clock, and of activity.

    A bar on a clock has the trades from its start to before its end; of one instant the first of the file
    comes first. The first and the last one are partial: nobody knows what was traded before and after. Bars
    of trades, volume and money begin with the first trade of the file; one that is not full at its end is
    left out.

    Raises
    ------
    DataImportError
        The file is not understood, holds quotes, or all its trades are outside the market's hours.
    """
    from mdnb.io.recognise.ticks import recognised_ticks

    engine, instrument = market.engine, market.engine.instrument
    engine.finest()  # raises where none is kept
    ticks = recognised_ticks(
        filename,
        given,
        known_zone=None if instrument.calendar is None else instrument.timezone,
        preferred_symbol=market.symbol,
    )
    where = Path(filename).name
    if ticks.kind != "trades":
        raise DataImportError(
            f"{where}: it holds quotes, and bars are made of trades. mdnb.read_ticks reads them."
            " Nothing was imported."
        )
    made: dict[str, FileBars] = {}
    clock = next((name for name in engine.timeframes() if name not in engine.activity), None)
    if clock is not None:
        grid = engine.grid(clock)
        assert grid is not None
        made[clock] = _bars_of(ticks, grid, clock, where)
    for name, bars in engine.activity.items():
        made[name] = _activity_of(ticks, bars.timeframe, engine, where)
    return made


def _activity_of(ticks: FileTicks, timeframe: Timeframe, engine: SymbolState, where: str) -> FileBars:
    """Return the bars that trades fill, one after the other."""
    from mdnb.io.file_bars import FileBars
    from mdnb.io.notes import note

    _, inside = engine.cascade.root.grid.starts(ticks.time_us * 1000)
    notes = [*ticks.notes, *_outside(inside, where)]
    count = int(np.count_nonzero(inside))
    sizes = ticks.values["size"][inside] if "size" in ticks.values else np.zeros(count)
    price = ticks.values["price"][inside]
    log = BarStore(max(1, count), engine.tz)
    bars = ActivityBars(timeframe, log, closing=ClosingTime())
    bars.closing.history_ns = engine.grace_ns
    for start in range(0, count, _AT_A_TIME):
        cut = slice(start, start + _AT_A_TIME)
        times = (ticks.time_us[inside][cut] * 1000).tolist()
        sides = ticks.side[inside][cut].tolist()
        ones, none = [1] * len(times), [-1] * len(times)
        prices = price[cut].tolist()
        bars.push_rows(list(zip(times, prices, sizes[cut].tolist(), ones, sides, none, strict=True)))
    columns = log.columns(0, len(log))
    left = bars.forming()
    text = f"{timeframe.name} bars were made of {count:,} trades"
    notes.append(note("put_together", text, count=count))
    if left is not None:
        text = f"the last {timeframe.name} bar was left out, which the last trades do not fill"
        notes.append(note("not_full", text, count=int(left[6])))
    prices_of = ("open", "high", "low", "close", "volume")
    return FileBars(
        time_us=columns.time_us,
        values={
            **{name: getattr(columns, name) for name in prices_of},
            "tick_count": columns.tick_count.astype(np.float64),
            "vwap": columns.vwap,
        },
        tz="UTC",
        attributes=_attributes(ticks, timeframe.name),
        notes=notes,
        closed_us=columns.closed_us,
    )


def _outside(inside: NDArray[np.bool_], where: str) -> list[Note]:
    """Return what is to be said of trades outside the market's hours; raise where all are."""
    from mdnb.io.notes import note

    if inside.all():
        return []
    if not inside.any():
        raise DataImportError(
            f"{where}: all its {len(inside):,} trades are outside the market's hours."
            " Are the times in another zone (tz=)? Nothing was imported."
        )
    text = "trades while the venue is closed were left out"
    return [note("session_closed", text, np.flatnonzero(~inside))]


def _attributes(ticks: FileTicks, name: str) -> dict[str, object]:
    told: dict[str, object] = {"source": "trades", "timeframe": name, "understood": str(ticks.understood)}
    return told | ({"symbol": ticks.symbols[0]} if len(ticks.symbols) == 1 else {})


def _bars_of(ticks: FileTicks, grid: Grid, name: str, where: str) -> FileBars:
    from mdnb.io.file_bars import FileBars
    from mdnb.io.notes import note

    begins, inside = grid.starts(ticks.time_us * 1000)
    notes = [*ticks.notes, *_outside(inside, where)]
    begins, price = begins[inside], ticks.values["price"][inside]
    size = ticks.values["size"][inside] if "size" in ticks.values else np.zeros(len(price))
    first = np.flatnonzero(np.concatenate(([True], begins[1:] != begins[:-1])))
    last = np.append(first[1:], len(begins)) - 1
    volume, money = np.add.reduceat(size, first), np.add.reduceat(size * price, first)
    vwap = np.full(len(first), np.nan)
    np.divide(money, volume, out=vwap, where=volume > 0)
    partial = np.zeros(len(first), dtype=bool)
    partial[[0, -1]] = True
    notes.append(note("put_together", f"{name} bars were made of {len(price):,} trades", count=len(price)))
    return FileBars(
        time_us=begins[first] // 1000,
        values={
            "open": price[first],
            "high": np.maximum.reduceat(price, first),
            "low": np.minimum.reduceat(price, first),
            "close": price[last],
            "volume": volume,
            "tick_count": (last - first + 1).astype(np.float64),
            "vwap": vwap,
        },
        tz="UTC",
        attributes=_attributes(ticks, name),
        notes=notes,
        marks={"partial": partial},
    )
