"""Putting right prices that are a hundredfold off, and splits that were not applied; see `scale_rules`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from mdnb.validate.scale_rules import misprint_factors, split_factors, unit_factors

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mdnb.validate.findings import Bars

__all__ = ["RepairedBars", "repair_scale"]

_PRICES: Final = ("open", "high", "low", "close")


class RepairedBars(NamedTuple):
    """Bars on the footing of the newest ones, as columns (float64, shape (n,)); the times stay.

    `units` and `splits` are the factors that they were off by; 1 where nothing was. `changed` (bool) tells
    which bars are others than before.
    """

    open: NDArray[np.float64]
    high: NDArray[np.float64]
    low: NDArray[np.float64]
    close: NDArray[np.float64]
    volume: NDArray[np.float64]
    units: NDArray[np.float64]
    splits: NDArray[np.float64]
    changed: NDArray[np.bool_]


def repair_scale(bars: Bars) -> RepairedBars:
    """Return bars in the unit of the newest ones, with later splits applied to the older ones.

    Prices are divided by their factors, volumes multiplied with those of splits alone: of single bars in
    another unit they are right. Where only some prices of a
    bar were off, its high and low are widened to hold the others.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> wrong = np.array([3480.0, 3439.0, 35.23, 35.69])
    >>> bars = SimpleNamespace(open=wrong, high=wrong, low=wrong, close=wrong, volume=np.ones(4))
    >>> repair_scale(bars).close.tolist()
    [34.8, 34.39, 35.23, 35.69]
    """
    units = unit_factors(bars)
    held = {name: np.asarray(getattr(bars, name), dtype=np.float64) for name in (*_PRICES, "volume")}
    fixed = {name: held[name] / units[:, at] for at, name in enumerate(_PRICES)}
    mixed = (units != units[:, :1]).any(axis=1)
    for name, widest in (("high", np.fmax), ("low", np.fmin)):
        others = widest(widest(fixed["open"], fixed["close"]), fixed[name])
        fixed[name] = np.where(mixed, others, fixed[name])
    in_units = _Columns(**fixed, volume=held["volume"])
    splits, misprints = split_factors(in_units), misprint_factors(in_units)
    fixed = {name: column / (splits * misprints) for name, column in fixed.items()}
    farthest = np.take_along_axis(units, np.argmax(np.abs(np.log(units)), axis=1)[:, None], axis=1)[:, 0]
    farthest = np.where(misprints != 1, farthest * misprints, farthest)
    changed = (units != 1).any(axis=1) | (splits != 1) | (misprints != 1)
    return RepairedBars(
        **fixed, volume=held["volume"] * splits, units=farthest, splits=splits, changed=changed
    )


class _Columns(NamedTuple):
    open: NDArray[np.float64]
    high: NDArray[np.float64]
    low: NDArray[np.float64]
    close: NDArray[np.float64]
    volume: NDArray[np.float64]

    @property
    def time_us(self) -> NDArray[np.int64]:
        return np.zeros(len(self.open), dtype=np.int64)  # ratios are judged by order alone
