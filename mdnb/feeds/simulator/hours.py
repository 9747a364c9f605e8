"""When the simulated market is open: the venue's calendar, and what is held open beside it.

With ``hours="auto"`` a closed stretch near the moment at which the simulator starts is traded as well,
so that a notebook moves on a Sunday too and its last hours are never empty.
"""

from __future__ import annotations

import datetime as dt
import functools
import itertools
import zoneinfo
from typing import Literal

import numpy as np

from mdnb.feeds.simulator.symbols import Model
from mdnb.instruments import Instrument
from mdnb.sessions import DAY_NS, FIRST_CALENDAR_DAY, Sessions

__all__ = ["FIRST_DAY", "HOURS", "Hours", "market_sessions"]

Hours = Literal["auto", "venue"]
HOURS: tuple[Hours, ...] = ("auto", "venue")

FIRST_DAY = dt.date(2018, 1, 1)
"""The simulated markets begin here; ids count from this day. Bars of others may be older."""

_YEARS_AHEAD = 5
_HOUR_NS = 3_600_000_000_000
_HELD_BEFORE_NS = 5 * _HOUR_NS
_HELD_AFTER_NS = 24 * _HOUR_NS

_Span = tuple[int, int, int]


def market_sessions(model: Model, start_ns: int, hours: Hours) -> Sessions:
    """Return the sessions that a simulator started at ``start_ns`` trades.

    Parameters
    ----------
    start_ns
        The market's time when it starts.
    hours
        ``venue``: the calendar, strictly. ``auto``: closed stretches that touch the five hours before the
        start or the day after it are traded too. They are split where the exchange's trading day begins;
        what lies before the first such moment extends the session before it.

    Examples
    --------
    >>> from mdnb.feeds.simulator.symbols import model_of
    >>> sunday = 1_763_899_200_000_000_000  # 2025-11-23 12:00 UTC
    >>> market_sessions(model_of("MNQ"), sunday, "venue").contains(sunday)
    False
    >>> market_sessions(model_of("MNQ"), sunday, "auto").contains(sunday)
    True
    """
    year = dt.datetime.fromtimestamp(start_ns / 1e9, dt.UTC).year
    venue = _venue(model.instrument, year + _YEARS_AHEAD)
    if venue.always_open or hours == "venue":
        return venue
    spans: list[_Span] = list(
        zip(venue.opens.tolist(), venue.closes.tolist(), venue.days.tolist(), strict=True)
    )
    # A gap counts that ends after the hours before the start, and begins before the end of the day after it.
    first = max(int(np.searchsorted(venue.opens, start_ns - _HELD_BEFORE_NS, side="right")), 1)
    last = int(np.searchsorted(venue.closes, start_ns + _HELD_AFTER_NS)) + 1
    held = spans[:first]
    for span in spans[first:last]:
        if held[-1][1] < span[0]:
            _hold(held, held[-1][1], span[0], model)
        held.append(span)
    held += spans[last:]
    opens, closes, days = zip(*held, strict=True)
    return Sessions(opens, closes, days, venue.timezone)


@functools.lru_cache(maxsize=8)
def _venue(instrument: Instrument, last_year: int) -> Sessions:
    return instrument.sessions(FIRST_CALENDAR_DAY, dt.date(last_year, 12, 31))


def _hold(held: list[_Span], gap_start: int, gap_end: int, model: Model) -> None:
    edges = [gap_start, *_anchors(gap_start, gap_end, model), gap_end]
    # A trading day begins at the anchor: what lies before the first one belongs to the session before it.
    if edges[0] != edges[1]:
        held[-1] = (held[-1][0], edges[1], held[-1][2])
    for opened, closed in itertools.pairwise(edges[1:]):
        if opened < closed:
            held.append((opened, closed, (closed - 1) // DAY_NS))


def _anchors(start_ns: int, end_ns: int, model: Model) -> list[int]:
    """Return the moments in ``[start_ns, end_ns)`` at which a trading day begins."""
    zone = zoneinfo.ZoneInfo(model.instrument.timezone)
    at = dt.time(model.day_anchor // 60, model.day_anchor % 60)
    day = dt.datetime.fromtimestamp(start_ns / 1e9, zone).date()
    out: list[int] = []
    while True:
        moment = round(dt.datetime.combine(day, at, zone).timestamp()) * 1_000_000_000
        if moment >= end_ns:
            return out
        if moment >= start_ns:
            out.append(moment)
        day += dt.timedelta(days=1)
