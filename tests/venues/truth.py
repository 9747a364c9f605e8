"""The venues' own bars, and the trades or quotes they were made of: what bars of ours have to equal.

Everything here is read with the standard library, numpy and pandas, without mdnb, so that a comparison has
two independent sides. Load a pair, build bars of the first, compare with the second:

=====================  ===================================  ===========================================
what                   ticks, in file order                 the venue's bars
=====================  ===================================  ===========================================
Kraken                 `kraken_trades`                      `kraken_bars` (with flat rows for empty minutes)
LEAN gold              `lean_trades` (tick zip)             `lean_bars` (minute zip)
LEAN XAUUSD, EURUSD    `lean_quotes` (tick zip)             `lean_quote_bars` (second and minute zips)
LEAN Coinbase          `lean_bars` (second zip)             `lean_bars` (minute zip): coarse of fine
Binance XRP/ETH        `ccxt_trades`                        `freqtrade_bars`
Binance futures        `binance_aggtrades`                  `binance_klines` (increments between updates)
=====================  ===================================  ===========================================

Tables
------
Ticks: ``time_ns`` int64 (UTC), ``price`` float64, ``size`` float64, ``id`` int64 (-1: none); quotes have
``bid`` and ``ask`` instead of price and size. Bars: ``start_ns`` int64, ``open high low close volume``
float64, ``count`` int64 (-1 where the venue does not say).

The rule: a bar is ``[start, start + step)``, labelled by its start, start = time floored to the step in the
UTC epoch; open and close in file order, equal times are not sorted; volume = sum of sizes; count = number of
trades; a zero size counts for the prices. `group_bars` is that rule in pandas.
The first and the last bar of a file are partial: compare `whole_bars` only.
"""

from __future__ import annotations

import gzip
import json
import zipfile
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from tests.venues.recordings import parsed, shared

SECOND = 10**9
MINUTE = 60 * SECOND

TICK_COLUMNS = ["time_ns", "price", "size", "id"]
BAR_COLUMNS = ["start_ns", "open", "high", "low", "close", "volume", "count"]

LEAN_ZONES = {"fxcm": "Etc/GMT+5", "ibm": "America/New_York"}
"""Time zone of the files' midnight where it is not UTC, by a word of the file's name."""


def group_bars(ticks: pd.DataFrame, step_ns: int, price: str = "price") -> pd.DataFrame:
    """Build bars of ticks by a plain groupby: the reference that everything else is compared with.

    Parameters
    ----------
    ticks
        In file order.
    step_ns
        Length of a bar.
    price
        Column to build of: ``price``, ``bid`` or ``ask``.
    """
    start = (ticks["time_ns"] // step_ns * step_ns).rename("start_ns")
    # Not sorted within a bar: first and last are by file order.
    grouped = ticks.groupby(start, sort=True)
    bars = grouped[price].agg(["first", "max", "min", "last"])
    bars.columns = pd.Index(["open", "high", "low", "close"])
    bars["volume"] = grouped["size"].sum() if "size" in ticks else 0.0
    bars["count"] = grouped.size()
    return bars.reset_index()[BAR_COLUMNS]


def coarser_bars(bars: pd.DataFrame, step_ns: int) -> pd.DataFrame:
    """Fold bars into coarser ones."""
    start = (bars["start_ns"] // step_ns * step_ns).rename("start_ns")
    grouped = bars.groupby(start, sort=True)
    folded = pd.DataFrame(
        {
            "open": grouped["open"].first(),
            "high": grouped["high"].max(),
            "low": grouped["low"].min(),
            "close": grouped["close"].last(),
            "volume": grouped["volume"].sum(),
            "count": -1,
        }
    )
    return folded.reset_index()[BAR_COLUMNS]


def whole_bars(bars: pd.DataFrame, ticks: pd.DataFrame, step_ns: int) -> pd.DataFrame:
    """Return the bars that the ticks cover entirely: not that of the first tick, nor that of the last."""
    first = ticks["time_ns"].iloc[0] // step_ns * step_ns
    last = ticks["time_ns"].iloc[-1] // step_ns * step_ns
    inside = (bars["start_ns"] > first) & (bars["start_ns"] < last)
    return bars[inside].reset_index(drop=True)


def mismatches(ours: pd.DataFrame, venue: pd.DataFrame, volume_tolerance: float = 1e-9) -> dict[str, int]:
    """Count differing rows by column, over the starts that both have; ``missing``, ``extra``: the others.

    Prices and counts must be equal; volumes are sums of floats, the venue's were of decimals, so they may
    differ by ``volume_tolerance``, relatively. A count of -1 is not compared.
    """
    left, right = ours.set_index("start_ns"), venue.set_index("start_ns")
    both = left.index.intersection(right.index)
    a, b = left.loc[both], right.loc[both]
    out = {name: int((a[name] != b[name]).sum()) for name in ("open", "high", "low", "close")}
    out["volume"] = int((~np.isclose(a["volume"], b["volume"], rtol=volume_tolerance, atol=1e-12)).sum())
    told = (a["count"] >= 0) & (b["count"] >= 0)
    out["count"] = int((a["count"] != b["count"])[told].sum())
    out["missing"] = len(right.index.difference(left.index))
    out["extra"] = len(left.index.difference(right.index))
    return out


# -- Kraken ---------------------------------------------------------------------------------------------


def kraken_trades() -> pd.DataFrame:
    """Return Kraken's XBTUSDT trades of 2025-11-10, 17:23:53 to 20:59; times exact, ids contiguous."""
    rows = _kraken("bars/kraken_xbtusdt_trades.json.gz")
    table = [(int(Decimal(row[2]) * SECOND), float(row[0]), float(row[1]), row[6]) for row in rows]
    return pd.DataFrame(table, columns=TICK_COLUMNS)


def kraken_bars() -> pd.DataFrame:
    """Return Kraken's own minutes, from 12:17 on.

    Empty minutes are there as flat rows: all prices the close before, volume 0, count 0 (`empty` of `count`).
    """
    rows = _kraken("bars/kraken_xbtusdt_ohlc_1m.json.gz")
    table = [(row[0] * SECOND, *map(float, row[1:5]), float(row[6]), row[7]) for row in rows]
    return pd.DataFrame(table, columns=BAR_COLUMNS)


def _kraken(name: str) -> list[list[object]]:
    with gzip.open(shared(name), "rt") as file:
        result = json.load(file, parse_float=Decimal)["result"]
    return next(rows for rows in result.values() if isinstance(rows, list))


# -- LEAN -----------------------------------------------------------------------------------------------


def lean_trades(name: str = "lean_gc_tick_20131007_trade", expiry: str = "201312") -> pd.DataFrame:
    """Return trades of a LEAN tick zip; gold of December 2013 unless told otherwise (39702 rows, no ids).

    Prices are as in the file: those of shares are in ten-thousandths.
    """
    table, start = _lean(name, expiry)
    return pd.DataFrame(
        {
            "time_ns": start + _ns(table[0]),
            "price": table[1].astype(float),
            "size": table[2].astype(float),
            "id": -1,
        }
    )


def lean_quotes(name: str = "lean_oanda_xauusd_tick_20140509_quote") -> pd.DataFrame:
    """Return quotes of a LEAN tick zip: ``time_ns bid ask``; OANDA's times are finer than microseconds."""
    table, start = _lean(name)
    return pd.DataFrame(
        {"time_ns": start + _ns(table[0]), "bid": table[1].astype(float), "ask": table[2].astype(float)}
    )


def lean_bars(name: str = "lean_gc_minute_20131007_trade", expiry: str = "201312") -> pd.DataFrame:
    """Return trade bars of a LEAN zip of seconds or minutes; empty intervals are left out."""
    table, start = _lean(name, expiry)
    return _lean_bars(table, start, range(1, 5), 5)


def lean_quote_bars(name: str, side: str) -> pd.DataFrame:
    """Return the ``bid`` or ``ask`` bars of a LEAN zip of quote bars; volume 0."""
    table, start = _lean(name)
    bars = _lean_bars(table, start, range(1, 5) if side == "bid" else range(6, 10), 5)
    return bars.assign(volume=0.0)


def _lean_bars(table: pd.DataFrame, start: int, prices: range, volume: int) -> pd.DataFrame:
    bars = pd.DataFrame({"start_ns": start + _ns(table[0])})
    for column, name in zip(prices, ("open", "high", "low", "close"), strict=True):
        bars[name] = table[column].astype(float)
    return bars.assign(volume=table[volume].astype(float), count=-1)


def _lean(name: str, expiry: str = "") -> tuple[pd.DataFrame, int]:
    """Return a member's cells as text, and midnight of its day in UTC nanoseconds."""
    with zipfile.ZipFile(shared(f"bars/{name}.zip")) as archive:
        member = next(
            held
            for held in archive.namelist()
            if not expiry or held.endswith((f"_{expiry}.csv", "trade.csv"))
        )
        with archive.open(member) as file:
            table = pd.read_csv(file, header=None, dtype=str)
    zone = next((zone for word, zone in LEAN_ZONES.items() if word in name), "UTC")
    midnight = pd.Timestamp(Path(member).name[:8], tz=ZoneInfo(zone))
    return table, int(midnight.tz_convert("UTC").as_unit("ns").value)


def _ns(milliseconds: pd.Series) -> np.ndarray:
    return np.array([int(Decimal(text) * 1_000_000) for text in milliseconds], dtype=np.int64)


# -- Binance --------------------------------------------------------------------------------------------


def ccxt_trades() -> pd.DataFrame:
    """Return Binance's XRP/ETH trades of 2019-10-11 to 13, as freqtrade keeps them (12477)."""
    with gzip.open(shared("bars/binance_xrpeth_aggtrades_20191011_ccxt.json.gz"), "rt") as file:
        rows = json.load(file)
    table = [(row[0] * 1_000_000, row[4], row[5], int(row[1])) for row in rows]
    return pd.DataFrame(table, columns=TICK_COLUMNS)


def freqtrade_bars() -> pd.DataFrame:
    """Return the minutes that freqtrade built of `ccxt_trades`; empty minutes are left out."""
    table = pd.read_feather(shared("bars/binance_xrpeth_1m_20191011.feather"))
    start = table["date"].dt.as_unit("ns").astype("int64")
    bars = table[["open", "high", "low", "close", "volume"]].astype(float)
    return bars.assign(start_ns=start, count=-1)[BAR_COLUMNS]


def binance_klines(name: str = "binance_futures") -> pd.DataFrame:
    """Return every kline update of a recording, in order of arrival.

    Columns `BAR_COLUMNS`, and ``symbol``, ``first_id`` and ``last_id`` (raw trade ids; -1: no trade yet),
    ``turnover``, ``closed`` (bool), ``event_ns``. The ids tell exactly which trades an update holds.
    """
    rows = []
    for message in parsed(name):
        data = message.get("data", {})
        if data.get("e") == "kline":
            k = data["k"]
            prices = [float(k[key]) for key in "ohlcv"]
            told = (k["n"], data["s"], k["f"], k["L"], float(k["q"]), k["x"], data["E"] * 1_000_000)
            rows.append((k["t"] * 1_000_000, *prices, *told))
    extra = ["symbol", "first_id", "last_id", "turnover", "closed", "event_ns"]
    return pd.DataFrame(rows, columns=BAR_COLUMNS + extra)


def binance_aggtrades(name: str = "binance_futures") -> pd.DataFrame:
    """Return every aggTrade of a recording: `TICK_COLUMNS`, ``symbol``, ``first_id`` and ``last_id``."""
    rows = []
    for message in parsed(name):
        t = message.get("data", {})
        if t.get("e") == "aggTrade":
            rows.append((t["T"] * 1_000_000, float(t["p"]), float(t["q"]), t["a"], t["s"], t["f"], t["l"]))
    return pd.DataFrame(rows, columns=[*TICK_COLUMNS, "symbol", "first_id", "last_id"])


def kline_increments(klines: pd.DataFrame, trades: pd.DataFrame) -> pd.DataFrame:
    """Return what each kline update adds to the one before it, beside the trades recorded for that.

    One row for each pair of consecutive updates of the same bar that holds new trades: ``symbol``,
    ``start_ns``, ``volume`` and ``count`` added by the venue, ``trade_volume`` and ``trade_count`` of the
    aggTrades with those ids, and ``complete``: whether the recording has all of them (the update may come
    before its trades were recorded, or after some were missed).
    """
    out = []
    for (symbol, start), updates in klines.groupby(["symbol", "start_ns"], sort=False):
        held = trades[trades["symbol"] == symbol]
        for earlier, later in zip(updates.itertuples(), list(updates.itertuples())[1:], strict=False):
            if later.last_id == earlier.last_id:
                continue
            added = held[(held["first_id"] > earlier.last_id) & (held["last_id"] <= later.last_id)]
            raw = int((added["last_id"] - added["first_id"] + 1).sum())
            out.append(
                {
                    "symbol": symbol,
                    "start_ns": start,
                    "volume": later.volume - earlier.volume,
                    "count": later.count - earlier.count,
                    "trade_volume": added["size"].sum(),
                    "trade_count": raw,
                    "complete": raw == later.last_id - earlier.last_id,
                }
            )
    return pd.DataFrame(out)
