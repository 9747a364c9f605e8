"""pandas, pyarrow, polars and DuckDB read the tree as it is, also while it is written."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow.dataset as ds
import pytest

import mdnb
from tests.limits import LIMIT_SECONDS
from tests.market_store.keep_numbered import FIRST_US, STEP_US

SYMBOLS = ["BTC/USD", "ES=F", "600519", "^GSPC", "a b%", "Ü/€"]
NAMES = ["open", "high", "low", "close", "volume", "tick_count"]


def made(start: str, count: int, freq: str, seed: int = 1) -> pd.DataFrame:
    """Bars of a random walk."""
    draw = np.random.default_rng(seed)
    close = 100 + draw.normal(size=count).cumsum().round(2)
    open_ = close + draw.normal(size=count).round(2)
    top, bottom = np.maximum(open_, close) + draw.random(count), np.minimum(open_, close) - draw.random(count)
    index = pd.date_range(start, periods=count, freq=freq, tz="UTC", unit="us", name="timestamp")
    columns = {"open": open_, "high": top, "low": bottom, "close": close}
    volume = draw.integers(0, 1000, count).astype(float)
    made = pd.DataFrame({**columns, "volume": volume, "tick_count": volume // 3}, index=index)
    return made[made["low"] > 0]


@pytest.fixture
def tree(tmp_path: Path) -> tuple[Path, dict[tuple[str, str], pd.DataFrame]]:
    """A store of several symbols and timeframes, and what was written."""
    frames = {}
    with mdnb.store(tmp_path) as store:
        for seed, symbol in enumerate(SYMBOLS):
            for timeframe, freq, count in (("1min", "1min", 3000), ("1hour", "1h", 500), ("1day", "1D", 400)):
                frames[symbol, timeframe] = made("2025-11-30 22:00", count, freq, seed)
                store.write(symbol, timeframe, frames[symbol, timeframe])
    return tmp_path, frames


@pytest.mark.parametrize("timeframe", ["1min", "1hour", "1day"])
def test_all_read_the_same_to_the_bit(
    tree: tuple[Path, dict[tuple[str, str], pd.DataFrame]], timeframe: str
) -> None:
    folder, frames = tree
    pattern = f"{folder}/*/timeframe={timeframe}/**/*.parquet"
    read = {
        "pandas": pd.read_parquet(folder, filters=[("timeframe", "==", timeframe)]),
        "pyarrow": ds.dataset(folder, partitioning="hive")
        .to_table(filter=ds.field("timeframe") == timeframe)
        .to_pandas(),
        "polars": pl.scan_parquet(pattern, hive_partitioning=True).collect().to_pandas(),
        "duckdb": duckdb.sql(f"from read_parquet('{pattern}', hive_partitioning=true)")
        .arrow()
        .read_all()
        .to_pandas(),
    }
    for who, frame in read.items():
        assert set(frame["symbol"].astype(str)) == set(SYMBOLS), who
        for symbol in SYMBOLS:
            own = frame[frame["symbol"].astype(str) == symbol].sort_values("timestamp").set_index("timestamp")
            own.index = pd.DatetimeIndex(own.index).tz_convert("UTC").as_unit("us")
            expected = frames[symbol, timeframe]
            pd.testing.assert_frame_equal(
                own[NAMES].astype(float), expected[NAMES], check_freq=False, check_exact=True, obj=who
            )


def test_own_reading_gives_what_was_written(
    tree: tuple[Path, dict[tuple[str, str], pd.DataFrame]],
) -> None:
    folder, frames = tree
    with mdnb.store(folder) as store:
        assert store.symbols() == sorted(SYMBOLS)
        for (symbol, timeframe), expected in frames.items():
            pd.testing.assert_frame_equal(
                store.frame(symbol, timeframe), expected, check_freq=False, check_exact=True
            )


def test_files_are_of_the_days_and_years_they_name(
    tree: tuple[Path, dict[tuple[str, str], pd.DataFrame]],
) -> None:
    folder, _ = tree
    seen = set()
    for path in folder.rglob("*.parquet"):
        key, _, value = path.parent.name.partition("=")
        seen.add((path.parent.parent.name, key))
        times = pd.DatetimeIndex(pd.read_parquet(path, columns=["timestamp"], partitioning=None)["timestamp"])
        told = times.strftime("%Y-%m-%d" if key == "date" else "%Y")
        assert set(told) == {value}
    assert seen == {("timeframe=1min", "date"), ("timeframe=1hour", "year"), ("timeframe=1day", "year")}


def test_duckdb_and_polars_resample_to_the_bars_of_the_market(tmp_path: Path) -> None:
    with mdnb.live("MNQ", ["1min", "5min", "15min"], initial_days=2, store=tmp_path, progress=False) as live:
        held = {name: live[name].frame for name in ("1min", "5min", "15min")}
    pattern = f"{tmp_path}/symbol=MNQ/timeframe=1min/**/*.parquet"
    for seconds, name in ((300, "5min"), (900, "15min")):
        query = f"""
            select cast(floor(epoch(timestamp) / {seconds}) * {seconds} as bigint) as start,
                first(open order by timestamp) as open, max(high) as high, min(low) as low,
                last(close order by timestamp) as close, sum(volume) as volume
            from read_parquet('{pattern}', hive_partitioning=true) group by 1 order by 1
        """
        by_duckdb = duckdb.sql(query).fetchall()
        by_polars = (
            pl.scan_parquet(pattern, hive_partitioning=True)
            .sort("timestamp")
            .group_by_dynamic("timestamp", every=f"{seconds}s")
            .agg(
                pl.col("open").first(),
                pl.col("high").max(),
                pl.col("low").min(),
                pl.col("close").last(),
                pl.col("volume").sum(),
            )
            .collect()
            .rows()
        )
        mine = held[name]
        whole = mine.index[1:-1]  # of the first and the last one not all minutes need be there
        expected = {
            int(at.timestamp()): tuple(row)
            for at, row in zip(whole, mine.loc[whole, NAMES[:5]].to_numpy().tolist(), strict=True)
        }
        assert len(expected) > 50
        for found in (
            {row[0]: tuple(row[1:]) for row in by_duckdb},
            {int(row[0].timestamp()): tuple(row[1:]) for row in by_polars},
        ):
            assert {start: found[start] for start in expected} == expected


@contextlib.contextmanager
def writing(folder: Path, segment_rows: int, rows: int, begun: int, amends: str = "") -> Iterator[None]:
    """Have a process write numbered bars from when it has told of so many until the block ends."""
    module = "tests.market_store.keep_numbered"
    command = [sys.executable, "-m", module, str(folder), str(segment_rows), str(rows), amends]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline().startswith("ready")
            while int(process.stdout.readline()) < begun:
                pass
            # Who is not listened to stops when the pipe is full.
            threading.Thread(target=process.stdout.read, daemon=True).start()
            yield
            assert process.poll() is None, "it has written all the time"
        finally:
            process.kill()


def numbers_of(times: object) -> list[int]:
    """Return the numbers of bars by their times in microseconds, or as datetimes."""
    us = pd.DatetimeIndex(pd.to_datetime(pd.Series(times), unit="us", utc=True)).as_unit("us").asi8
    return np.sort((us - FIRST_US) // STEP_US).tolist()


def settled(read: Callable[[], Any]) -> Any:
    """Return what is read, again where a file that was listed went into another one before it was opened."""
    for _ in range(20):
        try:
            return read()
        except (FileNotFoundError, duckdb.IOException):
            continue
    return read()


def readers(folder: Path) -> dict[str, Callable[[], Any]]:
    """Return what reads the times of the bars of a minute, by other programs."""
    tree = folder / "symbol=BTC%2FUSD" / "timeframe=1min"
    pattern = f"{tree}/**/*.parquet"
    query = f"select epoch_us(timestamp) as us from '{pattern}'"

    def by_duckdb() -> Any:
        return duckdb.sql(query).fetchnumpy()["us"]

    def by_polars() -> Any:
        return pl.scan_parquet(pattern, hive_partitioning=True).collect()["timestamp"].to_numpy()

    def by_pandas() -> Any:
        return pd.read_parquet(tree)["timestamp"]

    def by_pyarrow() -> Any:
        return ds.dataset(tree, partitioning="hive").to_table()["timestamp"].to_pandas()

    return {"duckdb": by_duckdb, "polars": by_polars, "pandas": by_pandas, "pyarrow": by_pyarrow}


def test_all_read_it_while_it_is_written(tmp_path: Path) -> None:
    counts = []
    with writing(tmp_path, 40, 20, begun=400):
        for _ in range(10):
            for who, read in readers(tmp_path).items():
                found = numbers_of(settled(read))
                assert found == list(range(len(found))), who
                counts.append(len(found))
            with mdnb.store(tmp_path) as store:
                assert store.read_only
                frame = store.frame("BTC/USD", "1min")
                assert numbers_of(frame.index) == list(range(len(frame)))
                assert len(frame) >= counts[-1]
    assert counts == sorted(counts)
    assert counts[-1] > counts[0] > 0


def test_bars_that_are_in_parquet_are_written_anew_and_never_found_twice(tmp_path: Path) -> None:
    # polars looks how large a file is and opens it later: of one that was replaced between it reads nothing.
    with writing(tmp_path, 40, 20, begun=400, amends="amends"):
        for _ in range(10):
            for who, read in readers(tmp_path).items():
                if who != "polars":
                    found = numbers_of(settled(read))
                    assert found == list(range(len(found))), who


@pytest.mark.parametrize("kind", ["ticks", "quotes"])
def test_trades_and_quotes_are_read_by_their_folder_to_the_nanosecond(tmp_path: Path, kind: str) -> None:
    feed = "sim://?speed=60&seed=4"
    with mdnb.live("BTC-USD", "1min", feed=feed, initial_days=0.02, store=tmp_path, progress=False) as market:
        market.wait_for("new_bar", timeout=LIMIT_SECONDS)
    with mdnb.store(tmp_path) as store:
        mine = getattr(store, kind)("BTC-USD")
    found_ns = mine.index.as_unit("ns").asi8
    assert (found_ns % 1000).any()
    assert len(pd.read_parquet(tmp_path, filters=[("timeframe", "==", "1min")]))
    pattern = f"{tmp_path}/*/timeframe={kind}/**/*.parquet"
    read = {
        "pandas": pd.read_parquet(tmp_path / "symbol=BTC-USD" / f"timeframe={kind}"),
        "polars": pl.scan_parquet(pattern).collect().to_pandas(),
    }
    for name, table in read.items():
        times = pd.DatetimeIndex(table.get("timestamp", table.index))
        assert (np.sort(times.as_unit("ns").asi8) == found_ns).all(), name
        price = "price" if kind == "ticks" else "bid"
        assert sorted(table[price]) == sorted(mine[price]), name
