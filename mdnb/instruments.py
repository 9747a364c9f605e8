"""Instruments: tick size, lot size and calendar of a symbol."""

from __future__ import annotations

import dataclasses
import datetime as dt
import math
import re

from mdnb.frozen import refuse_changes
from mdnb.sessions import Sessions

__all__ = ["Instrument", "known_instrument", "with_prices"]


@refuse_changes
@dataclasses.dataclass(frozen=True, slots=True)
class Instrument:
    """One tradable symbol.

    Parameters
    ----------
    symbol
        As the feed writes it.
    tick_size
        Smallest price step in price units, None where unknown.
    whole_lots
        True where sizes are whole numbers (futures, shares): then `Bar.volume` is an int.
    calendar
        Name of its ``pandas_market_calendars`` calendar, None for a venue that never closes.
    timezone
        The exchange's time zone.
    point_value
        Money a full point of price is worth, for one contract, None where unknown.
    description
        A few words for people.
    price_decimals
        Decimals of the prices seen, where the tick size is unknown; None before any.
    positive_prices
        Whether every price is above zero. False for what trades at zero and below it, such as spreads, and
        crude oil in April 2020: then no such price is refused, and nothing is judged by ratios of prices.

    Attributes
    ----------
    decimals
        Decimals that a price needs to show every tick; 2 where neither ticks nor prices are known.

    Examples
    --------
    >>> known_instrument("MNQ").decimals
    2
    >>> f"{21589.25:,.{known_instrument('MNQ').decimals}f}"
    '21,589.25'
    """

    symbol: str
    tick_size: float | None = None
    whole_lots: bool = False
    calendar: str | None = None
    timezone: str = "UTC"
    point_value: float | None = None
    description: str = ""
    price_decimals: int | None = None
    positive_prices: bool = True
    # Told once, for each record that is made asks for it.
    decimals: int = dataclasses.field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        seen = 2 if self.price_decimals is None else self.price_decimals
        object.__setattr__(self, "decimals", _decimals_of_tick(self.tick_size) if self.tick_size else seen)

    def sessions(self, start: dt.date, end: dt.date) -> Sessions:
        """Return the calendar's sessions from ``start`` to ``end``, both included."""
        if self.calendar is None:
            return Sessions.always()
        return Sessions.from_calendar(self.calendar, start, end)


def _decimals_of_tick(tick_size: float) -> int:
    for places in range(13):
        scaled = tick_size * 10**places
        if math.isclose(scaled, round(scaled), rel_tol=1e-9) and round(scaled) >= 1:
            return places
    return 12


def _future(symbol: str, tick: float, value: float, calendar: str, description: str) -> Instrument:
    return Instrument(
        symbol=symbol,
        tick_size=tick,
        whole_lots=True,
        calendar=calendar,
        timezone="America/Chicago",
        point_value=value,
        description=description,
    )


# Two contracts or more by the month codes of futures, as CLK0-CLM0, ESH26-ESM26 or CL:BF K0-M0-N0.
_CONTRACT = r"[A-Z0-9]{0,4}?[FGHJKMNQUVXZ]\d{1,4}"
_SPREAD = re.compile(rf"(?:[A-Z0-9]{{1,4}}:[A-Z0-9]{{2}} )?{_CONTRACT}(?:-{_CONTRACT})+")

_KNOWN = {
    made.symbol: made
    for made in (
        _future("NQ", 0.25, 20.0, "CME Globex Equity", "E-mini Nasdaq-100 future"),
        _future("MNQ", 0.25, 2.0, "CME Globex Equity", "Micro E-mini Nasdaq-100 future"),
        _future("ES", 0.25, 50.0, "CME Globex Equity", "E-mini S&P 500 future"),
        _future("MES", 0.25, 5.0, "CME Globex Equity", "Micro E-mini S&P 500 future"),
        _future("GC", 0.10, 100.0, "CMEGlobex_GC", "Gold future"),
        _future("MGC", 0.10, 10.0, "CMEGlobex_GC", "Micro gold future"),
        _future("CL", 0.01, 1000.0, "CMEGlobex_CL", "Crude oil future"),
        _future("MCL", 0.01, 100.0, "CMEGlobex_CL", "Micro crude oil future"),
        Instrument("BTC-USD", 0.01, description="Bitcoin in US dollars"),
        Instrument("ETH-USD", 0.01, description="Ether in US dollars"),
    )
}


def known_instrument(symbol: str) -> Instrument:
    """Return what is known of a symbol; an unknown one trades around the clock in unknown ticks.

    A calendar spread is known by its symbol, two futures' contracts with a hyphen between: its prices may be
    zero and negative.

    Examples
    --------
    >>> known_instrument("MNQ").calendar
    'CME Globex Equity'
    >>> known_instrument("XBT/USD").calendar is None
    True
    >>> known_instrument("CLK0-CLM0").positive_prices, known_instrument("BTC-USD").positive_prices
    (False, True)
    """
    known = _KNOWN.get(symbol)
    return known or Instrument(symbol, positive_prices=_SPREAD.fullmatch(symbol) is None)


def with_prices(instrument: Instrument, positive_prices: bool | None) -> Instrument:
    """Return an instrument whose prices are positive, or need not be; None leaves it as it is.

    Examples
    --------
    >>> with_prices(known_instrument("CL"), False).positive_prices
    False
    """
    if positive_prices is None:
        return instrument
    return dataclasses.replace(instrument, positive_prices=positive_prices)
