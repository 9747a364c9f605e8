"""Markets for the simulator's tests, made once."""

from __future__ import annotations

import datetime as dt
import functools

from mdnb.feeds.simulator.hours import Hours, market_sessions
from mdnb.feeds.simulator.market import Market
from mdnb.feeds.simulator.symbols import model_of
from mdnb.feeds.simulator.tape import TradeTape

__all__ = ["DAY", "HOUR", "MINUTE", "SECOND", "instant", "tape_of"]

SECOND = 1_000_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR


def instant(text: str) -> int:
    """Return the nanoseconds of an ISO time, UTC."""
    moment = dt.datetime.fromisoformat(text).replace(tzinfo=dt.UTC)
    return round(moment.timestamp()) * SECOND


def tape_of(
    symbol: str = "MNQ",
    seed: int = 7,
    start: str = "2025-11-19T15:00",
    hours: Hours = "venue",
    rate: float = 1.0,
    fresh: bool = False,
) -> TradeTape:
    """Return a market; ``fresh`` makes it anew, so that nothing it remembers can help."""
    make = _make if fresh else _kept
    return make(symbol, seed, start, hours, rate)


def _make(symbol: str, seed: int, start: str, hours: Hours, rate: float) -> TradeTape:
    start_ns = instant(start)
    model = model_of(symbol)
    return TradeTape(Market(model, seed, _sessions(model, start_ns, hours), start_ns + 400 * DAY, rate))


_sessions = functools.cache(market_sessions)
_kept = functools.cache(_make)
