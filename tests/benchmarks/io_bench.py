"""Export and import of bars against pandas' own writers and readers: CPU seconds, wall seconds, ratios.

    python -m tests.benchmarks.io_bench [rows]

One process, the best of three runs (one where it takes more than three seconds), so read the ratios. CPU
time is that of all threads. Every import is compared with the frame that was exported; a difference ends
the run.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

import mdnb
from mdnb import read
from mdnb.io import read_csv, read_json, read_parquet, write_csv, write_json, write_parquet

PAGE_FORMAT = "%Y-%m-%d %H:%M:%S"
ZONE = "America/Chicago"
QUICK_SECONDS = 3.0


def bars(rows: int) -> pd.DataFrame:
    """Return a random walk on a quarter grid, one bar a minute."""
    random = np.random.default_rng(7)
    index = (
        pd.date_range(end="2026-01-01", periods=rows, freq="1min", tz=ZONE).as_unit("us").rename("timestamp")
    )
    close = np.round((20_000 + np.cumsum(random.normal(0, 1, rows))) * 4) / 4
    open_ = np.concatenate([close[:1], close[:-1]])
    return pd.DataFrame(
        {
            "open": open_,
            "high": np.maximum(open_, close) + random.integers(0, 8, rows) / 4,
            "low": np.minimum(open_, close) - random.integers(0, 8, rows) / 4,
            "close": close,
            "volume": random.integers(0, 5_000, rows).astype(np.float64),
            "tick_count": random.integers(0, 500, rows),
        },
        index=index,
    )


def measured(call: Callable[[], object]) -> tuple[object, float, float]:
    """Return what ``call`` gives, and its CPU and wall seconds: the best of three where it is quick."""
    runs: list[tuple[float, float]] = []
    result: object = None
    while not runs or (len(runs) < 3 and runs[0][1] < QUICK_SECONDS):
        wall, cpu = time.perf_counter(), time.process_time()
        result = call()
        runs.append((time.process_time() - cpu, time.perf_counter() - wall))
    return result, *min(runs)


def row(name: str, ours: Callable[[], object], pandas: Callable[[], object]) -> object:
    """Print one line and return our result."""
    _, their_cpu, their_wall = measured(pandas)
    result, cpu, wall = measured(ours)
    figures = f"{cpu:7.2f} {wall:7.2f} {their_cpu:9.2f} {their_wall:7.2f}"
    print(f"{name:30s} {figures} {their_cpu / cpu:7.1f}x {their_wall / wall:7.1f}x", flush=True)
    return result


def check(expected: pd.DataFrame, given: object) -> None:
    """Stop where an import differs from what was exported."""
    pd.testing.assert_frame_equal(expected, given, check_exact=True, check_freq=False)


def pandas_csv(path: Path) -> pd.DataFrame:
    """Read as a pandas user does who wants instants."""
    frame = pd.read_csv(path, index_col="timestamp")
    frame.index = pd.to_datetime(frame.index, utc=True, format="ISO8601").tz_convert(ZONE)
    return frame


def pandas_json(path: Path) -> pd.DataFrame:
    """Read as a pandas user does who wants instants."""
    frame = pd.read_json(path, orient="records").set_index("timestamp")
    frame.index = pd.to_datetime(frame.index, utc=True).tz_convert(ZONE)
    return frame


def text_formats(frame: pd.DataFrame, folder: Path) -> None:
    """Measure CSV and JSON."""
    csv, json, theirs, plain = (
        folder / "ours.csv",
        folder / "ours.json",
        folder / "theirs",
        frame.reset_index(),
    )
    page = {"date_format": PAGE_FORMAT}
    row(
        "CSV write, page's format",
        lambda: write_csv(frame, csv, **page),
        lambda: frame.to_csv(theirs, **page),
    )
    row("CSV write, default", lambda: write_csv(frame, csv), lambda: frame.to_csv(theirs))
    check(frame, row("CSV read", lambda: read_csv(csv, tz=ZONE), lambda: pandas_csv(csv)))
    for name, pretty, indent in (("JSON", False, 0), ("JSON, pretty", True, 2)):
        theirs_too = partial(plain.to_json, theirs, orient="records", date_format="iso", indent=indent)
        row(f"{name} write", partial(write_json, frame, json, pretty_format=pretty), theirs_too)
        check(frame, row(f"{name} read", lambda: read_json(json, tz=ZONE), lambda: pandas_json(json)))


def foreign(frame: pd.DataFrame, folder: Path) -> None:
    """Read what others write by recognition, beside pandas that is told what it is."""
    held = frame.rename(columns=str.title)[["Open", "High", "Low", "Close", "Volume"]].tz_convert("UTC")
    wall = held.index.strftime("%d.%m.%Y %H:%M")
    dates: dict[str, Any] = {"parse_dates": ["Date"]}
    forms: dict[str, tuple[Any, str, str, dict[str, Any], dict[str, Any]]] = {
        # an index, the signs, what has to be said, what pandas has to be told beside the signs
        "ISO 8601": (held.index, ",", ".", {}, dates),
        "epoch_ms": (held.index.as_unit("ms").asi8, ",", ".", {}, {}),
        "German": (wall, ";", ",", {"tz": "UTC"}, {**dates, "date_format": "%d.%m.%Y %H:%M"}),
    }
    for name, (index, separator, decimal, said, told) in forms.items():
        path = folder / f"{name}.csv"
        held.set_axis(index).to_csv(path, sep=separator, decimal=decimal, index_label="Date")
        theirs = partial(pd.read_csv, path, sep=separator, decimal=decimal, **told)
        given = row(f"CSV of others, {name}", partial(read, path, **said), theirs)
        assert isinstance(given, pd.DataFrame)
        assert np.array_equal(given["close"], frame["close"])
        assert (given.index == held.index).all()


def parquet(frame: pd.DataFrame, folder: Path, compression: str) -> None:
    """Measure Parquet with one compression."""
    ours, theirs = folder / f"ours.{compression}", folder / f"theirs.{compression}"
    row(
        f"Parquet write, {compression}",
        lambda: write_parquet(frame, ours, compression=compression),
        lambda: frame.to_parquet(theirs, compression=compression),  # type: ignore[call-overload]
    )
    check(
        frame,
        row(f"Parquet read, {compression}", lambda: read_parquet(ours), lambda: pd.read_parquet(theirs)),
    )
    size, their_size = ours.stat().st_size, theirs.stat().st_size
    print(f"  size {size / 1e6:.1f} MB, pandas {their_size / 1e6:.1f} MB: {size / their_size:.2f}")


def loaded(frame: pd.DataFrame, folder: Path) -> None:
    """Load files into a live market that keeps all of it, with every check, beside a bare read."""
    write_parquet(frame, folder / "loaded.parquet")
    bare: dict[str, Callable[[], object]] = {
        "ours.csv": partial(pandas_csv, folder / "ours.csv"),
        "ours.json": partial(pandas_json, folder / "ours.json"),
        "loaded.parquet": partial(pq.read_table, folder / "loaded.parquet"),
    }
    config = mdnb.DataManagerConfig(max_bars_per_timeframe=len(frame) + 1000)
    for name, read_bare in bare.items():
        whose = "pyarrow" if name.endswith("parquet") else "pandas"
        with mdnb.live("BTC-USD", "1min", initial_days=0, data_manager_config=config) as live:
            load = partial(live.load, folder / name, "1min", overwrite=True)
            row(f"{name} loaded, beside {whose}", load, read_bare)


def main(rows: int) -> None:
    """Measure every format."""
    frame = bars(rows)
    print(f"{rows:,} bars{'':20s} CPU s  wall s  pandas CPU   wall  ratio CPU, wall")
    with tempfile.TemporaryDirectory() as name:
        text_formats(frame, Path(name))
        foreign(frame, Path(name))
        for compression in ("snappy", "zstd"):
            parquet(frame, Path(name), compression)
        loaded(frame, Path(name))


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000)
