"""Files of ticks and bars that any program wrote, played as a feed: the very rows, as pandas reads them."""

from __future__ import annotations

import gzip
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import mdnb
from mdnb.errors import FeedError, OptionError, SymbolError
from mdnb.feeds.replay.feed import ReplayFeed
from mdnb.io import write_bars
from mdnb.recordings import RecordingFeed
from tests.limits import LIMIT_SECONDS


@pytest.fixture(scope="module")
def ticks() -> pd.DataFrame:
    """Trades a few seconds apart, several of one time among them."""
    rng = np.random.default_rng(11)
    at = pd.Timestamp("2026-03-02T14:30Z") + pd.to_timedelta(np.sort(rng.integers(0, 7200, 1500)), unit="s")
    price = np.round(100 + rng.normal(0, 0.3, len(at)).cumsum(), 2)
    size = rng.integers(1, 50, len(at)) / 10
    side = rng.choice(["buy", "sell"], len(at))
    return pd.DataFrame({"time": at, "price": price, "size": size, "side": side, "id": range(len(at))})


def bars_of(ticks: pd.DataFrame, rule: str = "1min") -> pd.DataFrame:
    """Return bars as pandas makes them."""
    by_time = ticks.set_index("time")
    bars = by_time["price"].resample(rule).ohlc()
    bars["volume"] = by_time["size"].resample(rule).sum()
    bars["tick_count"] = by_time["size"].resample(rule).count().astype(float)
    return bars[bars["tick_count"] > 0]


def played(path: Path | str, *, name: str = "1min", symbol: str = "X", **options: Any) -> pd.DataFrame:
    query = "".join(f"&{key}={value}" for key, value in options.items())
    feed = f"replay:{path}?speed=max{query}"
    with mdnb.live(symbol, [name], feed=feed, initial_days=0, progress=False) as market:
        market.wait_ended(LIMIT_SECONDS)
        return market.data.get_data(name)


def same(bars: pd.DataFrame, wanted: pd.DataFrame) -> None:
    assert (bars.index.asi8 == wanted.index.as_unit("us").asi8).all()
    for column in ("open", "high", "low", "close", "tick_count"):
        assert bars[column].tolist() == wanted[column].tolist(), column
    np.testing.assert_allclose(bars["volume"], wanted["volume"], rtol=1e-12)


def written(ticks: pd.DataFrame, path: Path) -> Path:
    """Write ticks in the way of a file's ending."""
    name = path.name
    if name.startswith("naive"):
        local = ticks.assign(time=ticks["time"].dt.tz_convert("America/New_York").dt.tz_localize(None))
        local.to_csv(path, index=False)
    elif name.startswith("epoch"):
        ticks.assign(time=ticks["time"].astype("int64") // 10**3).to_csv(path, index=False, sep=";")
    elif name.endswith(".csv.gz"):
        path.write_bytes(gzip.compress(ticks.to_csv(index=False).encode()))
    elif name.endswith(".csv"):
        ticks.to_csv(path, index=False)
    elif name.endswith(".parquet"):
        ticks.to_parquet(path)
    elif name.endswith(".feather"):
        ticks.to_feather(path)
    else:
        ticks.to_json(path, orient="records", lines=True, date_format="iso", date_unit="ns")
    return path


@pytest.mark.parametrize("name", ["t.csv", "t.csv.gz", "epoch.csv", "t.parquet", "t.feather", "t.jsonl"])
def test_files_of_trades_play_trade_by_trade(name: str, ticks: pd.DataFrame, tmp_path: Path) -> None:
    path = written(ticks, tmp_path / name)
    same(played(path), bars_of(ticks))
    same(played(path, name="5min"), bars_of(ticks, "5min"))
    hundreds = played(path, name="100tick")
    assert hundreds["close"].tolist() == ticks["price"][99::100].tolist()


def test_what_a_file_does_not_tell_is_asked_for(ticks: pd.DataFrame, tmp_path: Path) -> None:
    path = written(ticks, tmp_path / "naive.csv")
    with pytest.raises(FeedError, match=r"cannot be played: .* do not say their zone\. Give tz="):
        played(path)
    same(played(path, tz="America/New_York"), bars_of(ticks))
    steps = list(mdnb.play(path, "1min", symbol="X", tz="America/New_York"))
    assert len(steps) == len(bars_of(ticks))


def test_quotes_play_as_quotes(ticks: pd.DataFrame, tmp_path: Path) -> None:
    path = tmp_path / "q.csv"
    quotes = ticks.assign(bid=ticks["price"] - 0.25, ask=ticks["price"] + 0.25)[["time", "bid", "ask"]]
    quotes.to_csv(path, index=False)
    bars = played(path)
    assert bars["close"].tolist() == bars_of(ticks)["close"].tolist()
    assert played(path, price="bid")["close"].tolist() == (bars_of(ticks)["close"] - 0.25).tolist()
    with pytest.raises(OptionError, match="price='bid' is of recordings that have quotes alone"):
        played(written(ticks, tmp_path / "t.csv"), price="bid")


@pytest.mark.parametrize("ending", ["csv", "parquet", "json", "arrow"])
def test_files_of_bars_play_bar_by_bar(ending: str, ticks: pd.DataFrame, tmp_path: Path) -> None:
    path, wanted = tmp_path / f"b.{ending}", bars_of(ticks)
    frame = wanted.drop(columns="tick_count").reset_index()
    if ending == "csv":
        frame.to_csv(path, index=False)
    elif ending == "json":
        frame.to_json(path, orient="records", date_format="iso", double_precision=15)
    else:
        frame.to_parquet(path) if ending == "parquet" else frame.to_feather(path)
    bars = played(path)
    assert bars["close"].tolist() == wanted["close"].tolist()
    np.testing.assert_allclose(bars["volume"], wanted["volume"], rtol=1e-14)
    five = played(path, name="5min")
    assert five["high"].tolist() == bars_of(ticks, "5min")["high"].tolist()


@pytest.mark.parametrize(
    "name", ["all.parquet", "one.csv", "one.json", "all.arrow", "ticks.csv", "ticks.parquet", "ticks.jsonl"]
)
def test_what_was_exported_plays(name: str, ticks: pd.DataFrame, tmp_path: Path) -> None:
    source = written(ticks, tmp_path / "t.csv")
    feed = f"replay:{source}?speed=max"
    with mdnb.live("X", ["1min", "5min", "50tick"], feed=feed, initial_days=0, progress=False) as market:
        market.wait_ended(LIMIT_SECONDS)
        what = "ticks" if name.startswith("ticks") else "bars"
        timeframe = "1min" if name.startswith("one") else None
        path = market.export(tmp_path / name, timeframe, what=what)
    bars = played(path)
    assert bars["close"].tolist() == bars_of(ticks)["close"].tolist()
    if name == "all.parquet":
        assert len(played(path, name="5min", timeframe="5min")) == len(bars_of(ticks, "5min"))


def test_of_several_symbols_the_one_that_is_opened_plays(ticks: pd.DataFrame, tmp_path: Path) -> None:
    path = tmp_path / "two.csv"
    both = [ticks.assign(symbol="AAA"), ticks.assign(symbol="BBB", price=ticks["price"] + 7)]
    pd.concat(both).sort_values("time", kind="stable").to_csv(path, index=False)
    assert played(path, symbol="BBB")["close"].tolist() == (bars_of(ticks)["close"] + 7).round(2).tolist()
    feed = f"replay:{path}?speed=max"
    with mdnb.live(["AAA", "BBB"], ["1min"], feed=feed, initial_days=0, progress=False) as market:
        market.wait_ended(LIMIT_SECONDS)
        assert len(market["AAA"].data.get_data("1min")) == len(market["BBB"].data.get_data("1min"))
    with pytest.raises((FeedError, SymbolError), match="AAA, BBB"):
        played(path, symbol="CCC")


def test_a_file_that_names_its_symbol_answers_to_it(ticks: pd.DataFrame, tmp_path: Path) -> None:
    path = tmp_path / "one.csv"
    ticks.assign(symbol="AAA").to_csv(path, index=False)
    assert RecordingFeed(path).known_symbols() == ("AAA",)
    with mdnb.open(path, speed="max", timeframes="1min", progress=False) as market:
        assert market.symbols == ("AAA",)
    with pytest.raises(SymbolError, match="does not hold 'BBB'"):
        played(path, symbol="BBB")
    ticks.to_csv(path, index=False)
    with pytest.raises(SymbolError, match="say it, symbol="):
        mdnb.open(path, progress=False)


@pytest.mark.parametrize("name", ["kraken_trades.csv", "tardis_trades_us.csv", "histdata_tick.csv.gz"])
def test_vendors_files_play(name: str, shared_data: Path) -> None:
    path = shared_data / "dialects" / name
    options = {"tz": "Etc/GMT+5"} if name.startswith("histdata") else {}
    wanted = mdnb.read_ticks(path, **options)
    bars = played(path, symbol=wanted.attrs.get("symbol", "X"), **options)
    if "price" in wanted:
        assert int(bars["tick_count"].sum()) == len(wanted)
        assert bars["high"].max() == wanted["price"].max()
    else:
        assert bars["high"].max() == pytest.approx(((wanted["bid"] + wanted["ask"]) / 2).max(), abs=1e-12)


def test_what_is_no_file_of_ticks_or_bars_says_so(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text("hello,world\n1,2\n3,4\n")
    with pytest.raises(FeedError, match=r"x\.csv cannot be played: .*x\.csv: "):
        played(path)
    # Without the readers of files the base says what it understands, and gives no advice that leads back.
    with pytest.raises(FeedError, match="Understood") as caught:
        ReplayFeed(path)
    assert "live.load" not in str(caught.value)


def test_options_of_files_of_others_are_refused_of_recordings(tmp_path: Path) -> None:
    for feed in ("replay:dataset:gold-ticks", "replay:dataset:bitcoin-messages"):
        with pytest.raises(OptionError, match="separator= is of files that others wrote"):
            mdnb.live("GC", "1min", feed=f"{feed}?separator=%3B", progress=False)


@pytest.mark.parametrize("name", ["all.csv", "all.json", "all.parquet"])
def test_of_several_timeframes_and_symbols_the_finest_of_the_one_opened_plays(
    name: str, ticks: pd.DataFrame, tmp_path: Path
) -> None:
    frames = {
        symbol: {rule: bars_of(ticks, rule).rename_axis("timestamp") * scale for rule in ("1min", "5min")}
        for symbol, scale in (("X", 1.0), ("Y", 2.0))
    }
    path = write_bars(frames, tmp_path / name)
    same(played(path, symbol="Y"), frames["Y"]["1min"])
    same(played(path, symbol="X", name="5min", timeframe="5min"), frames["X"]["5min"])


@pytest.mark.parametrize("name", ["one.xlsx", "all.xlsx", "one.zip"])
def test_workbooks_and_zips_of_one_file_play(name: str, ticks: pd.DataFrame, tmp_path: Path) -> None:
    frames = {rule: bars_of(ticks, rule).rename_axis("timestamp") for rule in ("1min", "5min")}
    path = tmp_path / name
    if name == "one.zip":
        held = write_bars(frames["1min"], tmp_path / "bars.csv")
        with zipfile.ZipFile(path, "w") as archive:
            archive.write(held, held.name)
    else:
        write_bars({"1min": frames["1min"]} if name == "one.xlsx" else frames, path)
    same(played(path), frames["1min"])
    steps = list(mdnb.play(path, "1min", symbol="X"))
    assert [float(step.bars["1min"].close) for step in steps if "1min" in step.bars] == frames["1min"][
        "close"
    ].tolist()
    if name == "all.xlsx":
        same(played(path, name="5min", timeframe="5min"), frames["5min"])


def test_zips_and_workbooks_that_cannot_be_played_say_why(ticks: pd.DataFrame, tmp_path: Path) -> None:
    two = tmp_path / "two.zip"
    with zipfile.ZipFile(two, "w") as archive:
        archive.writestr("a.csv", "time,price,size\n2026-03-02T09:30:00Z,100.5,2\n")
        archive.writestr("b.csv", "time,price,size\n2026-03-02T09:30:00Z,100.5,2\n")
    with pytest.raises(FeedError, match=r"two\.zip.*holds 2 files \(a\.csv, b\.csv\)\. Take out the one"):
        mdnb.play(two, "1min", symbol="X")
    odd = tmp_path / "odd.xlsx"
    odd.write_bytes(b"PK\x03\x04 and no more")
    with pytest.raises(FeedError, match=r"odd\.xlsx"):
        mdnb.play(odd, "1min", symbol="X")
    days = tmp_path / "days.csv"
    days.write_text("time,open,high,low,close,volume\n2026-03-02,1,1,1,1,1\n2026-03-03,1,1,1,1,1\n")
    with pytest.raises(FeedError, match=r"when 1day bars end they do not tell.*instead: live\.load"):
        mdnb.play(days, "1min", symbol="X")
