"""Bars and ticks of a saved market, for whoever reads files: nothing of them has to be recognised."""

from __future__ import annotations

import dataclasses
import os
from typing import Final

import numpy as np

from mdnb.errors import OptionError
from mdnb.io.file_bars import FileBars
from mdnb.io.manifest import SavedSymbol
from mdnb.io.notes import refuse
from mdnb.io.parquet_read import parquet_bars_of, parquet_timeframes
from mdnb.io.read_options import ReadOptions
from mdnb.io.recognise.given import Given
from mdnb.io.recognise.understood import Understood
from mdnb.io.saved_market import SavedMarket, open_saved_market
from mdnb.io.tick_members import read_tick_member
from mdnb.stores.ticks import TICK_DTYPE, is_in_bars
from mdnb.timeframes import Timeframe, in_order

__all__ = ["saved_bars", "saved_bars_of", "saved_timeframes", "saved_trades"]

_UNFIT: Final = ("date_format", "columns", "header", "separator", "decimal", "price_scale")


def saved_bars(
    filename: str | os.PathLike[str], given: Given, preferred_symbol: str | None = None
) -> tuple[FileBars, Understood]:
    """Return bars of a timeframe of a saved market, and what the file is.

    Raises
    ------
    OptionError
        An argument is of files that others wrote.
    DataImportError
        The file is not sound, or it has to be said which symbol or timeframe is meant.
    """
    _check(given)
    market = open_saved_market(filename)
    symbol = _symbol(market, given, preferred_symbol)
    found = saved_timeframes(market, symbol, positive_prices=given.positive_prices)
    where = str(market.path)
    wanted = given.timeframe or given.prefers
    name = Timeframe.parse(wanted).name if wanted else next(iter(found), "") if len(found) == 1 else ""
    if name not in found:
        held = ", ".join(found) or "no bars"
        asked = f" {name}, but" if name else ""
        raise refuse(where, f"it holds{asked} {held} of {symbol.symbol}", "Say which with timeframe=.")
    bars = found[name].closed()
    if given.tz is not None:
        bars = dataclasses.replace(bars, tz=given.tz)
    return bars, _understood(symbol, len(bars), "bars", name)


def saved_bars_of(
    filename: str | os.PathLike[str], given: Given, preferred_symbol: str | None = None
) -> dict[str, FileBars]:
    """Return the bars of one symbol of a saved market, by timeframe.

    Raises
    ------
    DataImportError
        As `saved_bars`.
    """
    market = open_saved_market(filename)
    symbol = _symbol(market, given, preferred_symbol)
    return saved_timeframes(market, symbol, positive_prices=given.positive_prices)


def saved_timeframes(
    market: SavedMarket, symbol: SavedSymbol, *, positive_prices: bool = True
) -> dict[str, FileBars]:
    """Return the bars of a symbol by timeframe, finest first; what was being made is among them.

    Raises
    ------
    DataImportError
        They are not sound.
    """
    if not symbol.bars:
        return {}
    member = market.member(symbol.bars)
    how = ReadOptions(tz=market.manifest.tz, positive_prices=positive_prices, keeps_order=True)
    found = parquet_bars_of(member, parquet_timeframes(member), how)
    return {name: found[name] for name in in_order(found)}


def saved_trades(
    filename: str | os.PathLike[str], given: Given, preferred_symbol: str | None = None
) -> tuple[SavedSymbol, np.ndarray, Understood]:
    """Return the trades of a saved market that are in its bars, rows of `TICK_DTYPE`, in order of time.

    Raises
    ------
    OptionError, DataImportError
        As `saved_bars`.
    """
    _check(given)
    market = open_saved_market(filename)
    symbol = _symbol(market, given, preferred_symbol)
    if not symbol.trades:
        raise refuse(str(market.path), f"it holds no trades of {symbol.symbol}", "Its bars: mdnb.read.")
    rows = read_tick_member(market.member(symbol.trades), TICK_DTYPE)
    rows = rows[is_in_bars(rows["flag"])]
    rows = rows[np.argsort(rows["ts_ns"], kind="stable")]
    return symbol, rows, _understood(symbol, len(rows), "trades", None)


def _check(given: Given) -> None:
    for name in _UNFIT:
        if getattr(given, name) is not None:
            raise OptionError(f"{name}= is of files that others wrote; a saved market says it itself")


def _symbol(market: SavedMarket, given: Given, preferred: str | None) -> SavedSymbol:
    held = market.manifest.symbols
    for wanted in (given.symbol, preferred):
        same = [each for each in held if wanted is not None and each.symbol.casefold() == wanted.casefold()]
        if same:
            return same[0]
        if wanted is not None and wanted == given.symbol:
            break
    if len(held) == 1 and given.symbol is None:
        return held[0]
    names = ", ".join(each.symbol for each in held)
    raise refuse(str(market.path), f"it holds {names}", "Say which with symbol=.")


def _understood(symbol: SavedSymbol, rows: int, kind: str, timeframe: str | None) -> Understood:
    return Understood(
        vendor="mdnb",
        kind=f"saved market, {kind}",
        columns={},
        times="times in UTC",
        timeframe=timeframe,
        symbols=(symbol.symbol,),
        rows=rows,
    )
