"""The market that all contenders show: a seeded walk of one-minute bars, the last one being made."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

__all__ = ["Bar", "Market"]

_ANCHOR = 100.0
_START = 1_700_000_040  # on a minute
_STEP, _MODULUS = 1009, 10_007
"""Coprime: a price comes again after ten thousand others, so that each is known when it is seen."""
_VIEW = 180
"""As many bars as the live chart shows at first; the others show as many where they can be told."""


class Bar(NamedTuple):
    """Start in UTC epoch seconds, prices and volume."""

    time: int
    open: float
    high: float
    low: float
    close: float
    volume: float


class Market:
    """Bars as columns; `tick` moves the last one, `roll` begins the next.

    Parameters
    ----------
    bars
        How many there are at first.
    """

    def __init__(self, bars: int) -> None:
        random = np.random.default_rng(4)
        walk = np.cumsum(random.normal(0.0, 0.06, bars + 1))
        ends = _ANCHOR + walk - walk[-1]
        opens, closes = ends[:-1], ends[1:]
        reach = np.abs(random.normal(0.0, 0.05, (2, bars)))
        self.time = (_START + 60 * np.arange(bars)).tolist()
        self.open = np.round(opens, 4).tolist()
        self.close = np.round(closes, 4).tolist()
        self.high = np.round(np.maximum(opens, closes) + reach[0], 4).tolist()
        self.low = np.round(np.minimum(opens, closes) - reach[1], 4).tolist()
        self.volume = random.integers(1, 500, bars).astype(float).tolist()
        self._count = 0
        self._range: tuple[float, float] | None = None

    def price(self, ahead: int = 0) -> float:
        """Return the price after so many more ticks and bars."""
        return round(_ANCHOR + ((self._count + ahead) * _STEP % _MODULUS - _MODULUS // 2) / 1e4, 4)

    def tick(self) -> Bar:
        """Move the last bar."""
        self._count += 1
        price = self.price()
        self.close[-1] = price
        self.high[-1] = max(self.high[-1], price)
        self.low[-1] = min(self.low[-1], price)
        self.volume[-1] += 1.0
        return self.last()

    def roll(self) -> Bar:
        """Begin the next bar."""
        self._count += 1
        price = self.price()
        for column in (self.open, self.high, self.low, self.close):
            column.append(price)
        self.time.append(self.time[-1] + 60)
        self.volume.append(1.0)
        return self.last()

    def last(self) -> Bar:
        """Return the bar that is being made."""
        return Bar(self.time[-1], self.open[-1], self.high[-1], self.low[-1], self.close[-1], self.volume[-1])

    def rows(self) -> list[Bar]:
        """Return all bars."""
        return [
            Bar(*row)
            for row in zip(self.time, self.open, self.high, self.low, self.close, self.volume, strict=True)
        ]

    def window(self) -> tuple[int, int]:
        """Return the first and the last second in view: the live chart's own policy."""
        return self.time[-min(_VIEW, len(self.time))], self.time[-1] + 6 * 60

    def y_range(self) -> tuple[float, float]:
        """Return the price range in view, which moves in steps: the live chart's own policy."""
        low, high = min(self.low[-_VIEW:]), max(self.high[-_VIEW:])
        held, height = self._range, max(high - low, 1e-9)
        if held is None or low < held[0] or high > held[1] or held[1] - held[0] >= 2.5 * height:
            self._range = (low - 0.08 * height, high + 0.08 * height)
        assert self._range
        return self._range
