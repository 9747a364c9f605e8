"""Export and import of bars against pandas' own writers and readers: CPU seconds, wall seconds, ratios.

    python -m tests.benchmarks.io_bench [rows]

Single runs of the same frame in one process, so read the ratios. CPU time is that of all threads. Every
import is compared with the frame that was exported; a difference ends the run.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from mdnb.io import read_csv, read_json, read_parquet, write_csv, write_json, write_parquet

PAGE_FORMAT = "%Y-%m-%d %H:%M:%S"
ZONE = "America/Chicago"


def bars(rows: int) -> pd.DataFrame:
    """Return a random walk on a quarter grid, one bar a minute."""
    random = np.random.default_rng(7)
    index = pd.date_range("2015-01-01", periods=rows, freq="1min", tz=ZONE).as_unit("us").rename("timestamp")
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
    """Return what ``call`` gives, its CPU and its wall seconds."""
    wall, cpu = time.perf_counter(), time.process_time()
    result = call()
    return result, time.process_time() - cpu, time.perf_counter() - wall


def row(name: str, ours: Callable[[], object], pandas: Callable[[], object]) -> tuple[object, object]:
    """Print one line and return both results."""
    theirs, their_cpu, their_wall = measured(pandas)
    result, cpu, wall = measured(ours)
    print(
        f"{name:34s} {cpu:7.2f} {wall:7.2f} {their_cpu:9.2f} {their_wall:7.2f} {their_cpu / cpu:7.1f}x",
        flush=True,
    )
    return result, theirs


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


def main(rows: int) -> None:
    """Run every format once."""
    frame = bars(rows)
    for call in (write_csv, write_json):
        call(frame[:100])  # tables of times and imports are made once a process
    print(f"{rows:,} bars{'':24s} CPU s  wall s  pandas CPU  wall   ratio")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        csv, theirs = folder / "ours.csv", folder / "theirs.csv"
        row("CSV write, page's format", lambda: write_csv(frame, csv, date_format=PAGE_FORMAT),
            lambda: frame.to_csv(theirs, date_format=PAGE_FORMAT))  # fmt: skip
        row("CSV write, default", lambda: write_csv(frame, csv), lambda: frame.to_csv(theirs))
        result, _ = row("CSV read", lambda: read_csv(csv, tz=ZONE), lambda: pandas_csv(csv))
        check(frame, result)
        json, plain = folder / "ours.json", frame.reset_index()
        row("JSON write", lambda: write_json(frame, json),
            lambda: plain.to_json(folder / "theirs.json", orient="records", date_format="iso"))  # fmt: skip
        result, _ = row("JSON read", lambda: read_json(json, tz=ZONE), lambda: pandas_json(json))
        check(frame, result)
        row("JSON write, pretty", lambda: write_json(frame, json, pretty_format=True),
            lambda: plain.to_json(folder / "theirs.json", orient="records", date_format="iso", indent=2))  # fmt: skip
        result, _ = row("JSON read, pretty", lambda: read_json(json, tz=ZONE), lambda: pandas_json(json))
        check(frame, result)
        for compression in ("snappy", "zstd"):
            one, two = folder / f"ours.{compression}", folder / f"theirs.{compression}"
            row(f"Parquet write, {compression}", lambda: write_parquet(frame, one, compression=compression),
                lambda: frame.to_parquet(two, compression=compression))  # noqa: B023 # fmt: skip
            result, _ = row(
                f"Parquet read, {compression}", lambda: read_parquet(one), lambda: pd.read_parquet(two)
            )  # noqa: B023
            check(frame, result)
            sizes = one.stat().st_size, two.stat().st_size
            print(
                f"  size {sizes[0] / 1e6:.1f} MB, pandas {sizes[1] / 1e6:.1f} MB: {sizes[0] / sizes[1]:.2f}"
            )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000)
