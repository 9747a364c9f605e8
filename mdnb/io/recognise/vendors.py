"""What is known of files by whom they are: the zone of their times, the unit of their prices.

Facts of each: the vendors' own documentation, and files seen.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Final

from mdnb.io.recognise.roles import plain_name

__all__ = [
    "BINANCE",
    "HISTDATA",
    "KRAKEN",
    "LEAN",
    "NINJA_TRADER",
    "UNKNOWN",
    "Vendor",
    "vendor_by_names",
]


@dataclasses.dataclass(frozen=True, slots=True)
class Vendor:
    """Who wrote a file.

    Attributes
    ----------
    name
        For people; empty where it is unknown.
    zone
        That of its times without an offset; None where it is not known.
    price_scale
        What its whole prices are to be multiplied with.
    hint
        What helps to say the zone where it is not known: half a sentence.
    """

    name: str = ""
    zone: str | None = None
    price_scale: float | None = None
    hint: str = ""


UNKNOWN: Final = Vendor()

# The names that a vendor's files have, and others seldom; the first that fits.
_BY_NAMES: Final[tuple[tuple[frozenset[str], Vendor], ...]] = (
    (frozenset({"tsevent", "rtype", "publisherid", "instrumentid"}), Vendor("Databento", "UTC", 1e-9)),
    (frozenset({"exchange", "symbol", "timestamp", "localtimestamp"}), Vendor("Tardis", "UTC")),
    (
        frozenset({"ticker", "per", "date", "time"}),
        # One head of three programs, each with times of a zone of its own.
        Vendor("Finam, Stooq or MetaStock", hint="Finam writes those of tz='Europe/Moscow'"),
    ),
    (frozenset({"date", "open", "tickvol", "spread"}), Vendor("MetaTrader 5")),
    (frozenset({"gmttime", "open", "high", "low", "close"}), Vendor("Dukascopy", "UTC")),
    (frozenset({"opentime", "open", "closetime", "quoteassetvolume"}), Vendor("Binance", "UTC")),
    (frozenset({"date", "symbol", "volumefrom", "volumeto"}), Vendor("CryptoCompare", "UTC")),
    (frozenset({"date", "price", "vol", "change"}), Vendor("Investing.com")),
    (frozenset({"date", "adjclose", "stocksplits", "dividends"}), Vendor("yfinance")),
    (frozenset({"date", "open", "adjclose", "volume"}), Vendor("Yahoo")),
    (frozenset({"date", "adjustedclose", "splitcoefficient"}), Vendor("Alpha Vantage")),
    (frozenset({"date", "adjustedclose", "dividendamount"}), Vendor("Alpha Vantage")),
    (frozenset({"time", "open", "high", "low", "close", "plot"}), Vendor("TradingView")),
    (
        frozenset({"date", "time", "open", "last", "numberoftrades", "bidvolume"}),
        Vendor("Sierra Chart", "UTC"),
    ),
    (frozenset({"time", "open", "high", "low", "last", "change", "volume"}), Vendor("Barchart")),
    (frozenset({"datum", "erster", "schlusskurs"}), Vendor("a German broker")),
    (frozenset({"date", "average", "barcount"}), Vendor("Interactive Brokers")),
    (frozenset({"t", "o", "h", "l", "c", "v", "vw", "n"}), Vendor("Polygon or Alpaca", "UTC")),
    (frozenset({"start", "low", "high", "open", "close", "volume"}), Vendor("Coinbase Advanced", "UTC")),
)

KRAKEN: Final = Vendor("Kraken", "UTC")
BINANCE: Final = Vendor("Binance", "UTC")
NINJA_TRADER: Final = Vendor("NinjaTrader")
HISTDATA: Final = Vendor("HistData", "Etc/GMT+5")  # Eastern standard time all year
LEAN: Final = Vendor("LEAN")  # shares in New York's time, futures and coins in UTC


def vendor_by_names(names: Sequence[str], text: str = "") -> Vendor:
    """Return who calls columns so.

    Parameters
    ----------
    text
        Lines before the table, which may say it.

    Examples
    --------
    >>> vendor_by_names(["Gmt time", "Open", "High", "Low", "Close", "Volume"]).zone
    'UTC'
    """
    if "cryptodatadownload" in text.casefold():
        return Vendor("CryptoDataDownload", "UTC")
    plain = {plain_name(name) for name in names}
    return next((vendor for needed, vendor in _BY_NAMES if needed <= plain), UNKNOWN)
