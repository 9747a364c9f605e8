"""Tables without a header: which column is which, by what stands in them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mdnb.errors import DataImportError
from mdnb.io.recognise.numbers import Style, style_of, to_numbers
from mdnb.io.recognise.vendors import BINANCE, HISTDATA, KRAKEN, LEAN, NINJA_TRADER, UNKNOWN, Vendor

__all__ = ["Layout", "layout_of"]

_TIME: Final = (
    r"^(?:\d{9,19}(?:\.\d+)?|\d{8}(?:[ T]\d{4,9})?|\d{12}|\d{14}|[2-9]\d{4}(?:\.\d+)?"
    r"|\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}(?:[ T].*)?|[A-Za-z]{3,9} \d{1,2},? \d{4}"
    r"|\d{1,2}[- ][A-Za-z]{3}[- ]\d{2,4}.*)$"
)
_CLOCK: Final = r"^\d{1,2}:\d{2}(?::\d{2})?(?:[.,]\d+)?$"
_DATE: Final = re.compile(r"^[12]\d{3}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])$")
_DAY_MS: Final = 86_400_000
_NUMBER: Final = r"^[(]?[-+]?[$€£¥₿]?[-+]?[\d][\d.,' \x{00a0}\x{202f}]*(?:[eE][-+]?\d+)?[KMBTkmbt)]?$"
_EPOCH: Final = r"^\d{9,19}(?:\.\d+)?$"
_ROWS: Final = 2000
_ORDERS: Final = (
    ("open", "high", "low", "close"),
    ("open", "close", "high", "low"),
    ("high", "low", "open", "close"),
    ("low", "high", "open", "close"),
)
_MOST: Final = 0.9  # of the rows: some files have bars that cannot be


class Layout(NamedTuple):
    """What the columns are: the place of each role, and whose files are so."""

    places: dict[str, int]
    vendor: Vendor


def layout_of(columns: Sequence[Any], said: str = "") -> Layout | None:
    """Return what the columns of a table without a header are; None where it cannot be told.

    Parameters
    ----------
    columns
        Arrays of pyarrow.
    said
        The file's name, which may tell whose it is.

    Examples
    --------
    >>> rows = ["1709564400 10 11 9 10.5 100", "1709564460 10.5 12 10 11 90"]
    >>> layout_of([pa.array(column) for column in zip(*map(str.split, rows))]).places
    {'time': 0, 'open': 1, 'high': 2, 'low': 3, 'close': 4, 'volume': 5}
    """
    heads = [_head(column) for column in columns]
    symbol = 0 if heads and _all(heads[0], r"^[A-Za-z][\w./^=\-]{0,31}$") and len(heads) > 5 else None
    time = 0 if symbol is None else 1
    if time >= len(heads):
        return None
    if (known := _lean(heads, said) or _trades(heads)) is not None:
        return known
    if not _all(heads[time], _TIME):
        return None
    places = {} if symbol is None else {"symbol": symbol}
    places["time"] = time
    at = time + 1
    if at < len(heads) and _all(heads[at], _CLOCK):
        places["clock"] = at
        at += 1
    numbers = _all_numbers(heads[at:])
    order = _order_of(numbers[:4])
    if order is not None:
        if len(numbers) > 4 and numbers[4] is None and heads[at + 4]:
            return None  # what stands where the volume is wont to be is no number
        places |= {role: at + place for place, role in enumerate(order)}
        return Layout(*_rest(places, heads, numbers, at + 4))
    return _ticks(places, heads, numbers, at)


def _order_of(numbers: Sequence[np.ndarray | None]) -> tuple[str, ...] | None:
    """Return in which order four columns are prices: the one that fits most bars, of several the first."""
    held = [column for column in numbers if column is not None]
    if len(held) < 4 or len({len(column) for column in held}) != 1:
        return None
    shares = [_share(dict(zip(order, held, strict=True))) for order in _ORDERS]
    best = max(shares)
    return _ORDERS[shares.index(best)] if best >= _MOST else None


def _rest(
    places: dict[str, int], heads: Sequence[list[str]], numbers: Sequence[np.ndarray | None], at: int
) -> tuple[dict[str, int], Vendor]:
    """Say what stands behind the prices."""
    count = len(heads)
    if count == 12 and at == 5 and _all(heads[6], r"^\d{13,16}$"):
        # data.binance.vision: time, OHLC, volume, close time, quote volume, count, takers' two, 0
        return {**places, "volume": 5, "tick_count": 8}, BINANCE
    if count == 8 and at == 5 and places["high"] == 2 and _is_between(numbers[4], numbers[2], numbers[1]):
        # Kraken's answers: time, OHLC, vwap, volume, count
        return {**places, "vwap": 5, "volume": 6, "tick_count": 7}, KRAKEN
    if at < count and numbers[at - count] is not None:
        places = {**places, "volume": at}
    if (
        count == 7
        and at == 5
        and places["high"] == 2
        and _all(heads[6], r"^\d+$")
        and _all(heads[0], r"^\d{9,10}$")
    ):
        return {**places, "tick_count": 6}, KRAKEN
    if count == 6 and "clock" not in places and _all(heads[0], r"^\d{8} \d{6}$"):
        return places, NINJA_TRADER
    return places, UNKNOWN


def _is_between(vwap: np.ndarray | None, low: np.ndarray | None, high: np.ndarray | None) -> bool:
    if vwap is None or low is None or high is None or len({len(vwap), len(low), len(high)}) != 1:
        return False
    return bool((((vwap >= low * (1 - 1e-9)) & (vwap <= high * (1 + 1e-9))) | (vwap == 0)).all())


def _ticks(
    places: dict[str, int], heads: Sequence[list[str]], numbers: Sequence[np.ndarray | None], at: int
) -> Layout | None:
    if len(heads) == 4 and _all(heads[0], r"^\d{8} \d{9}$"):
        return Layout({**places, "bid": 1, "ask": 2}, HISTDATA)
    if len(heads) - at in {2, 3} and numbers[0] is not None and numbers[1] is not None:
        if _are_alike(numbers[0], numbers[1]):
            return None  # a bid and an ask, or a price and sizes that happen to be near: nobody knows
        vendor = KRAKEN if len(heads) == 3 and _all(heads[0], r"^\d{10}(?:\.\d+)?$") else UNKNOWN
        return Layout({**places, "price": at, "size": at + 1}, vendor)
    return None


def _are_alike(one: np.ndarray, other: np.ndarray) -> bool:
    return len(one) == len(other) and bool((np.abs(one - other) <= 0.05 * np.abs(one)).all())


def _trades(heads: Sequence[list[str]]) -> Layout | None:
    """Trades whose first column is an id or the price: data.binance.vision, Kraken's and ccxt's lists."""
    count, boolean = len(heads), r"^(?i:true|false)$"
    if count == 7 and _all(heads[4], _EPOCH) and _all(heads[5], boolean):
        return Layout({"id": 0, "price": 1, "size": 2, "time": 4, "side": 5}, BINANCE)
    if count == 8 and _all(heads[5], _EPOCH) and _all(heads[6], boolean):
        return Layout({"id": 0, "price": 1, "size": 2, "time": 5, "side": 6}, BINANCE)
    if count == 7 and _all(heads[2], _EPOCH) and _all(heads[3], "^[bs]$"):
        return Layout({"price": 0, "size": 1, "time": 2, "side": 3, "id": 6}, KRAKEN)
    if count == 7 and _all(heads[0], _EPOCH) and _all(heads[3], "^(?:buy|sell)$"):
        return Layout({"time": 0, "id": 1, "side": 3, "price": 4, "size": 5}, Vendor("ccxt", "UTC"))
    return None


def _lean(heads: Sequence[list[str]], said: str) -> Layout | None:
    """LEAN's minute files: milliseconds since midnight; the day is in the file's name."""
    if len(heads) != 6 or not re.search(r"\d{8}", said) or not _all(heads[0], r"^\d{1,8}$"):
        return None
    if any(int(text) >= _DAY_MS for text in heads[0]) or all(map(_DATE.match, heads[0])):
        return None
    if _order_of(_all_numbers(heads[1:5])) != _ORDERS[0]:
        return None
    return Layout({"since_midnight": 0, "open": 1, "high": 2, "low": 3, "close": 4, "volume": 5}, LEAN)


def _head(column: Any) -> list[str]:
    part = column[:_ROWS]
    if pa.types.is_floating(part.type):
        return [format(number, ".9f") for number in part.drop_null().to_pylist()]
    if not pa.types.is_string(part.type):
        part = part.cast(pa.string())
    return [str(text).strip() for text in part.drop_null().to_pylist()]


def _all(texts: Sequence[str], shape: str) -> bool:
    return bool(texts) and pc.all(pc.match_substring_regex(pa.array(texts, pa.string()), shape)).as_py()


def _all_numbers(heads: Sequence[list[str]]) -> list[np.ndarray | None]:
    """Return each column as numbers, None where it holds others; written as the whole table writes them."""
    columns = {str(at): pa.array(head, pa.string()) for at, head in enumerate(heads)}
    numeric = {at: column for at, column in columns.items() if _all(column.to_pylist(), _NUMBER)}
    try:
        style = style_of(numeric, None, "")
    except DataImportError:
        # Of 1,234 in all prices either meaning tells the same of which is the highest.
        style = Style(",", "")
    made: list[np.ndarray | None] = []
    for at in columns:
        try:
            made.append(to_numbers({at: numeric[at]}, style, "")[at] if at in numeric else None)
        except DataImportError:
            made.append(None)
    return made


def _share(columns: dict[str, np.ndarray]) -> float:
    """Return which share of the rows are bars if the columns are these prices."""
    top = np.maximum(columns["open"], columns["close"])
    bottom = np.minimum(columns["open"], columns["close"])
    slack = 1e-9 * np.abs(top)
    fits = (columns["high"] >= top - slack) & (columns["low"] <= bottom + slack)
    return float(fits.mean())
