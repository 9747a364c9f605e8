"""The newest trades, in columns: 38 bytes each (hot path, guarded by ``tests/benchmarks``)."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from mdnb.rows import MARKS, MarkedTrade, QuoteRow, TradeRow, marks_of
from mdnb.stores.buffers import allocate

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

__all__ = [
    "CANCELLED",
    "CORRECTED",
    "IN_BARS",
    "OUTLIER",
    "QUOTE_DTYPE",
    "REFUSED",
    "STATUS",
    "TICK_DTYPE",
    "TRADE_COLUMNS",
    "WAITING",
    "RowStore",
    "counts_in_full",
    "is_in_bars",
    "trade_rows",
]

IN_BARS = 0
"""Flag of a trade that is in the bars."""
REFUSED = 1
"""Flag of a trade that is in no bar: too late, or outside the sessions."""
OUTLIER = 2
"""Flag of a trade that is kept out of the bars as an outlier."""
WAITING = 3
"""Flag of a trade that will be in the bars once those before it, which an outage cost, are there."""
CANCELLED = 4
"""Flag of a trade that the venue has taken back: it is in no bar."""
STATUS = 7
"""Mask of these flags; what else a trade's flag has are `mdnb.rows.MARKS`, and `CORRECTED`."""
CORRECTED = 128
"""Is added to the flag of a trade that was another one when it came."""

TICK_DTYPE = np.dtype(
    [
        ("ts_ns", "i8"),
        ("price", "f8"),
        ("size", "f8"),
        ("count", "i4"),
        ("side", "i1"),
        ("trade_id", "i8"),
        ("flag", "u1"),
    ]
)
"""A trade: UTC epoch nanoseconds, price, size, raw trades, taker side +1/-1/0, id or -1, and `IN_BARS` or
why it is in none, with what it does not count for."""

TRADE_COLUMNS = ("ts_ns", "price", "size", "count", "side", "trade_id")
"""Those of `TICK_DTYPE` that are the trade itself, in the order of a `TradeRow`."""

QUOTE_DTYPE = np.dtype(
    [("ts_ns", "i8"), ("bid", "f8"), ("bid_size", "f8"), ("ask", "f8"), ("ask_size", "f8")]
)
"""A quote: UTC epoch nanoseconds, best bid and ask with their sizes."""

_FIRST_CAPACITY = 4096
_MOST_STAGED = 128


def is_in_bars(flags: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Return which ticks are in the bars, as far as they count.

    Examples
    --------
    >>> is_in_bars(np.array([IN_BARS, OUTLIER, IN_BARS | 48], dtype=np.uint8)).tolist()
    [True, False, True]
    """
    found: NDArray[np.bool_] = (flags & STATUS) == IN_BARS
    return found


def counts_in_full(flags: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Return which ticks are in the bars with their price and volume.

    Examples
    --------
    >>> counts_in_full(np.array([IN_BARS, OUTLIER, IN_BARS | 48], dtype=np.uint8)).tolist()
    [True, False, False]
    """
    found: NDArray[np.bool_] = (flags & (STATUS | MARKS)) == IN_BARS
    return found


def trade_rows(held: NDArray[np.void]) -> list[TradeRow]:
    """Return ticks as trades, whatever became of them; those that do not count in full are marked.

    Examples
    --------
    >>> trade_rows(np.array([(5, 9.0, 1.0, 1, -1, 7, IN_BARS)], dtype=TICK_DTYPE))
    [(5, 9.0, 1.0, 1, -1, 7)]
    """
    rows: list[TradeRow] = list(zip(*(held[name].tolist() for name in TRADE_COLUMNS), strict=True))
    marks = held["flag"] & MARKS
    for at in np.flatnonzero(marks).tolist():
        rows[at] = MarkedTrade.of(rows[at], int(marks[at]))
    return rows


class RowStore:
    """The newest ``limit`` rows of one dtype, oldest first, contiguous.

    Parameters
    ----------
    dtype
        `TICK_DTYPE` or `QUOTE_DTYPE`.
    limit
        How many rows are held.

    Examples
    --------
    >>> store = RowStore(QUOTE_DTYPE, 2)
    >>> store.extend([(1, 9.0, 1.0, 10.0, 1.0), (2, 9.0, 1.0, 10.0, 1.0), (3, 9.0, 1.0, 11.0, 1.0)])
    >>> store.tail(10)["ts_ns"].tolist(), store.total
    ([2, 3], 3)
    """

    __slots__ = (
        "__weakref__",
        "_flagged",
        "_gone_ns",
        "_n",
        "_names",
        "_rows",
        "_settling",
        "_staged",
        "_staged_flag",
        "changes",
        "dtype",
        "limit",
        "on_change",
        "on_rows",
        "total",
    )

    def __init__(self, dtype: np.dtype[np.void], limit: int) -> None:
        self.dtype = dtype
        self.limit = limit
        self.total = self.changes = 0
        # Is handed rows that become others, as they were and as they are.
        self.on_change: Callable[[NDArray[np.void], NDArray[np.void]], None] | None = None
        # Is handed rows as they are put into the columns, by whoever does that.
        self.on_rows: Callable[[NDArray[np.void]], None] | None = None
        self._n = 0
        # The newest rows as they came: in columns they are put many at once, or when somebody reads.
        self._staged: list[TradeRow | QuoteRow] = []
        self._staged_flag = IN_BARS
        self._settling = threading.Lock()
        self._gone_ns = -(2**63)
        self._flagged = "flag" in (dtype.names or ())
        self._names = tuple(name for name in dtype.names or () if name != "flag")
        self._rows: NDArray[np.void] = allocate(dtype, min(_FIRST_CAPACITY, self._largest()))

    def __len__(self) -> int:
        return min(self._n + len(self._staged), self.limit)

    @property
    def nbytes(self) -> int:
        """Bytes of the rows held."""
        return len(self) * self.dtype.itemsize

    def settle(self) -> None:
        """Put the newest rows into the columns, and hand them to whoever wants them."""
        self._settle()

    def _largest(self) -> int:
        return self.limit + max(_FIRST_CAPACITY, self.limit // 64)

    def extend(self, rows: Sequence[TradeRow] | Sequence[QuoteRow], flag: int = IN_BARS) -> None:
        """Append rows in arrival order; ``flag`` fills the last field of ticks."""
        self.total += len(rows)
        if flag != self._staged_flag:
            self._settle()
            self._staged_flag = flag
        self._staged += rows
        if len(self._staged) >= _MOST_STAGED:
            self._settle()

    def _settle(self) -> None:
        """Put the newest rows into the columns."""
        if not self._staged:
            return
        # The background loop looks back without the symbol's lock, while others read under it.
        with self._settling:
            rows, self._staged = self._staged, []
            if self.on_rows is not None and rows:
                more = (self._staged_flag,) if self._flagged else ()
                self.on_rows(np.array([(*row, *more) for row in rows], dtype=self.dtype))
            if len(rows) > self.limit:
                self._gone_ns = max(self._gone_ns, *(row[0] for row in rows[: -self.limit]))
                rows = rows[-self.limit :]
            self._reserve(len(rows))
            a, b = self._n, self._n + len(rows)
            view = self._rows[a:b]
            if len(rows) == 1:
                view[0] = (*rows[0], self._staged_flag) if self._flagged else rows[0]
            elif rows:
                # One iterator after the other: one of each row at once has the garbage collector at work.
                names = self._names
                values = list(itertools.chain.from_iterable(rows))
                if len(values) != len(names) * len(rows):
                    raise ValueError(f"each row has to have {len(names)} values: {', '.join(names)}")
                for at, name in enumerate(names):
                    view[name] = values[at :: len(names)]
                if self._flagged:
                    view["flag"] = self._staged_flag
            self._n = b

    def extend_array(self, rows: NDArray[np.void]) -> None:
        """Append rows that are an array of the store's dtype already."""
        self._settle()
        self.total += len(rows)
        if self.on_rows is not None:
            self.on_rows(rows.copy())
        self._note_gone(rows[: -self.limit])
        rows = rows[-self.limit :]
        self._reserve(len(rows))
        self._rows[self._n : self._n + len(rows)] = rows
        self._n += len(rows)

    def insert(
        self, rows: Sequence[TradeRow] | Sequence[QuoteRow], places: Sequence[int], flag: int = IN_BARS
    ) -> NDArray[np.bool_]:
        """Put rows between those held, where they would be had they arrived in time.

        Parameters
        ----------
        places
            For each the position, 0 the oldest held, of the row that it comes before; those of one place stay
            in their order.
        flag
            Fills the last field of ticks.

        Returns
        -------
        ndarray
            Which of the rows held now are these; of more than the limit the oldest are driven out.

        Examples
        --------
        >>> store = RowStore(QUOTE_DTYPE, 4)
        >>> store.extend([(at, 9.0, 1.0, 10.0, 1.0) for at in (1, 5, 3)])
        >>> store.insert([(4, 9.0, 1.0, 10.0, 1.0), (2, 9.0, 1.0, 10.0, 1.0)], [1, 0]).tolist()
        [False, True, False, False]
        >>> store.tail(9)["ts_ns"].tolist()
        [1, 4, 5, 3]
        """
        held = self.tail(len(self))
        made = np.array(
            [(*row, flag | marks_of(row)) if self._flagged else row for row in rows], dtype=self.dtype
        )
        if self.on_rows is not None:
            self.on_rows(made)
        whole = np.insert(held, places, made)
        new = np.insert(np.zeros(len(held), dtype=bool), places, np.ones(len(made), dtype=bool))
        keep = min(len(whole), self.limit)
        self._note_gone(self._rows[: self._n - len(held)])
        self._note_gone(whole[: len(whole) - keep])
        self.total += len(made)
        self._hold(whole[len(whole) - keep :])
        return new[len(whole) - keep :]

    def _hold(self, rows: NDArray[np.void]) -> None:
        """Hold these rows instead."""
        self._rows = allocate(self.dtype, max(_FIRST_CAPACITY, min(2 * len(rows), self._largest())))
        self._rows[: len(rows)] = rows
        self._n = len(rows)

    def _reserve(self, count: int) -> None:
        if self._n + count <= len(self._rows):
            return
        held = self.tail(max(0, self.limit - count))
        self._note_gone(self._rows[: self._n - len(held)])
        wanted = max(min(2 * (len(held) + count), self._largest()), len(held) + count)
        rows = allocate(self.dtype, wanted)
        rows[: len(held)] = held
        self._rows, self._n = rows, len(held)

    def _note_gone(self, rows: NDArray[np.void]) -> None:
        if len(rows):
            self._gone_ns = max(self._gone_ns, int(rows["ts_ns"].max()))

    def tail(self, count: int) -> NDArray[np.void]:
        """Return a copy of the newest ``count`` rows, fewer where fewer are held."""
        self._settle()
        take = min(count, len(self))
        return self._rows[self._n - take : self._n].copy()

    def late(self, count: int) -> NDArray[np.bool_]:
        """Return which of the newest ``count`` rows are older than one that came before them.

        Examples
        --------
        >>> store = RowStore(QUOTE_DTYPE, 9)
        >>> store.extend([(at, 9.0, 1.0, 10.0, 1.0) for at in (1, 5, 3, 5, 4)])
        >>> store.late(4).tolist()
        [False, True, False, True]
        """
        self._settle()
        time = self._rows["ts_ns"][max(0, self._n - self.limit) : self._n]
        late: NDArray[np.bool_] = time < np.maximum.accumulate(time)
        return late[len(late) - min(count, len(late)) :]

    def last(self) -> tuple[float, ...] | None:
        """Return the newest row, None while there is none."""
        self._settle()
        row: tuple[float, ...] | None = self._rows[self._n - 1].item() if self._n else None
        return row

    def between(self, start_ns: int, end_ns: int) -> NDArray[np.void]:
        """Return copies of the rows stamped in ``[start_ns, end_ns)``, in arrival order."""
        self._settle()
        held = self._rows[max(0, self._n - self.limit) : self._n]
        time = held["ts_ns"]
        return held[(time >= start_ns) & (time < end_ns)]

    def reaches(self, ts_ns: int) -> bool:
        """Return whether every row stamped at or after an instant is still held."""
        return self.newest_gone_ns < ts_ns

    @property
    def newest_gone_ns(self) -> int:
        """The newest time of the rows that are not held any more; of later ones all are."""
        self._settle()
        # Trades that were missed come after newer ones: the oldest one held does not tell.
        self._note_gone(self._rows[: max(0, self._n - self.limit)])
        return self._gone_ns

    def clear_flags(self, rows: Sequence[TradeRow], flag: int) -> int:
        """Flag as in the bars rows held with ``flag``, known by time, price, size, id; return how many."""
        self._settle()
        held = self._rows[max(0, self._n - self.limit) : self._n]
        wanted = {(row[0], row[1], row[2], row[5]) for row in rows}
        cleared = 0
        for at in np.flatnonzero((held["flag"] & STATUS) == flag).tolist():
            one = held[at]
            if (int(one["ts_ns"]), float(one["price"]), float(one["size"]), int(one["trade_id"])) in wanted:
                before = held[at : at + 1].copy()
                held["flag"][at] &= ~np.uint8(STATUS)
                cleared += 1
                self._tell_change(before, held[at : at + 1])
        return cleared

    def find(self, trade_id: int, price: float, size: float) -> int | None:
        """Return the position of the newest trade of an id, price and size that is not taken back, if held.

        Examples
        --------
        >>> store = RowStore(TICK_DTYPE, 9)
        >>> store.extend([(at, 9.0, 1.0, 1, 0, 7) for at in (1, 2)])
        >>> store.find(7, 9.0, 1.0), store.find(7, 9.5, 1.0)
        (1, None)
        """
        self._settle()
        held = self._rows[max(0, self._n - self.limit) : self._n]
        is_it = (held["trade_id"] == trade_id) & (held["price"] == price) & (held["size"] == size)
        found = np.flatnonzero(is_it & ((held["flag"] & STATUS) != CANCELLED))
        return int(found[-1]) if len(found) else None

    def tick(self, at: int) -> tuple[TradeRow, int]:
        """Return the trade at a position, 0 the oldest held, and its flag."""
        self._settle()
        *row, flag = self._rows[max(0, self._n - self.limit) + at].item()
        made: TradeRow = tuple(row)
        return (MarkedTrade.of(made, flag & MARKS) if flag & MARKS else made), flag

    def change(self, at: int, row: TradeRow, flag: int) -> None:
        """Hold another trade at a position, 0 the oldest held."""
        self._settle()
        place = max(0, self._n - self.limit) + at
        before = self._rows[place : place + 1].copy()
        self._rows[place] = (*row, flag | marks_of(row))
        self._tell_change(before, self._rows[place : place + 1])
        # Who shows the newest ones looks at this.
        self.changes += 1

    def _tell_change(self, before: NDArray[np.void], now: NDArray[np.void]) -> None:
        if self.on_change is not None:
            self.on_change(before, now.copy())

    def take_out(self, flag: int) -> None:
        """Forget the rows held with a flag, as if they had never been added."""
        held = self.tail(len(self))
        keep = held[(held["flag"] & STATUS) != flag]
        self.total -= len(held) - len(keep)
        # What they drove out is gone all the same.
        self._note_gone(self._rows[: self._n - len(held)])
        self._hold(keep)

    def drop_before(self, ts_ns: int) -> int:
        """Forget rows older than an instant; return how many."""
        held = self.tail(len(self))
        keep = held[held["ts_ns"] >= ts_ns]
        gone = len(held) - len(keep)
        if gone:
            self._note_gone(held[held["ts_ns"] < ts_ns])
            self._note_gone(self._rows[: self._n - len(held)])
            self._hold(keep)
        return gone

    def set_limit(self, limit: int) -> None:
        """Hold at most ``limit`` rows from now on."""
        kept = self.tail(limit)
        self._note_gone(self._rows[: self._n - len(kept)])
        self.limit = limit
        self._hold(kept)

    def frame(self, count: int, tz: str) -> pd.DataFrame:
        """Return the newest rows as a frame indexed by ``timestamp`` (datetime64[ns, tz])."""
        import pandas as pd

        rows = self.tail(count)
        # From int64, which are instants; datetime64 without a zone would be taken as wall time.
        index = pd.DatetimeIndex(rows["ts_ns"].copy(), dtype=pd.DatetimeTZDtype("ns", tz), name="timestamp")
        names = [name for name in self.dtype.names or () if name != "ts_ns"]
        return pd.DataFrame({name: rows[name] for name in names}, index=index)
