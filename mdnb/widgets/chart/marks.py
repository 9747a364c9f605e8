"""Marks of trades and signals on a chart: bound to times, so they keep their place in any timeframe."""

from __future__ import annotations

import math
import numbers
import threading
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from mdnb.arguments import When, to_ns
from mdnb.errors import OptionError, suggest
from mdnb.types import Roll
from mdnb.widgets.figure.mark import SIDES, Mark

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["MOST_MARKS", "Marks"]

MOST_MARKS = 10_000
"""A chart holds so many of a symbol: the ones made first go."""

_TEXT_LENGTH = 200


class Marks:
    """The marks of one chart, for each symbol that it shows.

    Parameters
    ----------
    symbol
        Returns the symbol shown now.
    tz
        Zone of times.
    changed
        Called after each change, from the thread that made it.
    rolls
        Returns the seams at which the symbol shown went from one contract to the next: each is marked by
        itself, and no caller's mark.
    """

    def __init__(
        self,
        symbol: Callable[[], str],
        tz: str,
        changed: Callable[[], None],
        rolls: Callable[[], Sequence[Roll]] = tuple,
    ) -> None:
        self.tz = tz
        self._rolls = rolls
        self._marked: set[tuple[str, int, str]] = set()
        self._symbol = symbol
        self._changed = changed
        self._held: dict[str, list[Mark]] = {}
        self._epoch = 0
        self._lock = threading.Lock()

    def version(self) -> tuple[str, int, int]:
        """Return ``(symbol, epoch, count)``: in one epoch marks are only added, behind those held."""
        with self._lock:
            symbol = self._symbol()
            self._mark_rolls(symbol)
            return symbol, self._epoch, len(self._held.get(symbol, ()))

    def held(self) -> tuple[tuple[str, int, int], list[Mark]]:
        """Return the version and the marks of the symbol shown, in the order they were made."""
        with self._lock:
            symbol = self._symbol()
            self._mark_rolls(symbol)
            marks = list(self._held.get(symbol, ()))
            return (symbol, self._epoch, len(marks)), marks

    def made(self) -> dict[str, list[Mark]]:
        """Return the marks that callers made, by symbol: those of seams come by themselves."""
        with self._lock:
            found = {
                symbol: [mark for mark in held if not self._is_of_roll(mark)]
                for symbol, held in self._held.items()
            }
            return {symbol: marks for symbol, marks in found.items() if marks}

    def put(self, marks: Iterable[tuple[str, int, str, str, float | None]]) -> None:
        """Put marks back that are checked: symbol, time in UTC epoch nanoseconds, text, side, price."""
        made = [
            Mark(symbol=symbol, time_ns=time_ns, text=text, side=side, price=price, _marks=self)
            for symbol, time_ns, text, side, price in marks
        ]
        if made:
            self._add(made)

    def _is_of_roll(self, mark: Mark) -> bool:
        _, _, new = mark.text.rpartition(" → ")
        return mark.side == "note" and (mark.symbol, mark.time_ns, new) in self._marked

    def _mark_rolls(self, symbol: str) -> None:
        """Mark the seams of contracts that are not marked yet; hold the lock."""
        for roll in self._rolls():
            key = (symbol, roll.time_ns, roll.new)
            if key not in self._marked:
                self._marked.add(key)
                text = f"{roll.old} → {roll.new}"[:_TEXT_LENGTH]
                made = Mark(
                    symbol=symbol, time_ns=roll.time_ns, text=text, side="note", price=None, _marks=self
                )
                self._held.setdefault(symbol, []).append(made)

    def mark(self, time: When, text: str = "", *, side: str = "note", price: float | None = None) -> Mark:
        """Mark the bar that holds an instant.

        The mark stands there in any timeframe, after a reload, and in a second view.

        Parameters
        ----------
        time
            A datetime (a naive one means the machine's local time), an ISO string (without a zone: the
            chart's), or epoch seconds.
        text
            What stands beside the mark, at most 200 letters.
        side
            ``buy``: below the bar, pointing up; ``sell``: above, pointing down; ``note``: a dot above.
        price
            Shown by a short line on the bar, such as the price of a fill.

        Returns
        -------
        Mark
            `Mark.remove` takes it away.

        Raises
        ------
        OptionError
            When something given is not what is allowed.

        Examples
        --------
        >>> import mdnb
        >>> with mdnb.live("MNQ", ["1min"], initial_days=0.1) as market:
        ...     chart = market.chart("1min", theme="dark")
        ...     mark = chart.mark(market["1min"].index[-5], "in", side="buy", price=21_600.25)
        >>> mark.side, mark.text, mark.price
        ('buy', 'in', 21600.25)
        """
        made = self._make(time, text, side, price)
        self._add([made])
        return made

    def mark_trades(self, frame: pd.DataFrame) -> list[Mark]:
        """Mark every row of a frame, such as the trades of a backtest; none where one of them is wrong.

        Parameters
        ----------
        frame
            Columns ``side`` (``buy``, ``sell`` or ``note``), ``time`` (or the index), and if there are such
            ``price`` and ``text``; at most 10,000 rows.

        Returns
        -------
        list of Mark
            A mark for each row, in order.

        Raises
        ------
        OptionError
            When it is no such frame; the message names the row.

        Examples
        --------
        >>> import mdnb
        >>> with mdnb.live("MNQ", ["1min"], initial_days=0.1) as market:
        ...     trades = market["1min"].tail(2).assign(side=["buy", "sell"])
        ...     [mark.side for mark in market.chart("1min").mark_trades(trades)]
        ['buy', 'sell']
        """
        columns = getattr(frame, "columns", None)
        if columns is None or not hasattr(frame, "index"):
            raise OptionError(f"mark_trades takes a pandas DataFrame; got {type(frame).__name__}")
        if "side" not in columns:
            named = ", ".join(map(str, columns)) or "none"
            raise OptionError(f"the frame needs a column 'side' of {', '.join(SIDES)}; its columns: {named}")
        if len(frame) > MOST_MARKS:
            raise OptionError(
                f"a chart holds at most {MOST_MARKS:,} marks; the frame has {len(frame):,} rows"
            )
        times: Iterable[Any] = frame["time"] if "time" in columns else frame.index
        nothing = [None] * len(frame)
        texts = frame["text"] if "text" in columns else nothing
        prices = frame["price"] if "price" in columns else nothing
        made = []
        for at, row in enumerate(zip(times, texts, frame["side"], prices, strict=True)):
            time, text, side, price = (None if _missing(value) else value for value in row)
            try:
                made.append(self._make(time, "" if text is None else str(text), side, price))
            except OptionError as error:
                raise OptionError(f"row {at} of the frame: {error}") from error
        self._add(made)
        return made

    def clear_marks(self) -> None:
        """Remove all marks."""
        with self._lock:
            self._held.clear()
            self._epoch += 1
        self._changed()

    def remove(self, mark: Mark) -> None:
        """Remove one mark."""
        with self._lock:
            held = self._held.get(mark.symbol, [])
            if mark not in held:
                return
            held.remove(mark)
            self._epoch += 1
        self._changed()

    def _make(self, time: When, text: str, side: Any, price: Any) -> Mark:
        time_ns = to_ns(time, self.tz)
        if time_ns is None:
            raise OptionError("a mark needs a time: a datetime, an ISO string or epoch seconds")
        if not isinstance(text, str) or len(text) > _TEXT_LENGTH:
            raise OptionError(f"text must be a text of at most {_TEXT_LENGTH} letters; got {text!r}")
        if side not in SIDES:
            raise OptionError(f"there is no side {side!r}. {suggest(str(side), SIDES)}")
        if price is not None:
            real = isinstance(price, numbers.Real) and not isinstance(price, bool)
            if not real or not math.isfinite(price):
                raise OptionError(f"price must be a finite number or None; got {price!r}")
            price = float(price)
        return Mark(
            symbol=self._symbol(), time_ns=time_ns, text=text, side=str(side), price=price, _marks=self
        )

    def _add(self, made: Sequence[Mark]) -> None:
        with self._lock:
            for mark in made:
                self._held.setdefault(mark.symbol, []).append(mark)
            for held in self._held.values():
                if len(held) > MOST_MARKS:
                    del held[:-MOST_MARKS]
                    self._epoch += 1
        self._changed()


def _missing(value: Any) -> bool:
    """Return whether a frame has nothing there: None, NaN, NaT or NA."""
    import pandas as pd

    return value is None or (pd.api.types.is_scalar(value) and bool(pd.isna(value)))
