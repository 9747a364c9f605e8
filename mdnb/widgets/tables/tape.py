"""`Tape`: time and sales, the newest trade on top."""

from __future__ import annotations

import datetime as dt
import zoneinfo
from collections.abc import Hashable
from typing import Any

from mdnb.number_format import SIZE_DECIMALS, decimals_needed
from mdnb.runtime.live.records import flag_name
from mdnb.runtime.live.symbol_state import SymbolState
from mdnb.stores.ticks import IN_BARS
from mdnb.widgets.figure.decimals import PriceDecimals
from mdnb.widgets.tables.base import LiveTable, row_limit
from mdnb.widgets.tables.cell_format import DASH, clock_text, number
from mdnb.widgets.tables.state import Cell, Column, Row, TableState, Tone

__all__ = ["Tape"]

_SIDES: dict[int, tuple[str, Tone]] = {1: ("▲ buy", "up"), -1: ("▼ sell", "down"), 0: (DASH, "muted")}
_MARKED = {
    "refused": (" !", "in no bar: too late, or outside the sessions"),
    "outlier": (" !", "in no bar: an outlier"),
    "cancelled": (" cancelled", "in no bar: the venue has taken it back"),
    "corrected": (" corrected", "corrected by the venue since it came"),
    "volume_only": (" ·", "counts for volume, and for no price of its bar, by its sale conditions"),
    "not_last": (" ·", "counts for high and low, not for open and close, by its sale conditions"),
    "not_counted": (" ·", "in no bar, by its sale conditions"),
}
_IN_PART = (" ·", "counts for a part of its bar, by its sale conditions")
_LATE = "late: older than a trade that came before it, so never the newest price"
_MS_DIGITS = 3


class Tape(LiveTable[TableState]):
    """Time and sales of one symbol: the newest trades in the order of their arrival, the newest on top.

    Time (the venue's, in the suite's zone), price, size, and the taker's side as a word with an arrow and as
    a colour. A trade that is in no bar has a ``!`` and says why on hovering, one that the venue took back or
    made another is marked ``cancelled`` or ``corrected``, one that counts for a part of its bar by its sale
    conditions has a ``·``. One that is older than a trade that came before it is marked ``late``.

    Parameters
    ----------
    engine
        Where the trades come from, such as ``suite.data.engine``.
    rows
        How many trades are shown, 1..200.
    fps, palette
        As for `LiveTable`.

    Raises
    ------
    OptionError
        When an option is outside what is allowed.
    """

    def __init__(self, engine: SymbolState, rows: int = 50, **options: Any) -> None:
        self._limit = row_limit("rows", rows)
        self._zone = zoneinfo.ZoneInfo(engine.tz)
        self._size_decimals = 0
        self._prices = PriceDecimals()
        super().__init__([engine], **options)

    def _version(self) -> Hashable:
        ticks = self._engine.ticks
        return ticks.total, ticks.changes, len(ticks), self._status()

    def _compose(self) -> TableState:
        engine = self._engine
        with engine.lock:
            held, late = engine.recent(self._limit), engine.ticks.late(self._limit)
        # Never fewer decimals than before: columns that change their width cannot be read.
        self._size_decimals = decimals_needed(held["size"].tolist(), self._size_decimals, SIZE_DECIMALS)
        prices = held["price"].tolist()
        places = self._prices.of(engine.instrument, prices)
        rows = []
        for (ts_ns, price, size, _, side, _, flag), is_late in zip(
            reversed(held.tolist()), reversed(late.tolist()), strict=True
        ):
            name, tone = _SIDES[side]
            mark, hint = (" late", _LATE) if is_late else ("", "")
            if flag != IN_BARS and (word := flag_name(flag)) != "waiting":
                mark, hint = _MARKED.get(word, _IN_PART)
            rows.append(
                Row(
                    (
                        Cell(clock_text(ts_ns, self._zone, _MS_DIGITS)),
                        Cell(number(price, places), tone),
                        Cell(number(size, self._size_decimals)),
                        Cell(name + mark, tone, hint=hint),
                    )
                )
            )
        newest = int(held["ts_ns"][-1]) if len(held) else 0
        zone = dt.datetime.fromtimestamp(newest // 1_000_000_000, self._zone).strftime("%Z")
        columns = (Column(f"Time {zone}", False), Column("Price"), Column("Size"), Column("Side", False))
        note = "" if rows else "no trades yet"
        return TableState(f"{engine.symbol} · trades", (), self._badge(), columns, tuple(rows), note=note)
