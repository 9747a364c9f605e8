"""How many trades each quarter of an hour has, and their ids.

The clustering is a multiplicative cascade: each block of time, at several lengths, has a multiplier of
its own, drawn from its number alone. Long memory without any recursion (B. Mandelbrot, A. Fisher,
L. Calvet, *A Multifractal Model of Asset Returns*, Cowles Foundation 1164, 1997).
"""

from __future__ import annotations

import dataclasses
import functools
from typing import TYPE_CHECKING

import numpy as np

from mdnb.feeds.simulator.counter_rng import NORMAL, key_of, scatter, table_index, uniform
from mdnb.feeds.simulator.intraday_profile import DAY_MINUTES, activity_curve, local_minutes
from mdnb.feeds.simulator.symbols import Model
from mdnb.sessions import Sessions

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["BLOCK_MINUTES", "BLOCK_NS", "FIRST_ID", "Activity", "Layer", "multipliers"]

BLOCK_MINUTES = 15
BLOCK_NS = BLOCK_MINUTES * 60_000_000_000
FIRST_ID = 1_000_000_000
"""Id of the first trade of `mdnb.feeds.simulator.hours.FIRST_DAY`."""

_DAY_BLOCKS = DAY_MINUTES // BLOCK_MINUTES


@dataclasses.dataclass(frozen=True, slots=True)
class Layer:
    """One time scale of the cascade: each block of ``length`` steps has a log-normal multiplier of mean 1."""

    length: int
    deviation: float


_LAYERS = (Layer(1, 0.20), Layer(4, 0.20), Layer(16, 0.16), Layer(64, 0.12), Layer(256, 0.10))


@functools.lru_cache(maxsize=128)
def _table(deviation: float) -> NDArray[np.float64]:
    return np.asarray(np.exp(deviation * NORMAL - deviation**2 / 2), dtype=np.float64)


def multipliers(layers: tuple[Layer, ...], key: int, steps: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the product of the layers' multipliers at each step; equally long layers share random numbers.

    Parameters
    ----------
    steps
        int64, any shape; minutes, quarters of an hour or days since 1970.
    """
    product = np.ones(steps.shape)
    for layer in layers:
        # 2**40 steps keep the counters of the layers apart.
        bits = scatter(key, steps // layer.length + (layer.length << 40))
        product *= _table(layer.deviation)[table_index(bits, 0)]
    return product


class Activity:
    """The number of trades of each quarter of an hour; those outside the sessions have no ids.

    Parameters
    ----------
    model, seed
        Which market.
    rate
        Multiplies the number of trades.
    sessions
        The hours in which trades happen, aligned to quarters of an hour.
    first_ns, last_ns
        The extent of the market, midnights UTC.

    Attributes
    ----------
    first, last
        The extent in blocks of 15 minutes since 1970.
    """

    def __init__(
        self, model: Model, seed: int, rate: float, sessions: Sessions, first_ns: int, last_ns: int
    ) -> None:
        self.first, self.last = first_ns // BLOCK_NS, last_ns // BLOCK_NS
        self._sessions = sessions
        blocks = np.arange(self.first, self.last, dtype=np.int64)
        curve = activity_curve(model.instrument.calendar is not None).reshape(_DAY_BLOCKS, -1).mean(axis=1)
        local = local_minutes(blocks * BLOCK_MINUTES, model.instrument.timezone) // BLOCK_MINUTES
        expected = curve[local % _DAY_BLOCKS] * (model.trades_per_second * rate * 60 * BLOCK_MINUTES)
        expected *= multipliers(_LAYERS, key_of(seed, model.symbol, "activity"), blocks)
        # Rounded at random, so that few trades an hour are that few in the mean.
        whole = expected + uniform(scatter(key_of(seed, model.symbol, "rounding"), blocks))
        self.counts: NDArray[np.int64] = whole.astype(np.int64)
        self.is_open: NDArray[np.bool_] = _open_blocks(sessions, blocks)
        ids = np.cumsum(np.where(self.is_open, self.counts, 0))
        self._ids: NDArray[np.int64] = np.concatenate([np.zeros(1, dtype=np.int64), ids]) + FIRST_ID

    def first_ids(self, blocks: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the id of the first trade at or after the start of each block."""
        return self._ids[blocks - self.first]


def _open_blocks(sessions: Sessions, blocks: NDArray[np.int64]) -> NDArray[np.bool_]:
    if sessions.always_open:
        return np.ones(len(blocks), dtype=bool)
    starts = blocks * BLOCK_NS
    i = np.searchsorted(sessions.opens, starts, side="right") - 1
    return (i >= 0) & (starts < sessions.closes[i])
