"""`LiveFrame`: the bars of one timeframe as they are right now, shown as a table."""

from __future__ import annotations

import html
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from mdnb.number_format import size_text
from mdnb.runtime.live.symbol_state import SymbolState
from mdnb.types import Bar, timestamp

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["LiveFrame"]

# Whole lots and counts have no decimals.
_COUNTS: Any = {"volume": size_text, "tick_count": size_text}
_ROWS_SHOWN = 8


class LiveFrame:
    """A view of the live bars of one timeframe.

    It behaves like a ``pandas.DataFrame`` that is made anew on each use: ``live["1min"].tail()``,
    ``live["1min"]["close"]``, ``len(live["1min"])``. Keep a moment with `frame`.

    Attributes
    ----------
    symbol, timeframe
        What it shows.
    """

    def __init__(self, engine: SymbolState, timeframe: str) -> None:
        self._engine = engine
        self.timeframe = engine.canonical(timeframe)
        self.symbol = engine.symbol

    @property
    def frame(self) -> pd.DataFrame:
        """The bars as they are now, oldest first, the forming one last; yours to keep and change."""
        return self._engine.frame(self.timeframe)

    @property
    def closed(self) -> pd.DataFrame:
        """The closed bars only."""
        return self._engine.frame(self.timeframe, closed_only=True)

    @property
    def forming(self) -> Bar | None:
        """The bar that is being made; None where there is none."""
        row = self._engine.forming(self.timeframe)
        return None if row is None else self._engine.bar(self.timeframe, row, closed=False)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return getattr(self.frame, name)

    def __getitem__(self, key: Any) -> Any:
        return self.frame[key]

    def __len__(self) -> int:
        return len(self.frame)

    def __iter__(self) -> Iterator[Any]:
        return iter(self.frame)

    def __array__(self, *args: Any, **kwargs: Any) -> Any:
        return self.frame.__array__(*args, **kwargs)

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *dir(self.frame)})

    def _summary(self) -> str:
        engine = self._engine
        last = engine.last_trade
        when = timestamp(last[0], engine.tz).strftime("%Y-%m-%d %H:%M:%S %Z") if last else "no data yet"
        return (
            f"{self.symbol} · {self.timeframe} · {len(self):,} bars · last update {when} · {engine.status()}"
        )

    def _forming_text(self) -> str:
        bar = self.forming
        if bar is None:
            return "no bar is forming"
        places = self._engine.instrument.decimals
        prices = " ".join(
            f"{name[0].upper()} {bar[name]:,.{places}f}" for name in ("open", "high", "low", "close")
        )
        return f"forming since {bar.timestamp.strftime('%H:%M:%S')}: {prices} V {size_text(bar.volume)}"

    def _shown(self) -> pd.DataFrame:
        return self._engine.frame(self.timeframe, _ROWS_SHOWN)

    def __repr__(self) -> str:
        return f"{self._summary()}\n{self._shown()}\n{self._forming_text()}"

    def _repr_html_(self) -> str:
        prices = f"{{:,.{self._engine.instrument.decimals}f}}".format
        table = self._shown().to_html(float_format=prices, formatters=_COUNTS, border=0)
        return (
            f"<div><strong>{html.escape(self._summary())}</strong>{table}"
            f"<small>{html.escape(self._forming_text())}</small></div>"
        )
