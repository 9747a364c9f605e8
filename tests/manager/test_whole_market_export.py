"""A market of several symbols goes into a folder; a file of JSON tells what it is of."""

from __future__ import annotations

import json
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import pandas as pd
import pytest

import mdnb
from mdnb.errors import DataExportError, OptionError, SymbolError
from mdnb.io import read_bars
from mdnb.market import LiveMarket
from tests.limits import LIMIT_SECONDS


@pytest.fixture(scope="module")
def market() -> Iterator[LiveMarket]:
    """A market of two symbols; its feed is the simulator's."""
    made = mdnb.live(["BTC-USD", "MNQ"], ["1min", "5min"], initial_days=0.1, progress=False)
    made.wait_for("TICK_DATA", timeout=LIMIT_SECONDS)
    yield made
    made.close()


def test_a_folder_gets_a_file_of_each_symbol(tmp_path: Path, market: LiveMarket) -> None:
    folder = market.export(f"{tmp_path / 'all'}/")
    assert sorted(path.name for path in folder.iterdir()) == ["BTC-USD.parquet", "MNQ.parquet"]
    for symbol in ("BTC-USD", "MNQ"):
        frame = pd.read_parquet(folder / f"{symbol}.parquet")
        assert set(frame["timeframe"]) == {"1min", "5min"}
        assert frame.attrs["symbol"] == symbol
        held = market[symbol].data.get_all_data("1min")
        both = frame[frame["timeframe"] == "1min"]["close"].index.intersection(held.index)
        assert len(both) >= 140
    # One that is there, and of one symbol only its own.
    assert market["MNQ"].export(tmp_path / "all") == tmp_path / "all"
    (tmp_path / "one").mkdir()
    market["MNQ"].export(tmp_path / "one")
    assert [path.name for path in (tmp_path / "one").iterdir()] == ["MNQ.parquet"]
    market.export(tmp_path / "one", what="ticks")
    assert (tmp_path / "one" / "BTC-USD_ticks.parquet").exists()


def test_a_file_of_a_market_of_several_says_whose_bars_are_left_out(
    tmp_path: Path, market: LiveMarket
) -> None:
    with pytest.warns(UserWarning, match="the bars of BTC-USD alone, not those of MNQ; .*give a folder"):
        market.export(tmp_path / "x.parquet")
    (tmp_path / "file").write_text("x")
    with pytest.raises(DataExportError, match="cannot be made"):
        market.export(f"{tmp_path / 'file' / 'in'}/")


def test_json_tells_what_it_is_of_where_that_is_asked_for(tmp_path: Path, market: LiveMarket) -> None:
    path = market["MNQ"].export(tmp_path / "x.json", "5min", envelope=True)
    told = json.loads(path.read_text())
    bars = told.pop("bars")
    assert told == {
        "symbol": "MNQ",
        "timeframe": "5min",
        "timezone": "UTC",
        "source": "trades",
        "forming": False,
        "mdnb": metadata.version("mdnb"),
    }
    frame = mdnb.read(path)
    assert len(frame) == len(bars)
    [result] = market["MNQ"].load(path, "5min")
    assert result.kept == len(bars)
    with pytest.raises(OptionError, match=r"envelope= is of \.json"):
        market["MNQ"].export(tmp_path / "x.csv", "5min", envelope=True)


@pytest.mark.parametrize("ending", [".csv", ".json", ".jsonl", ".parquet", ".feather"])
def test_all_symbols_go_into_one_file_and_each_market_takes_its_own(
    tmp_path: Path, market: LiveMarket, ending: str
) -> None:
    path = market.export(tmp_path / f"all{ending}", symbols="all")
    for symbol in ("BTC-USD", "MNQ"):
        results = market[symbol].load(path)
        assert [one.timeframe for one in results] == ["1min", "5min"]
        assert all(one.kept == one.rows > 0 and one.notes == () for one in results)
        assert [one.rows for one in results] == [
            len(read_bars(path, name, symbol=symbol)) for name in ("1min", "5min")
        ]
    with pytest.warns(UserWarning, match="the file says MNQ, the market is BTC-USD"):
        market["BTC-USD"].load(path, "1min", symbol="MNQ", overwrite=False, lenient=True)
    with pytest.raises(SymbolError, match="MES"):
        market.export(path, symbols=["MES"])
    with pytest.raises(OptionError, match="symbols= is of bars"):
        market.export(path, symbols="all", what="ticks")
    with pytest.raises(OptionError, match="a workbook holds one symbol"):
        market.export(tmp_path / "all.xlsx", symbols="all")
    one = market.export(tmp_path / f"one{ending}", "5min", symbols="MNQ")
    [result] = market["MNQ"].load(one, "5min")
    assert result.kept == result.rows > 0


def test_a_folder_gets_the_symbols_that_are_named(tmp_path: Path, market: LiveMarket) -> None:
    folder = market.export(f"{tmp_path / 'some'}/", symbols=["MNQ"])
    assert [path.name for path in folder.iterdir()] == ["MNQ.parquet"]
