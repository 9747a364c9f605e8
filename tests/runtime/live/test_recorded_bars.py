"""Whether a recording holds bars and nothing else that bars could be made of."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator

import pytest

from mdnb.runtime.live.recorded_bars import bars_alone

ROW = [60_000_000_000, 1.0, 2.0, 0.5, 1.5, 10.0, 3, 15.0]


def bars(timeframe: str, symbol: str = "X") -> str:
    """A frame with a bar."""
    return json.dumps({"e": "bars", "s": symbol, "tf": timeframe, "closed": True, "r": [ROW]})


TRADES = json.dumps({"e": "trades", "s": "X", "r": [[1, 9.0, 1.0, 1, 0, -1]]})
QUOTES = json.dumps({"e": "quotes", "s": "X", "r": [[1, 9.0, 1.0, 10.0, 1.0]]})


def found(*frames: str | bytes, dialect: str = "mdnb") -> dict[str, str]:
    return bars_alone(enumerate(frames), dialect)


@pytest.mark.parametrize("order", list(itertools.permutations(["1hour", "5min", "15min"])))
def test_the_finest_of_each_symbol_is_found_in_whatever_order_they_come(order: tuple[str, ...]) -> None:
    frames = [*map(bars, order), bars("15min", "Y"), bars("1hour", "Y")]
    assert found(*frames) == {"X": "5min", "Y": "15min"}


def test_of_equal_ones_the_first_name_stays() -> None:
    assert found(bars("60sec"), bars("1min")) == {"X": "60sec"}
    assert found(bars("1min"), bars("60sec")) == {"X": "1min"}


@pytest.mark.parametrize("other", [TRADES, QUOTES])
def test_where_there_is_something_finer_there_are_no_bars_alone(other: str) -> None:
    assert found(bars("1min"), other, bars("1sec")) == {}
    assert found(other) == {}


def test_what_is_no_timeframe_and_what_is_not_understood_is_passed_over() -> None:
    assert found(bars("fortnightish"), "<html>", b"\xff", bars("5min"), bars("often")) == {"X": "5min"}
    assert found(bars("1min"), dialect="nobody's") == {}
    assert found() == {}


def test_five_thousand_frames_are_looked_at() -> None:
    read = 0

    def recording() -> Iterator[tuple[int, str | bytes]]:
        nonlocal read
        frames = itertools.chain([bars("5min")], itertools.repeat("{}", 4998), [bars("1min"), TRADES])
        for frame in frames:
            read += 1
            yield read, frame

    assert bars_alone(recording(), "mdnb") == {"X": "1min"}
    assert read == 5000
