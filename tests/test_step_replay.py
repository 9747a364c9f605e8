"""`play` tells, after its last step, what of a recording is in no bar."""

from __future__ import annotations

import json
import warnings
from pathlib import Path

import pytest

import mdnb
from mdnb.feeds.recorder import Recorder
from tests.manager.hand import SECOND, START


def recording(folder: Path, prices: list[float], *others: str) -> Path:
    """Write a trade of X every twenty seconds, and what else came after them."""
    path = folder / "r.json"
    with Recorder(path, "mdnb", ["X"]) as recorder:
        for number, price in enumerate(prices):
            row = [START + 20 * number * SECOND, price, 1.0, 1, 1, number]
            recorder.frame(START + 20 * number * SECOND, json.dumps({"e": "trades", "s": "X", "r": [row]}))
        for other in others:
            recorder.frame(START + 20 * len(prices) * SECOND, other)
    return path


@pytest.mark.parametrize(
    ("prices", "said"),
    [
        ([100.0, -1.0] * 150, "150 of the last 300 were refused: 150 'price_not_positive'"),
        ([-1.0] * 300, "300 of the last 300 were refused: 300 'price_not_positive'"),
        ([-1.0] * 3, "3 of the last 3 were refused: 3 'price_not_positive'"),
    ],
    ids=["half", "all", "all of a few"],
)
def test_many_that_are_refused_are_told_once_by_the_line_that_plays(
    tmp_path: Path, prices: list[float], said: str
) -> None:
    path = recording(tmp_path, prices)
    with pytest.warns(UserWarning, match="refused") as caught:
        steps = list(mdnb.play(path, "1min"))
    assert sum(step.bars["1min"].volume for step in steps) == prices.count(100.0)
    [warning] = caught
    assert said in str(warning.message)
    assert "positive_prices=False" in str(warning.message)
    assert warning.filename == __file__


def test_what_is_not_understood_is_told_with_its_reason(tmp_path: Path) -> None:
    path = recording(tmp_path, [100.0] * 20, "garbage{", "garbage{")
    with pytest.warns(UserWarning, match="messages were not understood: 2 '.+'.*garbage") as caught:
        assert len(list(mdnb.play(path, "1min"))) == 7
    assert len(caught) == 1
    assert "refused" not in str(caught[0].message)


def test_one_that_is_refused_among_many_is_no_warning(tmp_path: Path) -> None:
    path = recording(tmp_path, [100.0] * 40 + [-1.0] + [100.0] * 40)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert sum(step.bars["1min"].volume for step in mdnb.play(path, "1min")) == 80
