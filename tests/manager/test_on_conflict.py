"""What becomes of bars of a file that differ from each other, or from those held: all or nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings, strategies as st

from mdnb.errors import DataImportError, OptionError
from mdnb.market import LiveMarket
from mdnb.rows import BarRow
from tests.manager.hand import HandFeed, bar, minutes, open_market, trade

COLUMNS = ["open", "high", "low", "close", "volume", "tick_count"]


def written(path: Path, rows: list[BarRow]) -> Path:
    index = pd.to_datetime([row[0] for row in rows], utc=True).rename("timestamp")
    frame = pd.DataFrame([row[1:7] for row in rows], columns=COLUMNS, index=index)
    if path.suffix == ".parquet":
        frame.to_parquet(path)
    elif path.suffix == ".json":
        frame.reset_index().to_json(path, orient="records", date_format="iso", double_precision=15)
    else:
        frame.to_csv(path)
    return path


def closes(market: LiveMarket) -> list[float]:
    return [float(close) for close in market.data.get_all_data("1min")["close"]]


@pytest.mark.parametrize("overflow", [False, True])
@pytest.mark.parametrize("kind", ["csv", "json", "parquet"])
@pytest.mark.parametrize("by", ["load", "import"])
def test_bars_held_are_kept_replaced_or_the_file_is_refused(
    tmp_path: Path, by: str, kind: str, overflow: bool
) -> None:
    held, other = minutes(-30, 30), bar(-20, 107.0)
    rows = [*minutes(-40, 10), *held[:10], other, *held[11:20]]
    path = written(tmp_path / f"bars.{kind}", rows)
    limit = {"max_bars_per_timeframe": 3, "enable_disk_overflow": True} if overflow else {}
    with open_market(HandFeed(held), "1min", "5min", **limit) as market:
        if overflow:
            market.data.cleanup_old_data()
        before = [market.data.get_all_data(name) for name in ("1min", "5min")]

        def put(**how: Any) -> object:
            if by == "load":
                return market.load(path, "1min", **how)
            return getattr(market.data, f"import_from_{kind}")(path, "1min", **how)

        with pytest.raises(
            DataImportError, match="1 1min bars are held with other values, from 2026-03-02 13"
        ):
            put(on_conflict="error")
        for name, frame in zip(("1min", "5min"), before, strict=True):
            pd.testing.assert_frame_equal(market.data.get_all_data(name), frame)
        with pytest.raises(OptionError, match="overwrite=True"):
            put(on_conflict="keep", overwrite=True)
        with pytest.raises(OptionError, match="error, keep, replace"):
            put(on_conflict="first")
        put(on_conflict="keep")
        assert len(closes(market)) == 40
        assert closes(market)[20] == held[10][4]
        put(on_conflict="replace")
        assert closes(market)[20] == 107.0
        five = market.data.get_all_data("5min")
        assert five["high"].max() == 108.0, "the coarser ones follow"
        put(on_conflict="error")


def test_a_partial_bar_held_contradicts_nothing(tmp_path: Path) -> None:
    feed = HandFeed()
    with open_market(feed, "1min") as market:
        feed.trades(trade(30, 100.0, number=1), trade(61, 100.0, number=2))
        with market.data.engine.lock:
            market.data.engine.log("1min").mark(0, 4)
        path = written(tmp_path / "a.csv", [bar(-1, 100.0), bar(0, 200.0)])
        [result] = market.load(path, "1min", on_conflict="error", lenient=True)
        assert (result.added, result.replaced) == (1, 1)


def test_one_timeframe_that_is_held_otherwise_refuses_the_whole_file(tmp_path: Path) -> None:
    with open_market(HandFeed(minutes(-300, 300)), "1min", "5min") as market:
        path = market.export(tmp_path / "both.parquet")
    other = minutes(-300, 300)[:-10]
    with open_market(HandFeed(other), "1min", "5min") as market:
        market.data.import_from_csv(written(tmp_path / "five.csv", [bar(-300, 50.0)]), "5min", overwrite=True)
        with pytest.raises(DataImportError, match="1 5min bars are held with other values"):
            market.load(path, on_conflict="error")
        assert len(closes(market)) == 290
        assert [result.added for result in market.load(path, on_conflict="keep")] == [10, 2]


@pytest.mark.parametrize("kind", ["csv", "json", "parquet"])
def test_rows_of_one_time_are_chosen_by_their_order(tmp_path: Path, kind: str) -> None:
    impossible = (bar(-5, 100.0)[0], 100.0, 99.0, 98.0, 100.0, 1.0, 1, 100.0)
    rows = [bar(-6, 100.0), impossible, bar(-5, 101.0), bar(-5, 102.0), bar(-5, 103.0), bar(-4, 100.0)]
    path = written(tmp_path / f"bars.{kind}", rows)
    for choice, close in (("keep", 101.0), ("replace", 103.0), (None, 103.0)):
        with open_market(HandFeed(), "1min") as market:
            load = getattr(market.data, f"import_from_{kind}")
            with pytest.raises(DataImportError, match="contradict"):
                load(path, "1min", on_conflict="error")
            assert closes(market) == []
            with pytest.warns(UserWarning, match="one time, different bars"):
                load(path, "1min", on_conflict=choice)
            assert closes(market) == [100.0, close, 100.0]


@given(
    held=st.dictionaries(st.integers(-60, -1), st.integers(1, 3), min_size=1, max_size=20),
    given_=st.dictionaries(st.integers(-60, -1), st.integers(1, 3), min_size=1, max_size=20),
    choice=st.sampled_from(["error", "keep", "replace"]),
)
@settings(max_examples=25, deadline=None)
def test_it_is_what_a_dictionary_does(
    tmp_path_factory: pytest.TempPathFactory, held: dict[int, int], given_: dict[int, int], choice: str
) -> None:
    folder = tmp_path_factory.mktemp("files")
    neighbours = {-70: 1, -69: 1}  # they show what the bars are of
    held, given_ = held | neighbours, given_ | neighbours
    first, second = (
        written(folder / f"{name}.parquet", [bar(at, 100.0 + bars[at]) for at in sorted(bars)])
        for name, bars in (("first", held), ("second", given_))
    )
    with open_market(HandFeed(), "1min") as market:
        market.load(first, "1min", on_conflict=choice)
        differ = any(given_[at] != held[at] for at in held.keys() & given_.keys())
        expected = (
            held
            if choice == "error" and differ
            else {"keep": given_ | held, "error": given_ | held, "replace": held | given_}[choice]
        )
        if choice == "error" and differ:
            with pytest.raises(DataImportError):
                market.load(second, "1min", on_conflict=choice)
        else:
            market.load(second, "1min", on_conflict=choice)
        assert closes(market) == [100.0 + expected[at] for at in sorted(expected)]
        assert market.data.get_all_data("1min").index.is_monotonic_increasing


@pytest.mark.parametrize("kind", ["csv", "json", "parquet"])
def test_bars_held_that_the_file_contradicts_are_told_of(tmp_path: Path, kind: str) -> None:
    held = minutes(-30, 30)
    rows = [*held[:10], bar(-20, 107.0), *held[11:20]]
    path = written(tmp_path / f"bars.{kind}", rows)
    with open_market(HandFeed(held), "1min", "5min") as market:
        [result] = market.load(path, "1min")
        [finding] = [one for one in result.findings if one.type == "contradicts_held"]
        assert (finding.count, finding.time_ns) == (1, rows[10][0])
        assert (
            "1 bars are held with other values than the file's, and were kept; overwrite=True takes"
            in repr(result)
        )
        [result] = market.load(path, "1min", on_conflict="keep")
        assert "contradicts_held" in [one.type for one in result.findings]
        [result] = market.load(path, "1min", overwrite=True)
        assert "contradicts_held" not in [one.type for one in result.findings]
        assert result.replaced == 20
        [result] = market.load(path, "1min")
        assert "contradicts_held" not in [one.type for one in result.findings]


def test_rows_of_the_file_that_contradict_each_other_are_told_of(tmp_path: Path) -> None:
    path = written(tmp_path / "bars.csv", [bar(-20, 107.0), bar(-20, 108.0), bar(-19, 107.0)])
    with open_market(HandFeed(minutes(-5, 5)), "1min") as market:
        with pytest.warns(UserWarning, match="one time, different bars: the last valid row"):
            [result] = market.load(path, "1min")
        assert [one.type for one in result.findings] == ["duplicate_conflicting"]
        assert "one time, different bars" in repr(result)
