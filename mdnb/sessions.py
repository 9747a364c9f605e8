"""Trading sessions: when a venue is open, and where its bars start.

The hours come from ``pandas_market_calendars``; nothing here is a table of our own. A venue that never
closes has `Sessions.always`. All instants are UTC epoch nanoseconds.
"""

from __future__ import annotations

import datetime as dt
import functools
import warnings
from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np

from mdnb.errors import OptionError, suggest

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["DAY_NS", "FIRST_CALENDAR_DAY", "Sessions"]

DAY_NS = 86_400_000_000_000
FIRST_CALENDAR_DAY = dt.date(1970, 1, 1)
"""From here on a market's hours are known, whatever it trades now: history that is loaded may be as old.

``pandas_market_calendars`` has hours of every day; no time of ours is before 1970.
"""
_EPOCH_DAY_ORDINAL = 719_163


class Sessions:
    """The spans in which a venue trades, oldest first, and the trading day each belongs to.

    Parameters
    ----------
    opens, closes
        int64, UTC epoch nanoseconds; span ``i`` is ``[opens[i], closes[i])``.
    days
        int64, the trading day of each span as days since 1970-01-01. A venue with a lunch break has
        two spans a day. Default: the UTC date of each close.
    timezone
        The exchange's time zone, for labels.

    Examples
    --------
    >>> hours = Sessions.from_calendar("CME Globex Equity", "2026-03-05", "2026-03-11")
    >>> import datetime as dt
    >>> [dt.datetime.fromtimestamp(ns / 1e9, dt.timezone.utc).hour for ns in hours.opens[:4]]
    [23, 23, 22, 22]
    """

    __slots__ = (
        "_day_close",
        "_day_index",
        "_day_open",
        "always_open",
        "closes",
        "days",
        "opens",
        "timezone",
    )

    def __init__(
        self,
        opens: Iterable[int],
        closes: Iterable[int],
        days: Iterable[int] | None = None,
        timezone: str = "UTC",
    ) -> None:
        self.always_open = False
        self.timezone = timezone
        self.opens: NDArray[np.int64] = np.asarray(list(opens), dtype=np.int64)
        self.closes: NDArray[np.int64] = np.asarray(list(closes), dtype=np.int64)
        if len(self.opens) != len(self.closes):
            raise OptionError(
                f"sessions need one close for each open; got {len(self.opens)} and {len(self.closes)}"
            )
        if len(self.opens) and not (
            bool(np.all(self.opens < self.closes)) and bool(np.all(self.closes[:-1] <= self.opens[1:]))
        ):
            raise OptionError("sessions must be in order and must not overlap: open < close <= next open")
        self.days: NDArray[np.int64] = (
            (self.closes - 1) // DAY_NS if days is None else np.asarray(list(days), dtype=np.int64)
        )
        first = (
            np.flatnonzero(np.diff(self.days, prepend=self.days[:1] - 1))
            if len(self.days)
            else np.empty(0, int)
        )
        last = np.append(first[1:], len(self.days)) - 1 if len(first) else first
        self._day_open: NDArray[np.int64] = self.opens[first]
        self._day_close: NDArray[np.int64] = self.closes[last]
        self._day_index: NDArray[np.int64] = self.days[first]

    @classmethod
    @functools.cache
    def always(cls) -> Sessions:
        """Return the sessions of a venue that never closes: anchored at midnight UTC.

        Examples
        --------
        >>> Sessions.always().contains(0)
        True
        """
        made = cls([], [])
        made.always_open = True
        return made

    @classmethod
    def from_calendar(cls, name: str, start: str | dt.date, end: str | dt.date) -> Sessions:
        """Return a calendar's sessions between two dates, both included.

        Parameters
        ----------
        name
            A calendar of ``pandas_market_calendars``, such as ``"CME Globex Equity"`` or ``"NYSE"``.
        start, end
            Trading days.

        Raises
        ------
        OptionError
            When the calendar is not known.
        """
        import pandas_market_calendars as calendars

        try:
            calendar = calendars.get_calendar(name)
        except RuntimeError as error:
            known = [str(known) for known in calendars.get_calendar_names()]
            raise OptionError(f"no calendar is called {name!r}. {suggest(name, known)}") from error
        with warnings.catch_warnings():
            # Between the two packages, and none of the user's business.
            warnings.simplefilter("ignore", DeprecationWarning)
            table = calendar.schedule(start, end)
        opens = table["market_open"].astype("datetime64[ns, UTC]").astype("int64").tolist()
        closes = table["market_close"].astype("datetime64[ns, UTC]").astype("int64").tolist()
        days = [stamp.toordinal() - _EPOCH_DAY_ORDINAL for stamp in table.index]
        spans = list(zip(opens, closes, days, strict=True))
        if "break_start" in table.columns:
            spans = _with_breaks(table, spans)
        return cls(
            [span[0] for span in spans],
            [span[1] for span in spans],
            [span[2] for span in spans],
            str(calendar.tz),
        )

    def contains(self, ts_ns: int) -> bool:
        """Return whether the venue trades at ``ts_ns``."""
        if self.always_open:
            return True
        i = int(np.searchsorted(self.opens, ts_ns, side="right")) - 1
        return i >= 0 and ts_ns < int(self.closes[i])

    def span(self, ts_ns: int) -> tuple[int, int] | None:
        """Return ``(open, close)`` of the span that holds ``ts_ns``, None while the venue is closed."""
        i = int(np.searchsorted(self.opens, ts_ns, side="right")) - 1
        if i < 0 or ts_ns >= int(self.closes[i]):
            return None
        return int(self.opens[i]), int(self.closes[i])

    def next_open(self, ts_ns: int) -> int | None:
        """Return ``ts_ns`` itself while the venue trades, else its next open; None beyond the calendar."""
        if self.contains(ts_ns):
            return ts_ns
        i = int(np.searchsorted(self.opens, ts_ns, side="left"))
        return int(self.opens[i]) if i < len(self.opens) else None

    def day_span(self, ts_ns: int) -> tuple[int, int] | None:
        """Return ``(first open, last close)`` of the trading day that holds ``ts_ns``.

        A venue that never closes has the UTC day. None outside every trading day.
        """
        if self.always_open:
            start = ts_ns - ts_ns % DAY_NS
            return start, start + DAY_NS
        i = int(np.searchsorted(self._day_open, ts_ns, side="right")) - 1
        if i < 0 or ts_ns >= int(self._day_close[i]):
            return None
        return int(self._day_open[i]), int(self._day_close[i])

    def trading_days(self) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        """Return first open, last close and day number (since 1970-01-01) of every trading day."""
        return self._day_open, self._day_close, self._day_index

    def open_ns(self, start_ns: int, end_ns: int) -> int:
        """Return how many nanoseconds of ``[start_ns, end_ns)`` the venue is open.

        Examples
        --------
        >>> Sessions([0, 100], [50, 200]).open_ns(25, 150)
        75
        """
        if self.always_open:
            return max(0, end_ns - start_ns)
        held = self.within(start_ns, end_ns)
        low = np.maximum(self.opens[held], start_ns)
        high = np.minimum(self.closes[held], end_ns)
        return int(np.maximum(high - low, 0).sum())

    def within(self, start_ns: int, end_ns: int) -> slice:
        """Return which spans share some time with ``[start_ns, end_ns)``.

        Examples
        --------
        >>> Sessions([0, 100, 300], [50, 200, 400]).within(50, 150)
        slice(1, 2, None)
        """
        first = int(np.searchsorted(self.closes, start_ns, side="right"))
        return slice(first, max(first, int(np.searchsorted(self.opens, end_ns, side="left"))))

    def __repr__(self) -> str:
        return (
            "Sessions.always()" if self.always_open else f"Sessions({len(self.opens)} spans, {self.timezone})"
        )


def _with_breaks(table: object, spans: list[tuple[int, int, int]]) -> list[tuple[int, int, int]]:
    import pandas as pd

    frame = table
    assert isinstance(frame, pd.DataFrame)
    out: list[tuple[int, int, int]] = []
    for (start, end, day), pause, resume in zip(spans, frame["break_start"], frame["break_end"], strict=True):
        stop = end if pd.isna(pause) else pd.Timestamp(pause).as_unit("ns").value
        again = end if pd.isna(resume) else pd.Timestamp(resume).as_unit("ns").value
        # On a day that ends early the usual break may come after its end.
        if stop >= end or stop >= again:
            out.append((start, end, day))
        else:
            out.append((start, stop, day))
            if again < end:
                out.append((again, end, day))
    return out
