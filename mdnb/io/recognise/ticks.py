"""Trades and quotes of a file that anybody wrote: recognised, in the order in which they happened."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mdnb.errors import OptionError
from mdnb.io.notes import Note, note, refuse, row_list
from mdnb.io.recognise.bar_sizes import order_of
from mdnb.io.recognise.bar_values import numbers_of, scaled
from mdnb.io.recognise.file_times import times_of
from mdnb.io.recognise.given import Given
from mdnb.io.recognise.guarded import told_as_refusal
from mdnb.io.recognise.meaning import meaning_of, of_one_symbol, shown_columns, table_of, without_footer
from mdnb.io.recognise.roles import BAR_PRICES, roles_by_name
from mdnb.io.recognise.saved import saved_trades
from mdnb.io.recognise.table import Table
from mdnb.io.recognise.understood import Understood
from mdnb.io.recognise.unpacked import unpacked
from mdnb.io.saved_market import is_saved_market

__all__ = ["FileTicks", "recognised_ticks"]

_ROLES: Final = (
    "epoch",
    "price",
    "bid",
    "ask",
    "time",
    "clock",
    "bid_size",
    "ask_size",
    "size",
    "side",
    "id",
    "symbol",
)
_BUY: Final = frozenset({"buy", "b", "bid", "buyer", "1", "up"})
_SELL: Final = frozenset({"sell", "s", "a", "ask", "seller", "-1", "down"})
_SHORT_NAMES: Final = frozenset({"p", "q", "T", "m"})
_LONG_NAMES: Final = {
    "p": "price",
    "q": "quantity",
    "T": "time",
    "m": "isBuyerMaker",
    "a": "aggTradeId",
    "t": "tradeId",
    "s": "symbol",
}
_NUMBERS: Final = {"trades": ("price", "size"), "quotes": ("bid", "ask", "bid_size", "ask_size")}


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class FileTicks:
    """Trades or quotes, oldest first; those of one instant in the order of the file.

    Attributes
    ----------
    kind
        ``"trades"`` or ``"quotes"``.
    time_us
        int64, UTC epoch microseconds.
    values
        float64 columns: ``price`` and ``size``, or ``bid``, ``ask`` and their sizes where the file has them.
    side
        int8: 1 where the buyer came to the seller, -1 where the seller came, 0 unknown.
    ids
        Text, as the file has them; None where it has none.
    symbols
        Those that the file names.
    understood, notes
        What the file was taken for; what was put right, left out or assumed.
    """

    kind: str
    time_us: np.ndarray
    values: Mapping[str, np.ndarray]
    side: np.ndarray
    ids: np.ndarray | None
    symbols: tuple[str, ...]
    understood: Understood
    notes: list[Note]

    def __len__(self) -> int:
        return len(self.time_us)


def recognised_ticks(
    filename: str | os.PathLike[str],
    given: Given,
    *,
    known_zone: str | None = None,
    preferred_symbol: str | None = None,
) -> FileTicks:
    """Return the trades or quotes of a file.

    Parameters
    ----------
    known_zone, preferred_symbol
        As for `recognised_bars`.

    Raises
    ------
    OptionError
        An argument is not allowed.
    DataImportError
        The file is not understood; or it needs something said that cannot be known from it: the message names
        the argument to give.
    """
    with told_as_refusal(filename):
        if is_saved_market(filename):
            return _saved_ticks(filename, given, preferred_symbol)
        return _recognised_ticks(filename, given, known_zone, preferred_symbol)


def _saved_ticks(filename: str | os.PathLike[str], given: Given, preferred_symbol: str | None) -> FileTicks:
    symbol, rows, understood = saved_trades(filename, given, preferred_symbol)
    has_ids = bool((rows["trade_id"] >= 0).any())
    return FileTicks(
        kind="trades",
        time_us=rows["ts_ns"] // 1000,
        values={"price": rows["price"].copy(), "size": rows["size"].copy()},
        side=rows["side"].copy(),
        ids=rows["trade_id"].astype(str).astype(object) if has_ids else None,
        symbols=(symbol.symbol,),
        understood=understood,
        notes=[],
    )


def _recognised_ticks(
    filename: str | os.PathLike[str], given: Given, known_zone: str | None, preferred_symbol: str | None
) -> FileTicks:
    held = unpacked(filename)
    where = held.where
    table = table_of(held, given)
    table = _with_long_names(table) if given.columns is None else table
    places, vendor = meaning_of(table, held, given, _ROLES, ("time",))
    kind = _kind(table, places, given, where)
    names = _NUMBERS[kind]
    needed = ("price",) if kind == "trades" else ("bid", "ask")
    table, symbols = of_one_symbol(table, places, given, where, preferred_symbol)
    table = without_footer(table, places, needed)
    if not len(table):
        raise refuse(where, f"it holds no {kind}", "A file of trades or quotes is needed.")
    times = times_of(table, places, vendor, given, held, known_zone)
    if times.are_dates:
        raise refuse(where, "its times are dates alone", "Trades and quotes have a time of day.")
    values, style = numbers_of(table, places, names, vendor, given, where)
    notes = [*table.notes, *times.notes]
    _check(values, needed, where, positive_prices=given.positive_prices)
    scale = given.price_scale
    if scale is None and vendor.price_scale is not None:
        lowest = min(float(np.abs(values[name]).min()) for name in needed)
        scale = vendor.price_scale if lowest > 1e6 else None
        if scale is not None:
            text = f"prices were multiplied by {scale:g}: {vendor.name} writes whole numbers"
            notes.append(note("price_scale", text, count=len(table)))
    if scale is not None:
        values |= {name: scaled(values[name], scale) for name in needed}
    for name in set(values) - set(needed):
        values[name] = np.nan_to_num(values[name], nan=0.0)
    side = _sides(table, places, where) if kind == "trades" else np.zeros(len(table), np.int8)
    ids = None
    if kind == "trades" and "id" in places:
        column = table.column(places["id"])
        text_ids = column if pa.types.is_string(column.type) else column.cast(pa.string())
        ids = text_ids.to_numpy(zero_copy_only=False)
    rows, more = _order(times.time_us, ids)
    return FileTicks(
        kind=kind,
        time_us=times.time_us[rows],
        values={name: values[name][rows] for name in names if name in values},
        side=side[rows],
        ids=None if ids is None else ids[rows],
        symbols=symbols,
        understood=Understood(
            vendor=vendor.name,
            kind=", ".join([*held.said, *table.said, kind]),
            columns=shown_columns(places, table),
            times=times.said,
            numbers=str(style),
            order=order_of(times.time_us),
            symbols=symbols,
            rows=len(rows),
        ),
        notes=[*notes, *more],
    )


def _with_long_names(table: Table) -> Table:
    """Return trades of one-letter names, in which case tells two apart, with names that others have, too.

    Binance's messages and answers: ``T`` is the time and ``t`` an id, ``m`` says that the buyer waited.
    """
    if not {*table.names} >= _SHORT_NAMES:
        return table
    names = [_LONG_NAMES.get(name, "") for name in table.names]
    if "a" in table.names and "t" in table.names:
        names[table.names.index("a")] = ""
    return dataclasses.replace(table, names=tuple(names))


def _kind(table: Table, places: Mapping[str, int], given: Given, where: str) -> str:
    bars = roles_by_name(table.names, ["epoch", *BAR_PRICES]) if table.has_header else places
    if given.columns is None and set(BAR_PRICES) <= bars.keys():
        raise refuse(where, "it holds bars, not ticks", "Read it with mdnb.read.")
    if "price" in places:
        return "trades"
    if {"bid", "ask"} <= places.keys():
        return "quotes"
    if given.columns is not None:
        raise OptionError("columns= needs price, or bid and ask, beside time.")
    names = ", ".join(name for name in table.names if name) or f"{len(table.columns)} without names"
    remedy = "Name them: columns={'time': ..., 'price': ..., 'size': ...}, or 'bid' and 'ask'."
    raise refuse(where, f"it has no price, nor bid and ask; its columns are {names[:300]}", remedy)


def _check(
    values: Mapping[str, np.ndarray], needed: Sequence[str], where: str, *, positive_prices: bool
) -> None:
    for name, column in values.items():
        if name in needed:
            bad, problem = ~np.isfinite(column), "is missing or not finite"
            if positive_prices and not bad.any():
                bad, problem = column <= 0, "is zero or negative"
        else:
            bad, problem = column < 0, "is negative"
        if bad.any():
            remedy = "Take these rows out, or put them right."
            if problem == "is zero or negative":
                remedy = "If such prices are real, as for spreads, give positive_prices=False."
            raise refuse(where, f"{name!r} {problem} in {row_list(np.flatnonzero(bad))}", remedy)


def _sides(table: Table, places: Mapping[str, int], where: str) -> np.ndarray:
    """Return who came to whom; a column that says whether the buyer waited has true for a seller who came."""
    sides = np.zeros(len(table), np.int8)
    if "side" not in places:
        return sides
    column = table.column(places["side"])
    texts = pc.utf8_lower(pc.utf8_trim_whitespace(_text(column)))
    is_maker = "maker" in table.names[places["side"]].casefold() or _is_of_booleans(texts)
    for value in pc.unique(texts).to_pylist():
        if value in {None, "", "0", "unknown", "n", "none"} and not is_maker:
            continue
        if is_maker:
            side = {"true": -1, "1": -1, "false": 1, "0": 1}.get(str(value))
        else:
            side = 1 if value in _BUY else -1 if value in _SELL else None
        if side is None:
            raise refuse(
                where, f"the side {value!r} is neither buy nor sell", "Leave the column out by columns=."
            )
        sides[pc.fill_null(pc.equal(texts, value), fill_value=False).to_numpy(zero_copy_only=False)] = side
    return sides


def _is_of_booleans(texts: Any) -> bool:
    return bool(pc.all(pc.is_in(texts.drop_null(), pa.array(["true", "false"]))).as_py()) and len(texts) > 0


def _text(column: Any) -> Any:
    return column if pa.types.is_string(column.type) else column.cast(pa.string())


def _order(time_us: np.ndarray, ids: np.ndarray | None) -> tuple[np.ndarray, list[Note]]:
    """Return the rows from the oldest on, each id once; equal rows without ids are as many trades."""
    rows, notes = np.arange(len(time_us)), list[Note]()
    order = order_of(time_us)
    if order == "newest first":
        rows = rows[::-1]
        notes.append(note("newest_first", "rows were newest first; sorted", count=len(rows)))
    elif order == "unsorted":
        rows = np.argsort(time_us, kind="stable")
        notes.append(note("unsorted", "rows were not in the order of time; sorted", count=len(rows)))
    if ids is not None:
        _, first = np.unique(ids[rows].astype(str), return_index=True)
        again = np.setdiff1d(np.arange(len(rows)), first)
        if len(again):
            notes.append(note("duplicate", "trades whose id was there before were left out", rows[again]))
            rows = rows[np.sort(first)]
    return rows, notes
