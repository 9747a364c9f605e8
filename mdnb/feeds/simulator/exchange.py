"""All markets of one simulator: made when first asked for, then kept."""

from __future__ import annotations

import threading

from mdnb.feeds.simulator.hours import Hours, market_sessions
from mdnb.feeds.simulator.market import Market
from mdnb.feeds.simulator.symbols import model_of
from mdnb.feeds.simulator.tape import TradeTape
from mdnb.sessions import DAY_NS

__all__ = ["Exchange"]

_DAYS_AHEAD = 365 * 5


class Exchange:
    """The markets for one seed, start, choice of hours and rate.

    Parameters
    ----------
    seed
        Same seed, same markets.
    start_ns
        The market's time at which the simulator starts; they go on for five years from then.
    hours
        ``auto`` or ``venue``, see `mdnb.feeds.simulator.hours`.
    rate
        Multiplies the number of trades.

    Examples
    --------
    >>> exchange = Exchange(7, 1_763_899_200_000_000_000, "auto", 1.0)
    >>> exchange.tape("MNQ") is exchange.tape("MNQ")
    True
    """

    def __init__(self, seed: int, start_ns: int, hours: Hours, rate: float) -> None:
        self._seed = seed
        self._start_ns = start_ns
        self._hours: Hours = hours
        self._rate = rate
        self._tapes: dict[str, TradeTape] = {}
        self._lock = threading.Lock()

    def tape(self, symbol: str) -> TradeTape:
        """Return a symbol's market; the first call takes about 0.1 s.

        Raises
        ------
        SymbolError
            When the simulator does not know the symbol.
        """
        model = model_of(symbol)
        with self._lock:
            if symbol not in self._tapes:
                sessions = market_sessions(model, self._start_ns, self._hours)
                end_ns = self._start_ns + _DAYS_AHEAD * DAY_NS
                self._tapes[symbol] = TradeTape(Market(model, self._seed, sessions, end_ns, self._rate))
            return self._tapes[symbol]
