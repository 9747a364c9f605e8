"""Out into files and back in: the same bars, coarser ones too, and nothing half-done."""

from __future__ import annotations

import json
import re
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pandas_market_calendars as calendars
import pytest
from hypothesis import HealthCheck, example, given, settings, strategies as st

import mdnb
from mdnb.clock import EventClock
from mdnb.config import DataManagerConfig
from mdnb.errors import DataImportError, NoDataError, OptionError, TimeframeError
from mdnb.events.bus import EventBus
from mdnb.instruments import Instrument
from mdnb.io.formats import read_bars, write_bars
from mdnb.runtime.live.pipeline import Pipeline
from mdnb.runtime.live.symbol_state import SymbolState
from mdnb.runtime.past.merge_bars import merge_bars
from mdnb.sessions import Sessions
from mdnb.stores.columns import columns_from_rows
from tests.manager.hand import MINUTE, SECOND, START, HandFeed, bar, minutes, open_market, trade

NAMES = ["1min", "5min", "15min", "1hour"]


@pytest.mark.parametrize("kind", ["csv", "json", "parquet"])
@pytest.mark.parametrize("tz", ["UTC", "America/Chicago", "Asia/Kathmandu"])
def test_an_export_imports_as_the_same_bars(kind: str, tz: str, tmp_path: Path) -> None:
    options: dict[str, Any] = {"initial_days": 1, "tz": tz, "progress": False}
    with mdnb.live("X", NAMES, feed=HandFeed(minutes(-700, 700)), **options) as market:
        market._parts.session.feed.trades(
            *(trade(i * 20, 100.25 + 0.5 * (i % 3), 2.0, i) for i in range(100))
        )  # type: ignore[attr-defined]
        expected = {name: market.data.get_data(name, closed_only=True) for name in NAMES}
        getattr(market.data, f"export_to_{kind}")("1min", tmp_path / f"bars.{kind}")
    clock = EventClock(START + 3600 * MINUTE)
    with mdnb.live("X", NAMES, feed=HandFeed(clock=clock), **{**options, "initial_days": 0}) as market:
        result = getattr(market.data, f"import_from_{kind}")(tmp_path / f"bars.{kind}", "1min")
        assert (result.added, result.rows, result.kept) == (733, 733, 0)
        for name in NAMES:
            frame = market.data.get_data(name)
            assert str(frame.index.dtype) == f"datetime64[us, {tz}]"
            # The last coarse bar is closed here and was open there.
            pd.testing.assert_frame_equal(frame.iloc[: len(expected[name])], expected[name], check_exact=True)


def test_texts_are_what_pandas_reads(tmp_path: Path) -> None:
    with open_market(HandFeed(minutes(-100, 100)), "1min") as market:
        frame = market.data.get_data("1min", closed_only=True)
        text = market.data.export_to_csv(
            timeframe="1min", include_volume=True, date_format="%Y-%m-%d %H:%M:%S"
        )
        assert isinstance(text, str)
        path = tmp_path / "bars.csv"
        path.write_text(text)
        table = pd.read_csv(path, index_col="timestamp", parse_dates=True)
        assert np.array_equal(table[["open", "close"]].to_numpy(), frame[["open", "close"]].to_numpy())
        assert "volume" not in str(market.data.export_to_csv("1min", include_volume=False)).splitlines()[0]
        rows = json.loads(str(market.data.export_to_json("1min", pretty_format=True)))
        assert len(rows) == 100
        assert str(market.data.export_to_json("1min", pretty_format=True)).count("\n") > 100
        assert "\n" not in str(market.data.export_to_json("1min")).strip()
        split = json.loads(str(market.data.export_to_json("1min", orient="split", count=3)))
        assert len(split["data"]) == 3
        market.data.export_to_parquet("1min", tmp_path / "bars.parquet", compression="zstd")
        timed = market.data.get_data("1min", closed_only=True, with_times=True).drop(columns="end")
        pd.testing.assert_frame_equal(
            pd.read_parquet(tmp_path / "bars.parquet"), timed, check_dtype=False, check_freq=False
        )


def test_the_forming_bar_goes_out_only_when_asked(tmp_path: Path) -> None:
    feed = HandFeed(minutes(-10, 10))
    with open_market(feed, "1min") as market:
        feed.trades(trade(5, 100.0, 1.0, 0))
        assert len(str(market.data.export_to_csv("1min")).splitlines()) == 11
        assert len(str(market.data.export_to_csv("1min", include_forming=True)).splitlines()) == 12
        path = market.data.export_to_parquet("1min", tmp_path / "all.parquet", include_forming=True)
        with open_market(HandFeed(clock=EventClock(START + 60 * MINUTE)), "1min") as other:
            assert other.data.import_from_parquet(path, "1min").added == 10


def write(path: Path, rows: list[Any]) -> Path:
    index = pd.DatetimeIndex([row[0] for row in rows], tz="UTC", name="timestamp").as_unit("us")
    names = ("open", "high", "low", "close", "volume")
    pd.DataFrame({name: [row[at] for row in rows] for at, name in enumerate(names, 1)}, index=index).to_csv(
        path
    )
    return path


def of_pandas(frame: pd.DataFrame, path: Path) -> Path:
    """Write a frame as pandas does, in the format of the name."""
    if path.suffix == ".csv":
        frame.to_csv(path)
    elif path.suffix == ".json":
        path.write_text(frame.reset_index().to_json(orient="records", date_format="iso"))
    else:
        frame.to_parquet(path)
    return path


def test_bars_held_count_unless_told_otherwise(tmp_path: Path) -> None:
    path = write(tmp_path / "bars.csv", [bar(i, 200.0) for i in range(-30, -10)])
    with open_market(HandFeed(minutes(-20, 20)), "1min", "5min") as market:
        result = market.data.import_from_csv(path, "1min")
        assert (result.added, result.kept, result.replaced) == (10, 10, 0)
        frame = market.data.get_data("1min")
        assert (frame["close"].iloc[:10] == 200.0).all()
        assert (frame["close"].iloc[10:] < 110.0).all()
        result = market.data.import_from_csv(path, "1min", overwrite=True)
        assert (result.added, result.kept, result.replaced) == (0, 0, 20)
        frame = market.data.get_data("1min")
        assert (frame["close"] == 200.0).sum() == 20
        coarse = frame.resample("5min").agg(
            {"open": "first", "high": "max", "low": "min", "close": "last", "volume": "sum"}
        )
        pd.testing.assert_frame_equal(market.data.get_data("5min")[coarse.columns], coarse, check_freq=False)


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.sets(st.integers(-120, 60), max_size=80),
    st.sets(st.integers(-120, 60), min_size=1, max_size=80),
    st.booleans(),
    st.integers(20, 400),
)
@example(set(range(15)), set(range(15, 21)), False, 20)
@example({0, 1, 2, 6, 7, 8, 9, 14, 15, 16, 17, 18, 19, 20}, {3, 4, 5, 10, 11, 12, 13}, False, 20)
def test_coarse_bars_are_what_the_finer_ones_add_up_to_after_any_import(
    held: set[int], given_: set[int], overwrite: bool, limit: int
) -> None:
    config = DataManagerConfig(max_bars_per_timeframe=limit)
    engine = SymbolState(Instrument("X"), Sessions.always(), ["1min", "5min", "15min"], config)
    pipeline = Pipeline(engine, EventBus(), EventClock(START))
    engine.cascade.push_bars([bar(i, 100.0 + i / 4, 3.0) for i in sorted(held)])
    merge_bars(
        engine,
        "1min",
        columns_from_rows([bar(i, 200.0 + i / 4, 5.0) for i in sorted(given_)]),
        overwrite=overwrite,
    )
    assert pipeline.engine is engine
    fine = engine.frame("1min")
    # A frame of the limit with the bar that is being made leaves the oldest closed one out.
    whole = engine.log("1min").evicted == 0 and len(held | given_) <= limit
    rules = {
        "open": "first",
        "high": "max",
        "low": "min",
        "close": "last",
        "volume": "sum",
        "tick_count": "sum",
    }
    for name, rule in (("5min", "5min"), ("15min", "15min")):
        made = fine.resample(rule).agg(rules).dropna()
        mine = engine.frame(name)[list(rules)]
        assert mine.index.is_monotonic_increasing
        assert mine.index.is_unique
        if whole:
            pd.testing.assert_frame_equal(mine, made, check_freq=False)
    assert len(fine) <= limit
    expected = sorted(held | given_) if not held or max(given_) < max(held) else None
    if expected is not None and whole:
        assert (fine.index.asi8 // 60_000_000 - START // MINUTE).tolist() == expected


@pytest.mark.parametrize("overflow", [False, True])
def test_more_than_the_limit_goes_to_disk_or_is_counted(overflow: bool, tmp_path: Path) -> None:
    path = write(tmp_path / "bars.csv", minutes(-500, 400))
    feed = HandFeed(minutes(-50, 50))
    with open_market(
        feed, "1min", "5min", max_bars_per_timeframe=100, enable_disk_overflow=overflow
    ) as market:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            result = market.data.import_from_csv(path, "1min")
        assert result.added + result.over_limit == 400
        assert result.over_limit == (0 if overflow else 350)
        said = [] if overflow else ["350 of 400 bars were not kept: memory holds the newest 100. Hold more"]
        assert [note[: len(said[0])] for note in result.notes] == said
        assert [str(one.message) for one in caught] == [f"bars.csv, 1min: {note}" for note in result.notes]
        assert [(one.type, one.count) for one in result.findings] == [("over_limit", 350) for _ in said]
        for option in ("max_bars_per_timeframe=", "enable_disk_overflow=True"):
            assert all(option in note for note in result.notes)
        assert len(market.data.get_data("1min")) == 100
        everything = market.data.get_all_data("1min")
        assert len(everything) == (450 if overflow else 100)
        assert everything.index.is_monotonic_increasing
        if overflow:
            assert len(market.data.get_all_data("5min")) == 90
            again = market.data.import_from_csv(path, "1min")
            assert (again.added, again.kept) == (0, 400)


WRONG = {
    "another timeframe": (minutes(-100, 1) + [bar(i, 100.0) for i in range(-90, 0, 5)], "not 1min"),
    "off the grid": ([(row[0] + 7_000_000_000, *row[1:]) for row in minutes(-100, 50)], "do not start where"),
}


@pytest.mark.parametrize("case", WRONG)
def test_bars_of_another_timeframe_are_refused_and_nothing_changes(case: str, tmp_path: Path) -> None:
    rows, message = WRONG[case]
    rows = [row for row in rows if row[0] != START - 100 * MINUTE] if case == "another timeframe" else rows
    path = write(tmp_path / "bars.csv", rows)
    with open_market(HandFeed(minutes(-20, 20)), "1min") as market:
        before = market.data.get_data("1min")
        with pytest.raises(DataImportError, match=message):
            market.data.import_from_csv(path, "1min")
        pd.testing.assert_frame_equal(market.data.get_data("1min"), before)


def test_a_file_that_is_not_understood_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "bars.csv"
    path.write_text("timestamp,open,high,low,close,volume\n2026-03-02T13:00:00Z,1,2,0.5,oops,3\n")
    with open_market(HandFeed(minutes(-20, 20)), "1min") as market:
        before = market.data.get_data("1min")
        with pytest.raises(DataImportError):
            market.data.import_from_csv(path, "1min")
        with pytest.raises(DataImportError):
            market.data.import_from_json(path, "1min")
        with pytest.raises(DataImportError):
            market.data.import_from_parquet(path, "1min")
        with pytest.raises(TimeframeError, match="keeps no 2min"):
            market.data.import_from_csv(path, "2min")
        pd.testing.assert_frame_equal(market.data.get_data("1min"), before)


def test_the_bar_that_is_being_made_is_the_live_ones(tmp_path: Path) -> None:
    path = write(tmp_path / "bars.csv", [bar(i, 300.0) for i in range(-5, 5)])
    feed = HandFeed()
    with open_market(feed, "1min", "5min") as market:
        feed.trades(trade(10, 100.0, 1.0, 0))
        with pytest.warns(UserWarning, match="4 of 10 bars were left out: they begin after the bar that is"):
            result = market.data.import_from_csv(path, "1min")
        said = "4 of 10 bars were left out: they begin after the bar that is being made, from "
        begun = "the file's bar of the interval that is being made was left out: it is made live"
        assert result.notes == (f"{said}2026-03-02 14:01:00+00:00 on", begun)
        assert [(one.type, one.count, one.time_ns) for one in result.findings] == [
            ("after_the_market", 4, START + MINUTE)
        ]
        # The minute that is being made has a bar, the four after it have none.
        assert (result.added, result.kept, result.later) == (5, 1, 4)
        assert market.data.get_data("1min")["close"].tolist() == [300.0] * 5 + [100.0]
        feed.trades(trade(65, 101.0, 1.0, 1))
        assert market.data.get_data("1min")["close"].tolist()[-2:] == [100.0, 101.0]


def test_one_call_out_and_one_call_in(tmp_path: Path) -> None:
    with open_market(HandFeed(minutes(-300, 300)), "1min", "5min") as market:
        path = market.export(tmp_path / "all.parquet")
        expected = {name: market.data.get_data(name, closed_only=True) for name in ("1min", "5min")}
        with pytest.raises(OptionError, match="1min, 5min"):
            market.load(market.export(tmp_path / "one.csv", "1min"))
    with open_market(HandFeed(clock=EventClock(START)), "1min", "5min") as market:
        results = market.load(path)
        assert [result.timeframe for result in results] == ["1min", "5min"]
        for name, frame in expected.items():
            pd.testing.assert_frame_equal(market.data.get_data(name), frame)
        assert market.load(tmp_path / "one.csv", "1min")[0].kept == 300


def test_slow_work_is_done_on_worker_threads(tmp_path: Path) -> None:
    with open_market(HandFeed(minutes(-30, 30)), "1min") as market:
        before = market.data.get_performance_metrics().worker_jobs
        market.data.export_to_parquet("1min", tmp_path / "x.parquet")
        market.data.import_from_parquet(tmp_path / "x.parquet", "1min")
        assert market.data.get_performance_metrics().worker_jobs >= before + 3


@pytest.mark.parametrize("ending", ["csv", "json", "parquet"])
def test_a_frame_of_a_market_that_is_exported_and_read_again_equals_itself(
    tmp_path: Path, ending: str
) -> None:
    zone = "America/Chicago"
    feed = HandFeed(minutes(-30, 30))
    with mdnb.live("X", ["1min"], feed=feed, initial_days=1, tz=zone, progress=False) as market:
        feed.trades(trade(1, 100.25, 2.0, 1), trade(90, 100.5, 0.0, 2))
        frame = market.data.get_data("1min", closed_only=True)
        path = tmp_path / f"bars.{ending}"
        if ending == "csv":
            market.data.export_to_csv("1min", path)
        elif ending == "json":
            market.data.export_to_json("1min", path)
        else:
            market.data.export_to_parquet("1min", path, with_times=False)
    again = read_bars(path, **({} if ending == "parquet" else {"tz": zone}))
    pd.testing.assert_frame_equal(frame, again, check_exact=True, check_freq=False)
    assert {str(dtype) for dtype in again.dtypes} == {"float64"}
    if ending == "parquet":
        pd.testing.assert_frame_equal(frame, pd.read_parquet(path), check_exact=True, check_freq=False)


# What is said of bars that did not get in.


def half_hours() -> Sessions:
    """Return the hours of a market that is open for half an hour a day."""
    opens = [START + day * 1440 * MINUTE for day in range(-40, 40)]
    return Sessions(opens, [at + 30 * MINUTE for at in opens])


@pytest.mark.parametrize("kind", ["csv", "json", "parquet"])
def test_refused_bars_are_warned_of_with_the_reasons(kind: str, tmp_path: Path) -> None:
    rows = [bar(i, 100.0) for i in range(-1440, -1400)]
    rows[3] = (*rows[3][:2], 50.0, *rows[3][3:])  # a high below its close
    frame = pd.read_csv(write(tmp_path / "bars.csv", rows), index_col=0, parse_dates=True)
    frame.attrs["symbol"] = "X"
    path = write_bars({"1min": frame}, tmp_path / f"bars.{kind}")
    why = "11 of 40 bars were refused: "
    why += "10 session_closed (starts while the venue is closed), 1 ohlc_inconsistent"
    with open_market(HandFeed(clock=EventClock(START), sessions=half_hours())) as market:
        with pytest.warns(UserWarning, match=re.escape(f"bars.{kind}, 1min: {why}")):
            (result,) = market.load(path, "1min")
        assert result.notes == (why,)
        assert (result.refused, result.added) == (11, 29)
        assert why in repr(result)
        assert why in str(result)


@pytest.mark.parametrize("kind", ["csv", "json", "parquet"])
def test_a_file_most_of_whose_bars_are_refused_is_an_error_that_says_why(kind: str, tmp_path: Path) -> None:
    rows = [bar(i, 100.0) for i in range(-1440, -1370)]
    rows[3] = (*rows[3][:2], 50.0, *rows[3][3:])
    frame = pd.read_csv(write(tmp_path / "bars.csv", rows), index_col=0, parse_dates=True)
    path = write_bars({"1min": frame}, tmp_path / f"bars.{kind}")
    why = (
        f"bars.{kind}, 1min: 41 of 70 bars were refused:"
        " 40 session_closed (starts while the venue is closed), 1 ohlc_inconsistent."
        " Nothing was changed. Are the times in another zone (tz=)"
    )
    with open_market(HandFeed(clock=EventClock(START), sessions=half_hours())) as market:
        for load in (market.load, getattr(market.data, f"import_from_{kind}")):
            with pytest.raises(DataImportError, match=f"^{re.escape(why)}.* With lenient=True"):
                load(path, "1min")
        assert len(market.data.get_data("1min")) == 0
        with pytest.warns(UserWarning, match="41 of 70 bars were refused"):
            (result,) = market.load(path, "1min", lenient=True)
        assert (result.refused, result.added) == (41, 29)
        with pytest.raises(OptionError, match="lenient must be True or False; got 1"):
            market.load(path, "1min", lenient=1)  # type: ignore[arg-type]  # what is no word


def test_of_a_file_of_several_timeframes_none_is_taken_where_one_is_refused(tmp_path: Path) -> None:
    rows = [bar(i, 100.0) for i in range(-1440, -1410)]
    frames = {"1min": pd.read_csv(write(tmp_path / "bars.csv", rows), index_col=0, parse_dates=True)}
    closed = [bar(i, 100.0) for i in range(-1410, -1380, 5)]
    frames["5min"] = pd.read_csv(write(tmp_path / "bars.csv", closed), index_col=0, parse_dates=True)
    path = write_bars(frames, tmp_path / "bars.parquet")
    with open_market(HandFeed(clock=EventClock(START), sessions=half_hours())) as market:
        with pytest.raises(DataImportError, match="5min: 6 of 6 bars were refused: 6 session_closed"):
            market.load(path)
        assert len(market.data.get_data("1min")) == 0


def minutes_of(calendar: str, first: str, last: str) -> pd.DataFrame:
    """Return a bar for each minute in which a venue was open, by the calendars' own package."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        held = calendars.get_calendar(calendar).schedule(first, last)
    spans = zip(held["market_open"], held["market_close"], strict=True)
    index = pd.DatetimeIndex(
        [at for a, b in spans for at in pd.date_range(a, b, freq="min", inclusive="left")]
    )
    prices = dict.fromkeys(("open", "high", "low", "close"), 1313.0)
    return pd.DataFrame({**prices, "volume": 1.0}, index=index.rename("timestamp"))


@pytest.mark.parametrize(
    ("symbol", "calendar"), [("MGC", "CMEGlobex_GC"), ("MNQ", "CME Globex Equity"), ("CL", "CMEGlobex_CL")]
)
@pytest.mark.parametrize(
    ("first", "last", "saturday"),
    [
        ("2013-10-07", "2013-10-18", "2013-10-12"),
        ("1999-10-04", "1999-10-15", "1999-10-09"),
        ("1971-10-04", "1971-10-15", "1971-10-09"),
    ],
)
def test_history_older_than_the_simulator_is_inside_its_hours(
    symbol: str, calendar: str, first: str, last: str, saturday: str, tmp_path: Path
) -> None:
    frame = minutes_of(calendar, first, last)
    assert len(frame) >= 13_000
    path = write_bars(frame, tmp_path / "past.csv")
    config = DataManagerConfig(max_bars_per_timeframe=20_000)
    with mdnb.live(symbol, "1min", initial_days=0, progress=False, data_manager_config=config) as market:
        (result,) = market.load(path)
        assert (result.added, result.refused) == (len(frame), 0)
        # A Saturday is refused now as ever.
        index = pd.date_range(saturday, periods=5, freq="min", tz="UTC", name="timestamp")
        path = write_bars(frame.iloc[:5].set_axis(index), tmp_path / "saturday.csv")
        with pytest.raises(DataImportError, match="5 of 5 bars were refused: 5 session_closed"):
            market.load(path)


def test_history_older_than_a_replay_is_inside_its_hours(tmp_path: Path) -> None:
    frame = minutes_of("CMEGlobex_GC", "2013-06-03", "2013-06-07")
    path = write_bars(frame, tmp_path / "past.csv")
    feed = "replay:dataset:gold-ticks?speed=1&calendar=CMEGlobex_GC"
    with mdnb.live("GC", "1min", feed=feed, initial_days=0, progress=False) as market:
        (result,) = market.load(path)
        assert (result.added, result.refused) == (len(frame), 0)


@pytest.mark.parametrize("kind", ["json", "parquet"])
def test_a_file_of_another_symbol_is_warned_of(kind: str, tmp_path: Path) -> None:
    path = tmp_path / f"bars.{kind}"
    with mdnb.live("MNQ", ["1min"], initial_days=0.1, progress=False) as market:
        frame = market.data.get_data("1min", closed_only=True)
        assert frame.attrs["symbol"] == "MNQ"
        options: dict[str, Any] = {"envelope": True} if kind == "json" else {}
        write_bars(frame, path, **options)
    said = "the file says MNQ, the market is X"
    with open_market(HandFeed(clock=EventClock(START + 5_000_000 * MINUTE)), "1min") as market:
        with pytest.warns(UserWarning, match=re.escape(f"bars.{kind}, 1min: {said}")):
            (result,) = market.load(path, "1min")
        assert result.notes == (said,)
        assert result.added == result.rows > 0


def test_a_file_is_warned_of_once(tmp_path: Path) -> None:
    with mdnb.live("MNQ", ["1min", "5min"], initial_days=0.1, progress=False) as market:
        path = market.export(tmp_path / "bars.parquet")
    with open_market(HandFeed(clock=EventClock(START + 5_000_000 * MINUTE))) as market:
        with pytest.warns(UserWarning, match="the file says MNQ") as told:
            results = market.load(path)
        assert [result.timeframe for result in results] == ["1min", "5min"]
        said = "the file says MNQ, the market is X"
        assert [str(one.message) for one in told] == [f"bars.parquet, 1min: {said}; 5min: {said}"]


def test_partial_bars_that_are_replaced_are_told(tmp_path: Path) -> None:
    feed = HandFeed(clock=EventClock(START))
    with open_market(feed, "1min") as market:
        feed.trades(trade(90, 100.0, 1.0, 0), trade(130, 100.0, 1.0, 1))
        assert market.data.get_timeframe_stats("1min").partial == 1
        (same,) = market.load(market.export(tmp_path / "partial.parquet"))
        assert (same.replaced, same.kept) == (0, 1)  # one that is partial too is no better
        path = write_bars(market.data.get_data("1min", closed_only=True), tmp_path / "bars.parquet")
        (again,) = market.load(path)
        assert (again.replaced, again.kept) == (1, 0)
        assert again.notes == ("partial bars held were replaced: 1; overwrite=False keeps whole ones",)
        (wanted,) = market.load(path, overwrite=True)
        assert (wanted.replaced, wanted.notes) == (1, ())


@pytest.mark.parametrize("kind", ["csv", "json", "parquet"])
def test_bars_that_contradict_others_of_the_same_time_are_told_and_the_last_valid_one_counts(
    kind: str, tmp_path: Path
) -> None:
    first = [bar(minute, 100.0 + minute) for minute in range(-10, 0)]
    again = [bar(minute, 200.0) for minute in (-3, -2)]
    # A close far below its low: no bar at all.
    impossible = [(*bar(minute, 300.0)[:4], 1.0, *bar(minute, 300.0)[5:]) for minute in (-5, -3)]
    frame = pd.read_csv(
        write(tmp_path / "rows.csv", [*first, *again, *impossible, first[0]]), index_col=0, parse_dates=True
    )
    path = of_pandas(frame.assign(tick_count=1), tmp_path / f"bars.{kind}")
    said = "one time, different bars: the last valid row in the file counts: 4 (data rows 11, 12, 13, 14)"
    with open_market(HandFeed(clock=EventClock(START)), "1min") as market:
        with pytest.warns(UserWarning, match=re.escape(f"bars.{kind}, 1min: {said}")):
            (result,) = market.load(path, "1min")
        closes = market.data.get_data("1min")["close"].tolist()
        expected = {row[0]: row[4] for row in [*first, *again]}
        assert closes == [expected[start] for start in sorted(expected)]
        assert said in result.notes
        assert (result.rows, result.added, result.refused) == (10, 10, 0)
        assert [(one.type, one.count, one.time_ns) for one in result.findings] == [
            ("duplicate_conflicting", 4, START - 5 * MINUTE)
        ]


# Bars that are no whole ones.


def recorded(*names: str) -> tuple[mdnb.LiveMarket, HandFeed]:
    """Return a market that began amid a minute: trades every 20 s from 90 s on, the newest at 530 s."""
    clock = EventClock(START)
    feed = HandFeed(clock=clock)
    market = mdnb.live("X", list(names), feed=feed, initial_days=0, progress=False)
    for number in range(23):
        clock.advance(START + (90 + 20 * number) * SECOND)
        feed.trades(trade(90 + 20 * number, 100.0 + number, 1.0, number))
    return market, feed


def partial_starts(market: mdnb.LiveMarket, name: str) -> list[float]:
    """Return the minutes after `START` at which partial bars begin."""
    frame = market[name].frame
    return [(frame.index[at].timestamp() - START / 1e9) / 60 for at in frame.attrs["partial"]]


@pytest.mark.parametrize("one_call", [False, True])
@pytest.mark.parametrize("kind", ["csv", "csv.gz", "json", "parquet"])
@pytest.mark.parametrize("with_times", [False, True])
def test_partial_bars_stay_partial_and_the_coarser_ones_made_of_them_are_too(
    kind: str, with_times: bool, one_call: bool, tmp_path: Path
) -> None:
    path = tmp_path / f"bars.{kind}"
    market, _ = recorded("1min")
    with market:
        # By hand: the first trade came amid the second minute.
        assert partial_starts(market, "1min") == [1.0]
        if one_call:
            market.export(path, "1min", with_times=with_times)
        else:
            word = kind.partition(".")[0]
            getattr(market.data, f"export_to_{word}")("1min", path, with_times=with_times)
    with empty() as market:
        market.load(path, "1min")
        assert partial_starts(market, "1min") == [1.0]
        assert partial_starts(market, "5min")[0] == 0.0
        # A whole bar takes the place of the partial one, the others stay.
        whole = write(tmp_path / "whole.csv", [bar(minute, 50.0) for minute in (1, 2)])
        (result,) = market.load(whole, "1min")
        assert (result.replaced, result.kept) == (1, 1)
        assert partial_starts(market, "1min") == []
        assert market.data.get_data("1min")["close"].iloc[0] == 50.0
        # And not the other way round.
        (result,) = market.load(path, "1min")
        assert (result.replaced, result.kept) == (0, result.rows)
        assert partial_starts(market, "1min") == []


def test_a_coarser_bar_that_is_being_made_is_partial_too(tmp_path: Path) -> None:
    feed = HandFeed()
    with open_market(feed, "1min") as market:
        lived_through(market, feed, [(90.0, 90.0, 1.0), (121.0, 121.0, 1.0), (181.0, 181.0, 1.0)])
        path = market.export(tmp_path / "a.parquet")
    feed = HandFeed(minutes(-10, 10))
    with open_market(feed, "1min", "5min") as market:
        lived_through(market, feed, [(185.0, 185.0, 1.0)])
        assert market.load(path)[0].added == 2
        lived_through(market, feed, [(301.0, 301.0, 1.0), (605.0, 605.0, 1.0)])
        assert (partial_starts(market, "1min"), partial_starts(market, "5min")) == ([1.0], [0.0])


def test_every_timeframe_of_a_file_keeps_which_of_its_bars_are_partial(tmp_path: Path) -> None:
    market, _ = recorded("1min", "2min")
    with market:
        path = market.export(tmp_path / "bars.parquet")
        assert (partial_starts(market, "1min"), partial_starts(market, "2min")) == ([1.0], [0.0])
    table = pd.read_parquet(path)
    assert table[table["partial"]]["timeframe"].tolist() == ["1min", "2min"]
    assert [at.timestamp() - START / 1e9 for at in table[table["partial"]].index] == [60.0, 0.0]
    with open_market(HandFeed(clock=EventClock(START + 3600 * MINUTE)), "2min", "10min") as market:
        market.load(path)
        assert partial_starts(market, "2min") == [0.0]
        assert partial_starts(market, "10min") == [0.0]


@pytest.mark.parametrize("kind", ["csv", "json", "parquet"])
def test_minutes_without_a_trade_do_not_come_back_as_bars_of_trades(kind: str, tmp_path: Path) -> None:
    config = DataManagerConfig(fill_gaps=True)
    options: dict[str, Any] = {"initial_days": 0, "progress": False}
    clock = EventClock(START)
    feed = HandFeed(clock=clock)
    with mdnb.live("X", ["1min"], feed=feed, data_manager_config=config, **options) as market:
        for number, (seconds, price) in enumerate([(0, 100.0), (290, 90.0), (430, 120.0), (700, 120.0)]):
            clock.advance(START + seconds * SECOND)
            feed.trades(trade(seconds, price, 1.0, number))
        path = market.export(tmp_path / f"bars.{kind}")
    with empty() as market:
        market.load(path, "1min")
        frame = market.data.get_data("5min")
        # Of the trades themselves: the second five minutes open with the trade at 430 s.
        assert frame["open"].tolist()[:2] == [100.0, 120.0]
        assert frame["high"].tolist()[:2] == [100.0, 120.0]


@pytest.mark.parametrize("kind", ["csv", "json", "parquet"])
def test_the_bar_that_was_being_made_is_marked_and_does_not_come_back_as_a_closed_one(
    kind: str, tmp_path: Path
) -> None:
    path = tmp_path / f"bars.{kind}"
    market, _ = recorded("1min")
    with market:
        market.export(path, "1min", include_forming=True)
        closed = market.data.get_data("1min", closed_only=True)
    table = pd.read_parquet(path) if kind == "parquet" else getattr(pd, f"read_{kind}")(path)
    assert table["forming"].tolist() == [False] * len(closed) + [True]
    with empty() as market:
        (result,) = market.load(path, "1min")
        assert result.rows == result.added == len(closed)
        said = "left out was the bar that was being made when the file was written, of "
        assert result.notes == (f"{said}2026-03-02 14:08:00+00:00",)
        pd.testing.assert_frame_equal(market.data.get_data("1min"), closed)


@pytest.mark.parametrize("kind", ["csv", "json", "parquet"])
def test_a_column_of_the_name_of_a_mark_may_hold_anything(kind: str, tmp_path: Path) -> None:
    market, _ = recorded("1min")
    with market:
        frame = market.data.get_data("1min", closed_only=True).assign(partial="a part", forming=0.5)
    path = of_pandas(frame, tmp_path / f"bars.{kind}")
    with empty() as market:
        (result,) = market.load(path, "1min")
        assert result.added == result.rows == len(frame)
        assert partial_starts(market, "1min") == []
        assert [note for note in result.notes if "'partial' does not hold true or false" in note]


# When bars were closed.


def lived(tz: str = "UTC", **config: Any) -> tuple[mdnb.LiveMarket, HandFeed]:
    """Return a market whose first bars are of a history, and the next ones closed when a trade came."""
    clock = EventClock(START)
    feed = HandFeed(minutes(-30, 30), clock=clock)
    options: dict[str, Any] = {"initial_days": 1, "tz": tz, "progress": False}
    if config:
        options["data_manager_config"] = DataManagerConfig(**config)
    market = mdnb.live("X", ["1min", "5min", "7tick"], feed=feed, **options)
    # Nobody trades for a while: a coarser bar lacks its last minutes.
    traded = [number for number in range(90) if not 300 < number * 13.7 < 410]
    for trade_id, number in enumerate(traded):
        seconds = number * 13.7
        clock.advance(START + round((seconds + 0.031 * (number % 9)) * 1e9))
        feed.trades(trade(seconds, 100.25 + 0.5 * (number % 3), 2.0, trade_id))
    clock.advance(START + 22 * MINUTE)  # what was known then is asked for
    return market, feed


def empty(tz: str = "UTC") -> mdnb.LiveMarket:
    feed = HandFeed(clock=EventClock(START + 3600 * MINUTE))
    return mdnb.live("X", ["1min", "5min", "7tick"], feed=feed, initial_days=0, tz=tz, progress=False)


def moments() -> list[float]:
    """Return seconds since 1970 around every minute, and where the market was looked at between them."""
    around = (-0.2, 0.0, 0.05, 0.3, 1.0, 1.9, 2.0, 2.1, 5.0, 13.71, 31.0)
    return [START / 1e9 + 60 * minute + by for minute in range(-30, 22) for by in around]


def as_of_all(market: mdnb.LiveMarket, name: str) -> list[pd.DataFrame]:
    return [market.data.get_data(name, as_of=moment) for moment in moments()]


@pytest.mark.parametrize("tz", ["UTC", "America/Chicago", "Asia/Kathmandu"])
@pytest.mark.parametrize("include_forming", [False, True])
def test_other_readers_find_when_bars_were_closed(tz: str, include_forming: bool, tmp_path: Path) -> None:
    market, _ = lived(tz)
    with market:
        wanted: dict[str, Any] = {"include_forming": include_forming, "with_times": True}
        for name in ("1min", "5min", "7tick"):
            frame = market.data.get_data(name, closed_only=not include_forming, with_times=True)
            told = frame.drop(columns="end")
            assert told["closed_at"].isna().sum() == include_forming
            if include_forming:
                told.insert(len(told.columns) - 1, "forming", [False] * (len(told) - 1) + [True])
            path = market.data.export_to_parquet(
                name, tmp_path / "a.parquet", include_forming=include_forming
            )
            pd.testing.assert_frame_equal(pd.read_parquet(path), told, check_freq=False)
            utc = told["closed_at"].dt.tz_convert("UTC").tolist()
            text = market.data.export_to_csv(name, tmp_path / "a.csv", **wanted)
            table = pd.read_csv(text)
            assert list(table)[-1] == "closed_at"
            seen = pd.to_datetime(table["closed_at"], utc=True, format="ISO8601").tolist()
            assert [None if pd.isna(at) else at for at in seen] == [None if pd.isna(at) else at for at in utc]
            rows = json.loads(str(market.data.export_to_json(name, date_format="epoch_us", **wanted)))
            assert [row["closed_at"] for row in rows] == [
                None if pd.isna(at) else at.value // 1000 for at in told["closed_at"]
            ]


@pytest.mark.parametrize("kind", ["csv", "json", "parquet"])
@pytest.mark.parametrize("tz", ["UTC", "America/Chicago"])
def test_what_was_known_when_is_known_after_an_import(kind: str, tz: str, tmp_path: Path) -> None:
    market, _ = lived(tz)
    names = ("1min", "5min", "7tick")
    with market:
        expected = {name: as_of_all(market, name) for name in names}
        aligned = [market.alignment(["1min", "5min"], minimum=3, as_of=at) for at in moments()[200:]]
        timed = {name: market.data.get_data(name, closed_only=True, with_times=True) for name in names}
        options = {} if kind == "parquet" else {"with_times": True}
        for name in names:
            getattr(market.data, f"export_to_{kind}")(name, tmp_path / f"{name}.{kind}", **options)
    with empty(tz) as market:
        for name in names:
            result = getattr(market.data, f"import_from_{kind}")(tmp_path / f"{name}.{kind}", name)
            assert result.added + result.kept == result.rows > 0
        for name in names:
            again = market.data.get_data(name, closed_only=True, with_times=True)
            there = again.iloc[: len(timed[name])]
            if name == "7tick":  # of the last one the end was told by the bar that was being made
                there, timed[name] = there.iloc[:-1], timed[name].iloc[:-1]
            pd.testing.assert_frame_equal(there, timed[name], check_freq=False)
            for moment, frame in zip(as_of_all(market, name), expected[name], strict=True):
                pd.testing.assert_frame_equal(moment, frame, check_freq=False)
        assert [market.alignment(["1min", "5min"], minimum=3, as_of=at) for at in moments()[200:]] == aligned


def amended() -> tuple[mdnb.LiveMarket, dict[str, dict[float, pd.DataFrame]]]:
    """Return a market in which trades came late, and the closed bars it had after each of them."""
    clock = EventClock(START)
    feed = HandFeed(clock=clock)
    config = DataManagerConfig(max_lateness_seconds=900)
    options: dict[str, Any] = {"feed": feed, "initial_days": 0, "data_manager_config": config}
    market = mdnb.live("X", ["1min", "5min", "15min"], progress=False, **options)
    seen: dict[str, dict[float, pd.DataFrame]] = {"1min": {}, "5min": {}, "15min": {}}
    for number in range(120):
        now = number * 11.3
        late = 95.0 * (number % 7 == 6) + 400.0 * (number % 40 == 39)
        clock.advance(START + round(now * 1e9))
        feed.trades(trade(max(now - late, 0.5), 100.25 + 0.5 * (number % 5) - late / 20, 2.0, number))
        for name, held in seen.items():
            held[START / 1e9 + now] = market.data.get_data(name, closed_only=True)
    return market, seen


def assert_known(market: mdnb.LiveMarket, name: str, seen: dict[float, pd.DataFrame]) -> None:
    for moment, held in seen.items():
        found = market.data.get_data(name, as_of=moment)
        pd.testing.assert_frame_equal(found, held, check_freq=False)


@pytest.mark.parametrize("one_call", [False, True])
def test_bars_that_changed_are_known_as_they_were_after_an_export_and_import(
    one_call: bool, tmp_path: Path
) -> None:
    market, seen = amended()
    with market:
        stats = market.data.get_timeframe_stats("1min")
        assert stats.amended > 5
        for name, frames in seen.items():
            assert_known(market, name, frames)
        if one_call:
            market.export(tmp_path / "all.parquet")
        else:
            for name in seen:
                market.data.export_to_parquet(name, tmp_path / f"{name}.parquet")
        held = market.data.get_data("1min", closed_only=True)
    with open_market(HandFeed(clock=EventClock(START + 3600 * MINUTE)), *seen) as market:
        if one_call:
            assert [result.notes for result in market.load(tmp_path / "all.parquet")] == [(), (), ()]
            plain = pd.read_parquet(tmp_path / "all.parquet")
            plain = plain[plain["timeframe"] == "1min"]
        else:
            for name in seen:
                market.load(tmp_path / f"{name}.parquet", name)
            plain = pd.read_parquet(tmp_path / "1min.parquet")
        # For others it is a file of bars as ever.
        assert plain["close"].tolist() == held["close"].tolist()
        for name, frames in seen.items():
            assert_known(market, name, frames)
        # And on to the next.
        market.export(tmp_path / "next.parquet")
    with open_market(HandFeed(clock=EventClock(START + 3600 * MINUTE)), *seen) as market:
        market.load(tmp_path / "next.parquet")
        # The coarsest bars were made anew step by step as the file was read: what they were is not told
        # on, and a moment before it is an error.
        for name, frames in list(seen.items())[: 2 if one_call else 3]:
            assert_known(market, name, frames)


def test_coarser_bars_made_of_bars_that_changed_are_known_as_they_were(tmp_path: Path) -> None:
    market, seen = amended()
    with market:
        path = market.export(tmp_path / "1min.parquet", "1min")
    with open_market(HandFeed(clock=EventClock(START + 3600 * MINUTE)), *seen) as market:
        market.load(path)
        for name, frames in seen.items():
            assert_known(market, name, frames)


def test_bars_held_that_are_the_same_take_over_how_they_were(tmp_path: Path) -> None:
    market, seen = amended()
    with market:
        path = market.export(tmp_path / "a.parquet", "1min")
        plain = market.export(tmp_path / "plain.parquet", "1min", with_times=False)
    with open_market(HandFeed(clock=EventClock(START + 3600 * MINUTE)), "1min") as market:
        assert market.load(plain)[0].added > 10
        assert market.load(path)[0].kept > 10
        assert_known(market, "1min", seen["1min"])


@pytest.mark.parametrize("kind", ["csv", "json"])
def test_a_text_file_says_that_it_does_not_tell_how_bars_were(kind: str, tmp_path: Path) -> None:
    market, _ = amended()
    with market:
        path = market.export(tmp_path / f"a.{kind}", "1min", with_times=True)
        count = market.data.get_timeframe_stats("1min").amended
    with open_market(HandFeed(clock=EventClock(START + 3600 * MINUTE)), "1min") as market:
        (result,) = market.load(path)
        said = f"{count} bars had changed after they closed, and the file does not say how they were before"
        assert [note for note in result.notes if note.startswith(said)]


def test_bars_made_anew_at_once_are_not_known_as_they_became(tmp_path: Path) -> None:
    market, _ = lived()
    with market:
        engine = market.data.engine
        log = engine.log("7tick")
        moment = log.known_at() / 1e9
        rows = [log.row(at)[0] for at in range(3, len(log))]
        log.replace_from(3, [(*row[:4], row[3], *row[5:]) for row in rows], 2, int(moment * 1e9))
        path = market.data.export_to_parquet("7tick", tmp_path / "a.parquet")
    with empty() as market:
        market.load(path, "7tick")
        assert len(market.data.get_data("7tick", as_of=moment + 1))
        with pytest.raises(NoDataError, match="their file does not say how"):
            market.data.get_data("7tick", as_of=moment - 1)


def twice_late(price: float, *late: float) -> tuple[mdnb.LiveMarket, dict[str, dict[float, pd.DataFrame]]]:
    """Return a market in which trades of the first minute came late, and its closed bars after each trade."""
    feed = HandFeed()
    market = open_market(feed, "1min", "5min", max_lateness_seconds=3600)
    steps = [(5.0, 5.0, price), (65.0, 65.0, price + 2)]
    steps += [(70.0 + 20.0 * at, 40.0 + at, price + one) for at, one in enumerate(late)]
    steps += [(130.0, 130.0, price + 3), (310.0, 310.0, price + 3), (620.0, 620.0, price + 3)]
    return market, lived_through(market, feed, steps, "1min", "5min")


def lived_through(
    market: mdnb.LiveMarket, feed: HandFeed, steps: list[tuple[float, float, float]], *names: str
) -> dict[str, dict[float, pd.DataFrame]]:
    """Send trades, each at a second, of a second, at a price; return the closed bars after each of them."""
    seen: dict[str, dict[float, pd.DataFrame]] = {name: {} for name in names}
    for number, (now, at, price) in enumerate(steps):
        feed.clock.advance(START + round(now * 1e9))  # type: ignore[attr-defined]  # a clock of events
        feed.trades(trade(at, price, 1.0, number))
        for name, held in seen.items():
            held[START / 1e9 + now] = market.data.get_data(name, closed_only=True)
    return seen


@pytest.mark.parametrize("kind", ["parquet", "csv"])
@pytest.mark.parametrize(
    ("theirs", "mine"), [((10.0, 11.0), ()), ((10.0, 11.0), (15.0, 16.0)), ((), (15.0,))]
)
def test_a_file_that_takes_the_place_of_bars_does_not_change_what_was_known_before_it(
    theirs: tuple[float, ...], mine: tuple[float, ...], kind: str, tmp_path: Path
) -> None:
    other, _ = twice_late(100.0, *theirs)
    with other:
        path = other.export(tmp_path / f"other.{kind}", "1min", with_times=True)
    market, seen = twice_late(200.0, *mine)
    with market:
        for _ in range(2):
            assert market.load(path, "1min", overwrite=True)[0].replaced == 4
            assert market.data.get_data("1min", closed_only=True)["close"].iloc[0] < 200.0
            for name, frames in seen.items():
                assert_known(market, name, frames)
        market.export(tmp_path / "own.parquet")
        market.load(tmp_path / "own.parquet", overwrite=True)
        with open_market(HandFeed(clock=EventClock(START + 3600 * MINUTE)), "1min", "5min") as elsewhere:
            elsewhere.load(tmp_path / "own.parquet")
            for name in seen:
                for moment in list(seen[name])[:-1]:
                    with pytest.raises(NoDataError, match="their file does not say how"):
                        elsewhere.data.get_data(name, as_of=moment)
                now = market.data.get_data(name, closed_only=True)
                pd.testing.assert_frame_equal(elsewhere.data.get_data(name, closed_only=True), now)


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_market_keeps_what_it_knows_when_it_reads_its_own_file(overwrite: bool, tmp_path: Path) -> None:
    other, _ = twice_late(100.0)
    with other:
        path = other.data.export_to_parquet("1min", tmp_path / "newest.parquet", count=2)
    market, seen = twice_late(200.0)
    with market:
        assert market.load(path, "1min", overwrite=True)[0].replaced == 2
        own = market.export(tmp_path / "own.parquet")
        assert [result.added for result in market.load(own, overwrite=overwrite)] == [0, 0]
        for name, frames in seen.items():
            assert_known(market, name, frames)


def test_a_file_that_takes_the_place_of_the_same_bars_is_forgotten(tmp_path: Path) -> None:
    market, seen = twice_late(100.0, 10.0, 11.0)
    with market:
        market.export(tmp_path / "a.parquet")
        market.load(tmp_path / "a.parquet", overwrite=True)
        market.export(tmp_path / "b.parquet")
        for name, frames in seen.items():
            assert_known(market, name, frames)
    with open_market(HandFeed(clock=EventClock(START + 3600 * MINUTE)), "1min", "5min") as market:
        for path, overwrite in (("a", False), ("b", True)):
            market.load(tmp_path / f"{path}.parquet", overwrite=overwrite)
            for name, frames in seen.items():
                assert_known(market, name, frames)


@pytest.mark.parametrize("how", ["one call", "fine", "fine, coarse", "coarse, fine"])
@pytest.mark.parametrize("fill", [False, True])
def test_late_trades_where_nobody_had_traded_are_not_in_coarser_bars_before_they_came(
    fill: bool, how: str, tmp_path: Path
) -> None:
    feed, names = HandFeed(), ("10sec", "30sec", "1min")
    # The second one opens a bar of ten seconds, the last two a bar of each timeframe.
    steps = [(5.0, 5.0, 100.0), (45.0, 45.0, 102.0), (65.0, 65.0, 103.0), (70.0, 35.0, 101.0)]
    steps += [(80.0, 36.0, 99.0), (95.0, 95.0, 104.0), (260.0, 260.0, 104.0), (270.0, 130.0, 98.0)]
    steps += [(275.0, 133.0, 97.0), (280.0, 155.0, 96.0), (400.0, 400.0, 104.0)]
    with open_market(feed, *names, fill_gaps=fill, max_lateness_seconds=600) as market:
        seen = lived_through(market, feed, steps, *names)
        market.export(tmp_path / "all.parquet")
        for name in names:
            assert_known(market, name, seen[name])
            market.export(tmp_path / f"{name}.parquet", name)
    later = HandFeed()
    with open_market(later, *names, max_lateness_seconds=600) as market:
        lived_through(market, later, [(1000.0, 1000.0, 1.0), (1100.0, 1100.0, 1.0)], "1min")
        if how == "one call":
            assert [result.timeframe for result in market.load(tmp_path / "all.parquet")] == list(names)
        else:
            order = {"fine": names[:1], "fine, coarse": names, "coarse, fine": names[::-1]}[how]
            for name in order:
                market.load(tmp_path / f"{name}.parquet", name)
        for name in names:
            for moment, held in seen[name].items():
                # Of coarser bars nobody traded in the finer ones say nothing.
                least = 0.5 if how == "fine" else 0.0
                found, wanted = (
                    frame[frame["volume"] >= least]
                    for frame in (market.data.get_data(name, as_of=moment), held)
                )
                pd.testing.assert_frame_equal(found, wanted, check_freq=False)


def test_one_call_brings_back_when_bars_were_closed(tmp_path: Path) -> None:
    market, _ = lived()
    with market:
        expected = {name: as_of_all(market, name) for name in ("1min", "5min", "7tick")}
        path = market.export(tmp_path / "all.parquet")
        table = pd.read_parquet(path)
        for name in expected:
            told = market.data.get_data(name, closed_only=True, with_times=True)["closed_at"]
            assert table.loc[table["timeframe"] == name, "closed_at"].tolist() == told.tolist()
        assert "closed_at" not in pd.read_parquet(market.export(tmp_path / "b.parquet", with_times=False))
        assert "closed_at" not in market.export(tmp_path / "a.csv", "1min").read_text()
        assert "closed_at" not in market.export(tmp_path / "a.json", "1min").read_text()
        assert (
            list(pd.read_csv(market.export(tmp_path / "b.csv", "1min", with_times=True)))[-1] == "closed_at"
        )
        for wrong in ("yes", 1):
            with pytest.raises(OptionError, match="with_times must be True, False or None"):
                market.export(tmp_path / "c.csv", "1min", with_times=wrong)  # type: ignore[arg-type]  # wrong
            with pytest.raises(OptionError, match="with_times must be True or False"):
                market.data.export_to_csv("1min", with_times=wrong)  # type: ignore[arg-type]  # wrong
        assert not (tmp_path / "c.csv").exists()
    with empty() as market:
        market.load(path)
        for name, frames in expected.items():
            for moment, frame in zip(as_of_all(market, name), frames, strict=True):
                pd.testing.assert_frame_equal(moment, frame, check_freq=False)


def test_bars_on_disk_keep_when_they_were_closed(tmp_path: Path) -> None:
    market, _ = lived()
    with market:
        expected = market.data.get_data("1min", closed_only=True, with_times=True).drop(columns="end")
    market, _ = lived(max_bars_per_timeframe=8, enable_disk_overflow=True)
    with market:
        assert len(market.data.get_data("1min")) == 8
        path = market.data.export_to_parquet("1min", tmp_path / "a.parquet")
        pd.testing.assert_frame_equal(pd.read_parquet(path), expected, check_freq=False)
        assert len(pd.read_parquet(market.data.export_to_parquet("1min", path, count=20))) == 20
        again = market.data.import_from_parquet(path, "1min", overwrite=True)
        assert again.replaced == 20
        market.data.export_to_parquet("1min", path)
        pd.testing.assert_frame_equal(pd.read_parquet(path), expected, check_freq=False)


@pytest.mark.parametrize("kind", ["csv", "json"])
def test_the_columns_of_text_files_are_the_plain_ones_unless_asked_for(kind: str) -> None:
    market, _ = lived()
    with market:
        plain = ["timestamp", "open", "high", "low", "close", "volume", "tick_count", "vwap"]
        for options, wanted in (({}, plain), ({"with_times": True}, [*plain, "closed_at"])):
            text = getattr(market.data, f"export_to_{kind}")("1min", **options)
            found = text.splitlines()[0].split(",") if kind == "csv" else list(json.loads(text)[0])
            assert found == wanted


def test_the_time_of_closing_belongs_to_the_bar_that_is_held(tmp_path: Path) -> None:
    market, _ = lived()
    with market:
        mine = market.data.get_data("1min", closed_only=True, with_times=True)
        later = mine.drop(columns="end")
        later["closed_at"] += pd.Timedelta("10s")
        timed, plain = tmp_path / "timed.parquet", tmp_path / "plain.parquet"
        later.to_parquet(timed)
        mine.drop(columns=["end", "closed_at"]).to_parquet(plain)
        assert market.data.import_from_parquet(timed, "1min").kept == len(mine)
        held = market.data.get_data("1min", closed_only=True, with_times=True)
        # Bars of the history did not know it, but the last one, over for less than the grace when it could be
        # read here; those that closed here did.
        assert (held["closed_at"] - mine["closed_at"]).dt.total_seconds().tolist() == (
            [10.0] * 29 + [0.0] * (len(mine) - 29)
        )
        assert market.data.import_from_parquet(timed, "1min", overwrite=True).replaced == len(mine)
        held = market.data.get_data("1min", closed_only=True, with_times=True)
        assert (held["closed_at"] - mine["closed_at"] == pd.Timedelta("10s")).all()
        assert market.data.import_from_parquet(plain, "1min", overwrite=True).replaced == len(mine)
        held = market.data.get_data("1min", closed_only=True, with_times=True)
        grace = market.data.config.grace_ms
        assert (held["closed_at"] - held["end"] == pd.Timedelta(milliseconds=grace)).all()


def test_a_file_with_an_impossible_time_of_closing_changes_nothing(tmp_path: Path) -> None:
    frame = pd.DataFrame(
        {"open": 1.0, "high": 2.0, "low": 1.0, "close": 2.0, "volume": 1.0},
        index=pd.date_range("2026-03-01 09:00", periods=3, freq="1min", tz="UTC", name="timestamp"),
    )
    frame["closed_at"] = frame.index - pd.Timedelta("1h")
    frame.to_parquet(tmp_path / "a.parquet")
    frame.to_csv(tmp_path / "a.csv")
    frame.reset_index().to_json(tmp_path / "a.json", orient="records", date_format="iso")
    with empty() as market:
        for kind in ("csv", "json", "parquet"):
            with pytest.raises(DataImportError, match="'closed_at' is before the bar begins"):
                getattr(market.data, f"import_from_{kind}")(tmp_path / f"a.{kind}", "1min")
        assert market.data.get_data("1min").empty


def changed_later(path: Path, *, replaced: bool) -> Path:
    """Export a market in which a bar changed half an hour after it closed."""
    feed = HandFeed()
    with open_market(feed, "1min", max_lateness_seconds=3600) as market:
        steps = [(60.0 * at + 1, 60.0 * at + 1, 100.0 + at) for at in range(15)]
        lived_through(market, feed, [*steps, (1800.0, 119.0, 500.0), (1900.0, 1900.0, 130.0)])
        if replaced:
            other = path.with_suffix(".csv")
            (market.data.get_data("1min", closed_only=True).iloc[2:4, :5] * 2).to_csv(other)
            market.load(other, overwrite=True)
        return market.export(path)


@pytest.mark.parametrize("replaced", [False, True])
def test_what_changes_later_than_now_has_changed_when_it_is_read(replaced: bool, tmp_path: Path) -> None:
    path, feed = changed_later(tmp_path / "a.parquet", replaced=replaced), HandFeed()
    with open_market(feed, "1min", max_lateness_seconds=3600) as market:
        lived_through(market, feed, [(901.0, 901.0, 100.0), (961.0, 961.0, 100.0)])
        market.load(path)
        steps = [(1000.0, 1000.0, 100.0), (1010.0, 910.0, 99.0), (1100.0, 1100.0, 100.0)]
        seen = lived_through(market, feed, steps, "1min")["1min"]
        assert seen[START / 1e9 + 1000.0]["high"].max() == 500.0
        assert market.alignment("1min").time is not None
        assert_known(market, "1min", seen)
        market.export(tmp_path / "b.parquet")
    with open_market(HandFeed(clock=EventClock(START + 3600 * MINUTE)), "1min") as market:
        assert [note for one in market.load(tmp_path / "b.parquet") for note in one.notes] == []
        assert_known(market, "1min", seen)


def test_bars_that_left_memory_after_others_were_replaced_are_no_empty_answer(tmp_path: Path) -> None:
    feed = HandFeed()
    with open_market(feed, "1min", max_bars_per_timeframe=5) as market:
        lived_through(market, feed, [(60.0 * at + 1, 60.0 * at + 1, 100.0) for at in range(6)])
        path = tmp_path / "other.csv"
        (market.data.get_data("1min", closed_only=True).iloc[-2:, :5] * 2).to_csv(path)
        feed.clock.advance(START + 303 * SECOND)  # type: ignore[attr-defined]  # a clock of events
        assert market.load(path, overwrite=True)[0].replaced == 2
        lived_through(market, feed, [(60.0 * at + 1, 60.0 * at + 1, 100.0) for at in range(6, 30)])
        for count in (None, 3):
            with pytest.raises(NoDataError, match="have left memory"):
                market.data.get_data("1min", as_of=START / 1e9 + 302, count=count)


@pytest.mark.parametrize("kind", ["csv", "json", "parquet"])
def test_no_file_is_written_of_less_than_no_bars(tmp_path: Path, kind: str) -> None:
    with open_market(HandFeed(minutes(-100, 100)), "1min") as market:
        write = getattr(market.data, f"export_to_{kind}")
        with pytest.raises(OptionError, match="count must be a whole number of at least 0; got -1"):
            write("1min", tmp_path / f"bars.{kind}", count=-1)
    assert not list(tmp_path.iterdir())


def test_four_thousand_million_trades_in_a_bar_are_held_as_such(tmp_path: Path) -> None:
    with open_market(HandFeed(minutes(-100, 100)), "1min") as market:
        frame = market.data.get_data("1min")
        frame["tick_count"] = float(2**32 - 1)
        write_bars(frame, tmp_path / "bars.parquet")
        market.load(tmp_path / "bars.parquet", "1min", overwrite=True)
        assert set(market.data.get_data("1min")["tick_count"]) == {2**32 - 1}
        frame.iloc[3, frame.columns.get_loc("tick_count")] = float(2**32)
        write_bars(frame, tmp_path / "bars.parquet")
        with pytest.warns(UserWarning, match="1 too_many_trades"):
            market.load(tmp_path / "bars.parquet", "1min", overwrite=True)


def test_a_high_that_misses_the_close_by_the_last_bits_of_a_float_is_widened_to_it(tmp_path: Path) -> None:
    with open_market(HandFeed(minutes(-100, 100)), "1min") as market:
        frame = market.data.get_data("1min")
        close, low = 151.23456789012349, 150.90000000000003
        frame.loc[frame.index[3], ["open", "high", "low", "close"]] = (
            low - 3e-14,
            151.23456789012346,
            low,
            close,
        )
        write_bars(frame, tmp_path / "bars.csv")
        market.load(tmp_path / "bars.csv", "1min", overwrite=True)
        row = market.data.get_data("1min").iloc[3]
        assert (row["high"], row["low"]) == (close, low - 3e-14)


@pytest.mark.parametrize("factor", [0.28, 2.9, 1e-3])
def test_bars_at_another_level_than_the_markets_are_warned_of(tmp_path: Path, factor: float) -> None:
    with open_market(HandFeed(minutes(-100, 100)), "1min", "5min") as market:
        frame = market.data.get_data("1min")
        frame[["open", "high", "low", "close"]] *= factor
        write_bars(frame, tmp_path / "bars.csv")
        with pytest.warns(UserWarning, match=rf"closes of 100 times .* are {factor:.3g} times the market's"):
            (result,) = market.load(tmp_path / "bars.csv", "1min")
        assert [one.type for one in result.findings] == ["contradicts_held", "off_level"]
        assert market.data.get_validation_errors(type="off_level")


def test_bars_of_long_ago_are_compared_with_the_nearest_and_a_market_that_grew_is_none_of_another_one(
    tmp_path: Path,
) -> None:
    with open_market(HandFeed(minutes(-100, 100)), "1min", "5min") as market:
        frame = market.data.get_data("1min")
        frame.index -= pd.Timedelta(days=400)
        frame[["open", "high", "low", "close"]] /= 5
        write_bars(frame, tmp_path / "old.csv")
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            market.load(tmp_path / "old.csv", "1min")
        frame[["open", "high", "low", "close"]] /= 300
        frame.index -= pd.Timedelta(days=1)
        write_bars(frame, tmp_path / "other.csv")
        with pytest.warns(UserWarning, match="the bar nearest in time, are"):
            market.load(tmp_path / "other.csv", "1min")
