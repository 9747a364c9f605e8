"""`FrameView`: the last rows of a live frame, the forming bar among them."""

from __future__ import annotations

import datetime as dt
import zoneinfo
from collections.abc import Hashable
from typing import Any

from mdnb.errors import TimeframeError
from mdnb.number_format import SIZE_DECIMALS, decimals_needed
from mdnb.runtime.live.symbol_state import SymbolState
from mdnb.stores.bars import AMENDED, FILLED, PARTIAL, BarColumns
from mdnb.widgets.figure.decimals import PriceDecimals
from mdnb.widgets.tables.base import LiveTable, row_limit
from mdnb.widgets.tables.cell_format import arrow, number
from mdnb.widgets.tables.state import Cell, Column, Row, TableState, Tone

__all__ = ["FrameView"]

_FLAGS = ((PARTIAL, "partial"), (AMENDED, "amended"), (FILLED, "filled"))
_US = 1_000_000


class FrameView(LiveTable[TableState]):
    """The newest bars of one symbol and timeframe, the newest at the bottom as in a frame.

    The last row is the forming bar and says so. The close has an arrow and a colour: above or below the open.

    Parameters
    ----------
    engine
        Where the bars come from, such as ``suite.data.engine``.
    timeframe
        One that is kept.
    rows
        How many bars are shown, 1..200.
    fps, palette
        As for `LiveTable`.

    Raises
    ------
    TimeframeError
        When the timeframe is not kept.
    OptionError
        When an option is outside what is allowed.
    """

    def __init__(self, engine: SymbolState, timeframe: str, rows: int = 10, **options: Any) -> None:
        self._limit = row_limit("rows", rows)
        self._zone = zoneinfo.ZoneInfo(engine.tz)
        self._volume_decimals = 0
        self._prices = PriceDecimals()
        self.timeframe = engine.canonical(timeframe)
        super().__init__([engine], **options)

    def _version(self) -> Hashable:
        try:
            return self._engine.version(self.timeframe), self._status()
        except TimeframeError:
            return None, self._status()

    def _compose(self) -> TableState:
        engine = self._engine
        try:
            bars = engine.columns(self.timeframe, self._limit)
        except TimeframeError:
            return self._with_rows((), "", f"{self.timeframe} bars are no longer kept")
        self._volume_decimals = decimals_needed(bars.volume.tolist(), self._volume_decimals, SIZE_DECIMALS)
        prices = [
            price for column in (bars.open, bars.high, bars.low, bars.close) for price in column.tolist()
        ]
        places = self._prices.of(engine.instrument, prices)
        starts = [dt.datetime.fromtimestamp(us // _US, self._zone) for us in bars.time_us.tolist()]
        form = "%m-%d %H:%M:%S" if any(start.second for start in starts) else "%m-%d %H:%M"
        rows = tuple(self._row(bars, at, start.strftime(form), places) for at, start in enumerate(starts))
        zone = starts[-1].strftime("%Z") if starts else engine.tz
        return self._with_rows(rows, zone, "" if rows else "no bars yet")

    def _with_rows(self, rows: tuple[Row, ...], zone: str, note: str) -> TableState:
        names = ("Open", "High", "Low", "Close", "Volume")
        columns = (
            Column(f"Start {zone}".strip(), numeric=False),
            *(Column(name) for name in names),
            Column("State", numeric=False),
        )
        title = f"{self._engine.symbol} · {self.timeframe}"
        return TableState(title, (), self._badge(), columns, rows, note=note)

    def _row(self, bars: BarColumns, at: int, start: str, places: int) -> Row:
        is_forming = bars.forming and at == len(bars) - 1
        open_, close = float(bars.open[at]), float(bars.close[at])
        tone: Tone = "up" if close > open_ else "down" if close < open_ else ""
        flags = int(bars.flags[at])
        said = ["forming"] if is_forming else [name for flag, name in _FLAGS if flags & flag]
        return Row(
            (
                Cell(start),
                Cell(number(open_, places)),
                Cell(number(float(bars.high[at]), places)),
                Cell(number(float(bars.low[at]), places)),
                Cell(f"{arrow(close - open_)} {number(close, places)}".strip(), tone),
                Cell(number(float(bars.volume[at]), self._volume_decimals)),
                Cell(", ".join(said), "muted"),
            ),
            "forming" if is_forming else "",
        )
