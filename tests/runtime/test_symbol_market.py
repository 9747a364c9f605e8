"""What one symbol's market is made of: its feed's promises reach its engine."""

from __future__ import annotations

from pathlib import Path

import pytest

import mdnb
from mdnb.feeds.recorder import Recorder

SECOND = 1_000_000_000
START = 1_772_460_000 * SECOND


@pytest.mark.parametrize(("price", "close"), [("bid", 99.0), ("ask", 103.0), ("mid", 101.0)])
def test_a_recording_of_quotes_makes_bars_of_the_price_that_is_asked_for(
    price: str, close: float, tmp_path: Path
) -> None:
    file = tmp_path / "quotes.jsonl"
    with Recorder(file, "mdnb", ["X"]) as recorder:
        for second in range(4):
            at = START + second * SECOND
            recorder.frame(at, f'{{"e":"quotes","s":"X","r":[[{at},99.0,1.0,103.0,1.0]]}}')
    feed = f"replay:{file}?speed=max&price={price}"
    with mdnb.live("X", "1sec", feed=feed, initial_days=0, progress=False) as market:
        market.start()
        market.wait_ended()
        assert market["1sec"]["close"].to_list() == [close] * 4
