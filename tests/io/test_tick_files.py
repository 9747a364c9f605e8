"""Trades and quotes in files of any format: every one comes back, to the bit."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings, strategies as st

import mdnb
from mdnb.errors import NoDataError, OptionError
from mdnb.io.tick_files import quotes_table, trades_table, write_ticks
from mdnb.stores.ticks import QUOTE_DTYPE, TICK_DTYPE
from tests.io.frames import EASY
from tests.manager.hand import START, HandFeed, open_market, trade

ENDINGS = [".csv", ".csv.gz", ".csv.zst", ".tsv", ".json", ".json.zst", ".jsonl", ".jsonl.gz", ".parquet"]
ENDINGS += [".feather", ".arrow"]

_price = st.floats(1e-300, 1e300)
_trade = st.tuples(
    st.integers(0, 10**15), _price, st.floats(0, 1e300), st.sampled_from([1, 1, 5]), st.integers(-1, 1)
)


@settings(EASY, max_examples=25)
@given(drawn=st.lists(_trade, min_size=1, max_size=9), tz=st.sampled_from(["UTC", "America/Chicago"]))
@pytest.mark.parametrize("ending", ENDINGS)
def test_trades_come_back(tmp_path: Path, ending: str, drawn: list[tuple[int, ...]], tz: str) -> None:
    drawn = sorted(drawn, key=lambda row: row[0])
    rows = np.array([(START + at, *rest, n, 0) for n, (at, *rest) in enumerate(drawn)], dtype=TICK_DTYPE)
    path = write_ticks(trades_table(rows, tz, {"symbol": "X"}), tmp_path / f"ticks{ending}")
    frame = mdnb.read_ticks(path)
    assert (frame.index.as_unit("us").asi8 == rows["ts_ns"] // 1000).all()  # type: ignore[attr-defined]
    assert frame["price"].tolist() == rows["price"].tolist()
    assert frame["size"].tolist() == rows["size"].tolist()
    assert frame["id"].astype(int).tolist() == rows["trade_id"].tolist()
    if "side" in frame:
        assert [{"buy": 1, "sell": -1}.get(one, 0) for one in frame["side"]] == rows["side"].tolist()
    else:
        assert not rows["side"].any()


@settings(EASY, max_examples=25)
@given(drawn=st.lists(st.tuples(st.integers(0, 10**15), _price, _price), min_size=1, max_size=9))
@pytest.mark.parametrize("ending", ENDINGS)
def test_quotes_come_back(tmp_path: Path, ending: str, drawn: list[tuple[int, float, float]]) -> None:
    made = [(START + at, min(a, b), 1.5, max(a, b), 2.5) for at, a, b in sorted(drawn)]
    rows = np.array(made, dtype=QUOTE_DTYPE)
    path = write_ticks(quotes_table(rows, "UTC", {}), tmp_path / f"quotes{ending}")
    frame = mdnb.read_ticks(path)
    assert frame.attrs["kind"] == "quotes"
    for name in ("bid", "bid_size", "ask", "ask_size"):
        assert frame[name].tolist() == rows[name].tolist()


def test_nanoseconds_stand_in_each_file(tmp_path: Path) -> None:
    rows = np.array([(START + 123_456_789, 100.25, 2.0, 1, 1, -1, 0)], dtype=TICK_DTYPE)
    table = trades_table(rows, "America/Chicago", {})
    assert write_ticks(table, tmp_path / "a.csv").read_text().splitlines() == [
        "timestamp,price,size,side",
        "2026-03-02T14:00:00.123456789Z,100.25,2,buy",
    ]
    assert json.loads(write_ticks(table, tmp_path / "a.json").read_text()) == [
        {"timestamp": "2026-03-02T14:00:00.123456789Z", "price": 100.25, "size": 2, "side": "buy"}
    ]
    for path in (write_ticks(table, tmp_path / "a.parquet"), write_ticks(table, tmp_path / "a.arrow")):
        frame = pd.read_parquet(path) if path.suffix == ".parquet" else pd.read_feather(path)
        assert frame["timestamp"][0].value == START + 123_456_789
        assert str(frame["timestamp"].dtype) == "datetime64[ns, America/Chicago]"


@pytest.mark.parametrize("ending", [".csv.zst", ".jsonl", ".parquet", ".arrow"])
def test_a_markets_ticks_make_its_bars_again(tmp_path: Path, ending: str) -> None:
    feed = HandFeed()
    with open_market(feed, "1min", "5min") as market:
        feed.trades(*(trade(7 * at, 100.0 + at % 9 / 3, 0.1 + at % 4, number=at) for at in range(300)))
        feed.quotes(*((START + at, 99.0, 1.0, 101.0, 2.0) for at in range(20)))
        path = market.export(tmp_path / f"ticks{ending}", what="ticks")
        quotes = mdnb.read_ticks(market.export(tmp_path / f"quotes{ending}", what="quotes"))
        bars = market.data.get_data("1min")
    assert len(quotes) == 20
    feed = HandFeed()
    with open_market(feed, "1min", "5min") as market:
        feed.clock.advance(START + 3_600_000_000_000)  # type: ignore[attr-defined]  # an EventClock
        [result] = market.load_ticks(path)
        assert result.added == len(bars)
        found = market.data.get_data("1min")
        columns = ["open", "high", "low", "close", "volume", "tick_count"]
        pd.testing.assert_frame_equal(found[columns], bars[columns], check_freq=False, rtol=1e-12)


def test_what_cannot_be_written_is_refused(tmp_path: Path) -> None:
    feed = HandFeed()
    with open_market(feed, "1min") as market:
        with pytest.raises(NoDataError, match="no ticks of X"):
            market.export(tmp_path / "a.csv", what="ticks")
        feed.trades(trade(1, 100.0, number=1))
        with pytest.raises(OptionError, match="one of bars, ticks, quotes"):
            market.export(tmp_path / "a.csv", what="trades")
        with pytest.raises(OptionError, match="workbook"):
            market.export(tmp_path / "a.xlsx", what="ticks")
        with pytest.raises(OptionError, match="are of bars"):
            market.export(tmp_path / "a.csv", "1min", what="ticks")
    assert list(tmp_path.iterdir()) == []
