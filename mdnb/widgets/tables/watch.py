"""`WatchList`: several symbols at a glance."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Hashable, Sequence
from typing import Any

from mdnb.errors import OptionError
from mdnb.runtime.live.symbol_state import SymbolState
from mdnb.widgets.figure.decimals import PriceDecimals
from mdnb.widgets.tables.base import MOST_ROWS, LiveTable
from mdnb.widgets.tables.cell_format import DASH, age_text, arrow, blocks, number, scaled, signed
from mdnb.widgets.tables.state import Cell, Column, Row, TableState, Tone

__all__ = ["WatchList"]

_NAN = float("nan")
_CLOSES = 60
_STALE_SECONDS = 10.0


@dataclasses.dataclass(frozen=True, slots=True)
class _Opening:
    """Where a session began, and of which bars that was read."""

    session_ns: int
    generation: int
    bar_us: int
    price: float


class WatchList(LiveTable[TableState]):
    """Several symbols: last price, change since the session's open, bid, ask, the newest closes, data's age.

    The session's open is that of its first bar held; where history does not reach back to the session's
    begin, the change counts from where it does. Age is the wall-clock time since data last arrived.

    Parameters
    ----------
    engines
        Where the data comes from, one for each symbol, at most 200.
    ages
        For each of them, what gives the seconds since its data last arrived, infinity before any.
    fps, palette
        As for `LiveTable`.

    Raises
    ------
    OptionError
        When an option is outside what is allowed, or no symbol is given.
    """

    def __init__(
        self, engines: Sequence[SymbolState], ages: Sequence[Callable[[], float]], **options: Any
    ) -> None:
        if not 1 <= len(engines) <= MOST_ROWS:
            raise OptionError(f"a watch list has 1 to {MOST_ROWS} symbols; got {len(engines)}")
        self._ages = tuple(ages)
        self._openings: dict[SymbolState, _Opening] = {}
        self._prices = {engine: PriceDecimals() for engine in engines}
        super().__init__(engines, **options)

    def _version(self) -> Hashable:
        each = tuple(
            (engine.updates, engine.last_trade, engine.last_quote, age_text(age()))
            for engine, age in zip(self._engines, self._ages, strict=True)
        )
        return each, self._status()

    def _let_data_go(self) -> None:
        super()._let_data_go()
        self._ages = ()
        self._openings, self._prices = {}, {}

    def _compose(self) -> TableState:
        kept = self._engines[0].timeframes()[:1]
        columns = (
            Column("Symbol", numeric=False),
            Column("Last"),
            Column("Change"),
            Column("%"),
            Column("Bid"),
            Column("Ask"),
            Column(f"{_CLOSES} closes{''.join(f', {name}' for name in kept)}", numeric=False),
            Column("Age"),
        )
        rows = tuple(Row(self._cells(*each)) for each in zip(self._engines, self._ages, strict=True))
        return TableState("Watch list", (), self._badge(), columns, rows)

    def _cells(self, engine: SymbolState, since: Callable[[], float]) -> tuple[Cell, ...]:
        closes = self._closes(engine)
        trade, quote = engine.last_trade, engine.last_quote
        prices = [*closes, *([trade[1]] if trade else []), *([quote[1], quote[3]] if quote else [])]
        places = self._prices[engine].of(engine.instrument, prices)
        last = trade[1] if trade is not None else closes[-1] if closes else _NAN
        opened = self._session_open(engine)
        change = last - opened
        # Of a price below zero, too, what rises is a plus.
        percent = 100 * change / abs(opened) if opened else _NAN
        tone: Tone = "up" if change > 0 else "down" if change < 0 else ""
        age = since()
        points = f"{arrow(change)} {signed(change, places)}".strip() if math.isfinite(change) else DASH
        seen = [close for close in closes if math.isfinite(close)]
        span = f"{number(min(seen), places)} to {number(max(seen), places)}" if seen else "no closes yet"
        return (
            Cell(engine.symbol),
            Cell(number(last, places)),
            Cell(points, tone, hint=f"since {number(opened, places)}" if math.isfinite(opened) else ""),
            Cell(f"{signed(percent, 2)} %" if math.isfinite(percent) else DASH, tone),
            Cell(number(quote[1] if quote else _NAN, places)),
            Cell(number(quote[3] if quote else _NAN, places)),
            Cell(blocks(seen), tone, spark=tuple(scaled(seen)), hint=f"{len(seen)} closes, {span}"),
            Cell(age_text(age), "warning" if _STALE_SECONDS < age < math.inf else "muted"),
        )

    @staticmethod
    def _closes(engine: SymbolState) -> list[float]:
        with engine.lock:
            # In one go: another thread may remove a timeframe.
            names = engine.timeframes()
            closes: list[float] = engine.columns(names[0], _CLOSES).close.tolist() if names else []
        return closes

    def _session_open(self, engine: SymbolState) -> float:
        """Return the open of the session's first bar known, ``nan`` where there is none."""
        trade = engine.last_trade
        day = engine.sessions.day_span(trade[0]) if trade is not None else None
        if trade is None or day is None:
            return _NAN
        name = engine.cascade.root.name
        generation = engine.log(name).generation
        held = self._openings.get(engine)
        if held is None or (held.session_ns, held.generation) != (day[0], generation):
            session = engine.session_bars(trade[0])
            if session is None or not len(session.bars):
                return _NAN
            bars = session.bars
            first_us, price = int(bars.time_us[0]), float(bars.open[0])
            if held is not None and held.session_ns == day[0] and held.bar_us < first_us:
                # The session's first bars left memory; what they opened at still holds.
                first_us, price = held.bar_us, held.price
            held = self._openings[engine] = _Opening(day[0], generation, first_us, price)
        return held.price
