"""Signs of averages: what the chart's indicators say, and how often chance alone gives them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from mdnb.analysis.average_signs import AverageMethod, AverageSign, check_method
from mdnb.analysis.nested_walks import Window
from mdnb.analysis.score_null_distribution import score_null
from mdnb.errors import OptionError
from tests.analysis.walks import garch_steps, nested_closes, ts, walk_steps


def _seeded(close: NDArray[np.float64], length: int) -> NDArray[np.float64]:
    """Return pandas' EMA, begun with the mean of the first values."""
    begun = np.append(close[:length].mean(), close[length:])
    return pd.Series(begun).ewm(span=length, adjust=False).mean().to_numpy()


@pytest.mark.parametrize("count", [20, 60, 199, 200, 400])
def test_ema_is_the_sign_pandas_gives(count: int) -> None:
    for close in np.cumsum(np.random.default_rng(count).normal(size=(40, count)), axis=1):
        fast = _seeded(close, 20)[-1]
        expected = fast - _seeded(close, 200)[-1] if count >= 200 else close[-1] - fast
        assert AverageSign("ema", count).of(close) == np.sign(expected)


@pytest.mark.parametrize("count", [34, 80, 400])
def test_macd_is_the_sign_pandas_gives(count: int) -> None:
    for close in np.cumsum(np.random.default_rng(count).normal(size=(40, count)), axis=1):
        line = _seeded(close, 12)[-(count - 25) :] - _seeded(close, 26)
        assert AverageSign("macd", count).of(close) == np.sign(line[-1] - _seeded(line, 9)[-1])


@pytest.mark.parametrize("method", ["ema", "macd"])
def test_the_level_does_not_count_and_constant_closes_have_no_sign(method: AverageMethod) -> None:
    close = np.cumsum(np.random.default_rng(1).normal(size=100))
    sign = AverageSign(method, 100)
    assert sign.of(close) == sign.of(close + 1e6) == -sign.of(-close) != 0
    assert sign.of(np.full(100, 0.1)) == 0


@pytest.mark.parametrize("make", [walk_steps, garch_steps])
@pytest.mark.parametrize(("method", "count"), [("ema", 250), ("ema", 60), ("macd", 100)])
def test_the_rates_of_chance_are_those_of_walks_at_every_minute(
    method: AverageMethod, count: int, make: Callable[[int, int, int], NDArray[np.float64]]
) -> None:
    paths, lengths = 4_000, (1, 5)
    steps = make((count - 1) * 5, paths, 71)
    closes = nested_closes(steps, lengths, count)
    signs = np.array([[AverageSign(method, count).of(path) for path in each.T] for each in closes])
    null = score_null(tuple(Window(50, one, AverageSign(method, count)) for one in lengths), (1.0, 1.0))
    assert np.mean(signs[0] == signs[1]) == pytest.approx(null.one_way, abs=0.03)
    confirmed = null.confirms(signs.mean(axis=0), ts(steps[-49 * 5 :]))
    assert confirmed.mean() == pytest.approx(0.05, abs=0.01)


def test_what_is_no_method() -> None:
    with pytest.raises(OptionError, match="method must be 'tau', 'ema', 'macd'; got 'rsi'"):
        check_method("rsi")
