"""The simulator's symbols, and how each market behaves."""

from __future__ import annotations

import dataclasses

from mdnb.errors import SymbolError, suggest
from mdnb.instruments import Instrument, known_instrument

__all__ = ["MODELS", "Model", "model_of"]


@dataclasses.dataclass(frozen=True, slots=True)
class Model:
    """How one symbol's market behaves.

    Attributes
    ----------
    instrument
        Tick size, calendar, time zone.
    family
        Symbols of one family share their price: a micro future follows the large one.
    price
        Where the price is drawn back to over the months.
    volatility
        Standard deviation of a day's logarithmic return.
    trades_per_second
        Mean over all hours.
    extra_lots
        Mean lots of a trade beyond the first.
    lots_per_unit
        Lots in one unit of size: 1 for futures, more where sizes are fractional.
    day_anchor
        Minute of the local day at which a trading day begins.
    """

    instrument: Instrument
    family: str
    price: float
    volatility: float
    trades_per_second: float
    extra_lots: float
    lots_per_unit: int = 1
    day_anchor: int = 17 * 60

    @property
    def symbol(self) -> str:
        """The symbol's name."""
        return self.instrument.symbol

    @property
    def ticks_per_point(self) -> int:
        """Ticks in one unit of price; all tick sizes here divide 1."""
        return round(1 / (self.instrument.tick_size or 1.0))


def _model(
    symbol: str, price: float, volatility: float, trades: float, extra_lots: float, family: str = ""
) -> Model:
    return Model(
        instrument=known_instrument(symbol),
        family=family or symbol,
        price=price,
        volatility=volatility,
        trades_per_second=trades,
        extra_lots=extra_lots,
    )


def _coin(
    symbol: str, price: float, volatility: float, trades: float, extra_lots: float, lots_per_unit: int
) -> Model:
    instrument = known_instrument(symbol)
    return Model(
        instrument=instrument,
        family=symbol,
        price=price,
        volatility=volatility,
        trades_per_second=trades,
        extra_lots=extra_lots,
        lots_per_unit=lots_per_unit,
        day_anchor=0,
    )


MODELS: dict[str, Model] = {
    made.symbol: made
    for made in (
        _model("MNQ", 21_500.0, 0.0125, 23.0, 0.8, family="NQ"),
        _model("NQ", 21_500.0, 0.0125, 9.0, 0.9),
        _model("MES", 6_050.0, 0.0095, 17.0, 1.1, family="ES"),
        _model("ES", 6_050.0, 0.0095, 14.0, 2.4),
        _model("MGC", 2_950.0, 0.0100, 5.0, 0.9, family="GC"),
        _model("GC", 2_950.0, 0.0100, 4.0, 0.9),
        _model("MCL", 72.0, 0.0190, 2.5, 0.9, family="CL"),
        _model("CL", 72.0, 0.0190, 6.0, 0.9),
        _coin("BTC-USD", 84_000.0, 0.0260, 6.0, 160.0, lots_per_unit=10_000),
        _coin("ETH-USD", 3_100.0, 0.0340, 4.0, 260.0, lots_per_unit=1_000),
    )
}
"""Every symbol that the simulator knows."""


def model_of(symbol: str) -> Model:
    """Return a symbol's model.

    Raises
    ------
    SymbolError
        When the simulator does not know it; the message lists those it knows.

    Examples
    --------
    >>> model_of("MNQ").instrument.tick_size
    0.25
    """
    try:
        return MODELS[symbol]
    except KeyError:
        raise SymbolError(f"the simulator does not know {symbol!r}. {suggest(symbol, MODELS)}") from None
