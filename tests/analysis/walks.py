"""Driftless markets for tests, a column each, and what plain formulas say of their timeframes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

__all__ = ["garch_steps", "nested_closes", "taus", "ts", "walk_steps"]


def walk_steps(count: int, paths: int, seed: int) -> NDArray[np.float64]:
    """Return independent normal returns, shape (count, paths)."""
    return np.random.default_rng(seed).normal(0, 1e-4, (count, paths))


def garch_steps(count: int, paths: int, seed: int) -> NDArray[np.float64]:
    """Return the returns of a GARCH(1,1) with alpha 0.05 and beta 0.90."""
    steps = np.random.default_rng(seed).standard_normal((count, paths))
    variance = np.full(paths, 1e-8)
    for i in range(count):
        steps[i] *= np.sqrt(variance)
        variance = 5e-10 + 0.05 * steps[i] ** 2 + 0.90 * variance
    return steps


def nested_closes(steps: NDArray[np.float64], lengths: Sequence[int], bars: int) -> list[NDArray[np.float64]]:
    """Return the log closes of each timeframe, whose newest bars end together, shape (bars, paths) each."""
    prices = np.vstack([np.zeros(steps.shape[1]), np.cumsum(steps, axis=0)])
    newest = len(prices) - 1
    return [prices[newest - length * np.arange(bars - 1, -1, -1)] for length in lengths]


def taus(closes: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return Kendall's tau of each column against time."""
    n = len(closes)
    signs = sum(np.sign(closes[late] - closes[:late]).sum(axis=0) for late in range(1, n))
    return np.asarray(signs) / (n * (n - 1) / 2)


def ts(steps: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the t of each column's mean: Newey and West, Bartlett, floor(4 (n / 100)^(2/9)) lags."""
    count = len(steps)
    lags = int(4 * ((count + 1) / 100) ** (2 / 9))
    off = steps - steps.mean(axis=0)
    variance = (off * off).mean(axis=0)
    for lag in range(1, lags + 1):
        variance += 2 * (1 - lag / (lags + 1)) * (off[lag:] * off[:-lag]).sum(axis=0) / count
    return steps.mean(axis=0) / np.sqrt(variance / count)
