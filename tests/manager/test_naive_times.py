"""Times without a zone mean the same in every kind of file, and what was assumed is said."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

import mdnb
from mdnb.market import LiveMarket
from tests.manager.hand import HandFeed


def written(path: Path) -> Path:
    """Write five bars of 09:30 by some wall clock, under the names of our exports, as pandas does."""
    index = pd.date_range("2026-03-01 09:30", periods=5, freq="1min", name="timestamp")
    columns = {"open": 100.0, "high": 101.0, "low": 99.0, "close": 100.5, "volume": 3.0, "tick_count": 2}
    frame = pd.DataFrame(columns, index=index)
    if path.suffix == ".parquet":
        frame.to_parquet(path)
        return path
    text = frame.reset_index().assign(timestamp=index.astype(str))
    if path.suffix == ".csv":
        text.to_csv(path, index=False)
    else:
        text.to_json(path, orient="records")
    return path


def market_of(tz: str) -> LiveMarket:
    return mdnb.live("X", ["1min"], feed=HandFeed(), initial_days=0, tz=tz, progress=False)


@pytest.mark.parametrize("kind", ["csv", "json", "parquet"])
@pytest.mark.parametrize("by", ["load", "import", "load_kept"])
@pytest.mark.parametrize("suite", ["UTC", "Europe/Berlin"])
@pytest.mark.parametrize("tz", [None, "America/New_York"])
def test_a_wall_clock_is_that_of_the_zone_given_or_of_the_suite(
    tmp_path: Path, kind: str, by: str, suite: str, tz: str | None
) -> None:
    path = written(tmp_path / f"bars.{kind}")
    with market_of(suite) as market:
        if by == "import":
            result = getattr(market.data, f"import_from_{kind}")(path, "1min", tz=tz)
        else:
            [result] = market.load(path, "1min" if by == "load" else None, tz=tz)
        [assumed] = [note for note in result.notes if "no UTC offset" in note] or [""]
        first = market.data.get_data("1min").index[0]
    assert first == pd.Timestamp("2026-03-01 09:30", tz=tz or suite)
    assert bool(assumed) == (tz is None)
    if tz is None:
        assert suite in assumed
        assert "naive_times" in {one.type for one in result.findings}
