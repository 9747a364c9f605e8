"""Small samples of real market data, for examples and notebooks: no network, no key.

Where each comes from and under which licence stands in ``SOURCES.md`` in this folder. Play one with the
feed ``replay:dataset:NAME``.

Examples
--------
>>> import mdnb
>>> "gold-ticks" in mdnb.datasets.names()
True
>>> with mdnb.live("GC", "1min", feed="replay:dataset:gold-ticks?speed=max", initial_days=0) as live:
...     live.wait_ended()
...     len(live["1min"]) > 100
True
"""

from __future__ import annotations

from pathlib import Path

from mdnb.errors import FeedError, suggest

__all__ = ["describe", "names", "path"]

_HERE = Path(__file__).parent

_FILES = {
    "bitcoin-seconds": (
        "lean_coinbase_btcusd_second_20161008_trade.zip",
        "Coinbase BTCUSD, one day of second bars, 2016-10-08",
    ),
    "bitcoin-minutes": (
        "lean_coinbase_btcusd_minute_20161008_trade.zip",
        "Coinbase BTCUSD, one day of minute bars, 2016-10-08",
    ),
    "gold-ticks": (
        "lean_gc_tick_20131007_trade.zip",
        "COMEX gold futures, one day of trades, 2013-10-07; GC is the busiest expiry",
    ),
    "gold-minutes": (
        "lean_gc_minute_20131007_trade.zip",
        "COMEX gold futures, the same day's minute bars; GC is the busiest expiry",
    ),
    "bitcoin-messages": (
        "binance_spot_btcusdt_20240808T2358.txt.gz",
        "Binance BTCUSDT, 67 seconds of trades, quotes and depth as received, 2024-08-08",
    ),
    "binance-futures-messages": (
        "binance_futures_20210722T2225.txt.gz",
        "Binance futures, SUSHIUSDT and others, half a minute of trades, quotes and depth, 2021-07-22",
    ),
    "bybit-messages": (
        "bybit_20210417T1643.txt.gz",
        "Bybit BTCUSD and EOSUSD, half a minute of trades and depth as received, 2021-04-17",
    ),
    "okx-messages": (
        "okx_20220513T1627.txt.gz",
        "OKX BTC-USDT and others, half a minute of trades, quotes and depth as received, 2022-05-13",
    ),
}


def names() -> list[str]:
    """Return the names of the samples.

    Examples
    --------
    >>> names()[:5]
    ['bitcoin-seconds', 'bitcoin-minutes', 'gold-ticks', 'gold-minutes', 'bitcoin-messages']
    """
    return list(_FILES)


def path(name: str) -> Path:
    """Return the file of a sample.

    Raises
    ------
    FeedError
        When there is no such sample; the message lists those there are.

    Examples
    --------
    >>> path("gold-ticks").name
    'lean_gc_tick_20131007_trade.zip'
    """
    if name not in _FILES:
        raise FeedError(f"there is no dataset {name!r}. {suggest(name, _FILES)}")
    return _HERE / _FILES[name][0]


def describe(name: str) -> str:
    """Return what a sample holds, in one line.

    Examples
    --------
    >>> describe("bitcoin-minutes")
    'Coinbase BTCUSD, one day of minute bars, 2016-10-08'
    """
    path(name)
    return _FILES[name][1]
