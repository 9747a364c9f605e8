"""Readers of JSON files of rows: Kraken's REST answers, ccxt's trades, lists of candles.

Prices and sizes are the floats nearest to what is written, times are read exactly from their digits.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from mdnb.errors import FeedError
from mdnb.feeds.replay.files import array_elements
from mdnb.feeds.replay.recording import Damage, Row
from mdnb.rows import TradeRow
from mdnb.timeframes import Timeframe

__all__ = ["candle_step", "candles", "ccxt_trades", "exact_ns", "kraken_trades"]

_NAN = float("nan")
_SIDES = {"b": 1, "buy": 1, "s": -1, "sell": -1}


def exact_ns(value: int | str, digits: int) -> int:
    """Return the nanoseconds of a decimal number of units that have ``digits`` decimals in nanoseconds.

    Examples
    --------
    >>> exact_ns("1762795433.9717445", 9), exact_ns("356.017", 6)
    (1762795433971744500, 356017000)
    """
    whole, _, fraction = str(value).partition(".")
    text = whole + fraction[:digits].ljust(digits, "0")
    if not (whole and text.isascii() and text.isdigit()):
        raise ValueError(f"{value!r} is no time")
    return int(text)


def kraken_trades(path: Path, damage: Damage, skip: int) -> Iterator[Row]:
    """Yield trades of Kraken's REST ``Trades``: ``[price, volume, time, b/s, m/l, misc, id]``."""

    def trade(row: list[Any]) -> TradeRow:
        price, size, time, side = row[:4]
        number = row[6] if len(row) > 6 else -1
        return exact_ns(time, 9), _finite(price), _finite(size), 1, _SIDES[side], int(number)

    return _read(path, damage, skip, trade)


def ccxt_trades(path: Path, damage: Damage, skip: int) -> Iterator[Row]:
    """Yield trades of ccxt's lists ``[ms, id, type, side, price, amount, cost]`` or of its objects."""

    def trade(row: Any) -> TradeRow:
        if isinstance(row, dict):
            row = [row.get(name) for name in ("timestamp", "id", "type", "side", "price", "amount")]
        ms, number, _, side, price, size = row[:6]
        identifier = int(number) if isinstance(number, int | str) and str(number).isdigit() else -1
        return exact_ns(ms, 6), _finite(price), _finite(size), 1, _SIDES.get(side, 0), identifier

    return _read(path, damage, skip, trade)


def candles(path: Path, damage: Damage, skip: int, last_is_open: bool) -> Iterator[Row]:
    """Yield bars of lists of candles: ccxt's 6 fields, Kraken's 8, Binance's 12.

    Parameters
    ----------
    last_is_open
        True for Kraken's REST ``OHLC``, whose last row is of the interval that still runs.
    """

    def bar(row: list[Any]) -> Row:
        digits = 9 if len(row) == 8 else 6
        start = exact_ns(row[0], digits)
        prices = [_finite(price) for price in row[1:5]]
        if len(row) == 8:
            return (start, *prices, _finite(row[6]), int(row[7]), _NAN)
        if len(row) == 12:
            return (start, *prices, _finite(row[5]), int(row[8]), _finite(row[7]))
        return (start, *prices, _finite(row[5]), 0, _NAN)

    held: Row | None = None
    for made in _read(path, damage, skip, bar):
        if held is not None:
            yield held
        held = made
    if held is not None:
        yield (*held, False) if last_is_open else held


def candle_step(rows: Iterator[Row], path: Path) -> str:
    """Return the timeframe of a file of candles: the step that most of the first 1000 are apart.

    Raises
    ------
    FeedError
        When there are fewer than two candles, or their step is no timeframe.
    """
    starts = [row[0] for row in itertools.islice(rows, 1000)]
    steps = Counter(later - earlier for earlier, later in itertools.pairwise(starts) if later > earlier)
    if not steps:
        raise FeedError(f"{path.name}: too few candles, or not oldest first: their timeframe is not clear")
    step = min(steps, key=lambda found: (-steps[found], found))
    if step % 1_000_000_000:
        raise FeedError(f"{path.name}: the candles are {step} ns apart, which is no timeframe")
    return Timeframe.of_seconds(step // 1_000_000_000).name


def _read(path: Path, damage: Damage, skip: int, make: Callable[[Any], Row]) -> Iterator[Row]:
    for number, element in enumerate(array_elements(path, damage, skip), 1):
        try:
            yield make(element)
        except (ValueError, TypeError, KeyError, IndexError):
            damage.note(f"row {number} of {path.name}")


def _finite(value: str | int) -> float:
    number = float(value)
    if number - number != 0.0:
        raise ValueError(f"{value!r} is not finite")
    return number
